/* What a run will take, told before it starts: time by a cost model, and memory. */
#include <math.h>

#include "model/cube.h"
#include "optim/run_private.h"

static const double TYPICAL_SAMPLE = 6e5; /* cost of an image's sample, mostly slices, over the band's square */

/* ---- cost model: image-pose evaluations x what each takes (bench/estep) ---- */

/* The direct engine works through all frequencies for each pose; the polar one a few rings and its share of a
 * transform. An adaptive search leaves out most poses. */
static double cost_of_pose(const fz_stage_spec *spec) {
  if (spec->engine == FZ_ENGINE_DIRECT) return 1.6 * (spec->kmax + 1) * (spec->kmax + 1);
  return (12 + spec->kmax) * (spec->marginalization == FZ_MARGINALIZATION_ADAPTIVE ? 0.2 : 1.0);
}

double fz_run_cost_of_pass(const fz_run_settings *s, const fz_dataset *data, int64_t phase, int kmax) {
  fz_stage_spec spec = fz_run_stage_spec(s, data->box, phase, 0, kmax);
  double shifts = spec.shift_step_px > 0 ? 3.2 * pow(spec.shift_radius_px / spec.shift_step_px, 2) + 1 : 1;
  double poses = (double)fz_direction_grid_count(spec.directions) * spec.n_psi * shifts;
  double image = poses * cost_of_pose(&spec);
  if (spec.engine == FZ_ENGINE_IMPORTANCE) image = fmin(image, TYPICAL_SAMPLE * (kmax + 1) * (kmax + 1));
  return (double)data->n * image * s->n_classes;
}

static double cost_of_climb(const fz_run_settings *s, const fz_dataset *data) {
  double cost = 0;
  for (int i = 0; i < s->schedule.n_ladder; i++)
    cost += s->schedule.ladder[i].passes * fz_run_cost_of_pass(s, data, FZ_RUN_CLIMB, s->schedule.ladder[i].kmax);
  return cost;
}

static double total_cost(const fz_run_settings *s, const fz_dataset *data) {
  double cost = 0;
  if (!s->initial) {
    cost = s->starts * cost_of_climb(s, data);
    if (s->starts > 1)
      cost +=
          s->starts * fz_run_cost_of_pass(s, data, FZ_RUN_COMPARE, s->schedule.ladder[s->schedule.n_ladder - 1].kmax);
  }
  int kmax = fz_run_first_refine_kmax(s);
  for (int pass = 0; pass < s->max_refine_passes; pass++) {
    cost += fz_run_cost_of_pass(s, data, FZ_RUN_REFINE, kmax);
    if (kmax == s->schedule.kmax_limit) break;
    kmax = fz_run_next_kmax(s, kmax);
  }
  return cost;
}

double fz_run_fraction(const fz_run *run) {
  if (run->phase == FZ_RUN_COMPLETE) return 1;
  double done = run->cost_done;
  if (run->optimizer)
    done += fz_optimizer_passes(run->optimizer) *
            fz_run_cost_of_pass(&run->settings, run->data, FZ_RUN_CLIMB, fz_run_present_kmax(run));
  return fmin(0.999, done / total_cost(&run->settings, run->data));
}
/* ---- memory ---- */

/* Statistics of batches that some always keep, the variance-reduced optimizers if they are allowed to. */
static int64_t kept_bytes(const fz_run_settings *s, int rung, int64_t images, int64_t words) {
  int64_t batch = s->optimizer.batch_images ? s->optimizer.batch_images : s->schedule.ladder[rung].batch_images;
  int64_t bytes = 8 * words * (images / batch + 1);
  bool reduced = s->kind->takes & FZ_TAKES_INNER_PASSES && (double)bytes <= s->optimizer.keep_bytes;
  return reduced || s->kind->keeps_batches ? bytes : 0;
}

int64_t fz_run_bytes(const fz_run_settings *s, const fz_dataset *data, int ranks) {
  int64_t largest = 0, last = fz_run_first_refine_kmax(s);
  for (int kmax = (int)last; kmax < s->schedule.kmax_limit; kmax = fz_run_next_kmax(s, kmax))
    last = fz_run_next_kmax(s, kmax);
  for (int i = 0; i <= s->schedule.n_ladder; i++) {
    bool refine = i == s->schedule.n_ladder;
    if (!refine && s->initial) continue;
    int kmax = refine ? (int)last : s->schedule.ladder[i].kmax, m = fz_work_box(kmax);
    fz_stage_spec spec = fz_run_stage_spec(s, data->box, refine ? FZ_RUN_REFINE : FZ_RUN_CLIMB, 0, kmax);
    int64_t b = 2 * fz_cube_make(m, 2, kmax).cells, a = fz_cube_make(m, 4, kmax).cells, k = s->n_classes;
    int64_t moments = k * (a + b), words = moments + (spec.want & FZ_WANT_GRADIENT ? k * b : 0);
    /* words, running and batch moments, volumes; the M-step's grids: 4m real and half-complex, 2m kernel and operator
     */
    int64_t stage = fz_stage_bytes(data, &spec) + 8 * (2 * words + 3 * moments + k * b);
    int64_t solve = 8 * (2 * fz_run_voxels(4 * m) + 4 * fz_run_voxels(2 * m) + 12 * k * fz_run_voxels(m));
    if (!refine) stage += kept_bytes(s, i, data->n, words) / ranks;
    if (stage + solve > largest) largest = stage + solve;
  }
  int m = fz_work_box((int)last);
  fz_polish_spec polish = {.kmax = (int)last, .m = m, .n_classes = s->n_classes, .threads = s->threads};
  int64_t last_step = fz_polish_bytes(data, &polish) + 24 * s->n_classes * fz_run_voxels(m) +
                      (int64_t)(sizeof(fz_image_state) + sizeof(int64_t)) * data->n;
  if (s->polish_poses && last_step > largest) largest = last_step;
  int64_t kept = 2 * (int64_t)sizeof(fz_image_state);
  if (s->marginalization == FZ_MARGINALIZATION_IMPORTANCE) kept += 3 * (int64_t)sizeof(fz_pose_memory);
  return largest + kept * data->table->n;
}
