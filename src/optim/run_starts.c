/* Several random starts: which one is refined, and whether the best two have found the same map. */
#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "metrics/align.h"
#include "model/resample.h"
#include "model/shells.h"
#include "optim/run_private.h"

static const double FSC_MAPS = 0.5; /* of a map and one that is as good */
/* Mean correlation from which two starts count as the same map. */
static const double ALIKE = 0.8;
enum { LEAST_BOX = 24 };

static int last_kmax(const fz_run *run) {
  return fz_run_climb_kmax(&run->settings, fz_run_climbs_further(run));
}

void fz_run_begin_refinement(fz_run *run) {
  fz_stage_spec spec =
      fz_run_stage_spec(&run->settings, run->data->box, FZ_RUN_COMPARE, run->start - 1, last_kmax(run));
  run->all_shifts = 1;
  fz_run_follow_shifts(run, &spec);
  run->phase = FZ_RUN_REFINE;
  run->pass = 0;
  run->now.reach = last_kmax(run);
  run->kmax = fz_run_first_refine_kmax(&run->settings, fz_run_climbs_further(run));
}

/* ---- the best two ---- */

static fz_status keep(const fz_run *run, double **volume) {
  double *copy = fz_alloc(run->view->dim, sizeof *copy);
  if (!copy) return FZ_ENOMEM;
  memcpy(copy, run->w, sizeof *copy * (size_t)run->view->dim);
  fz_free(volume);
  *volume = copy;
  return FZ_OK;
}

static fz_status rank_start(fz_run *run, double gain) {
  if (gain <= run->best_gain) {
    if (gain <= run->second_gain) return FZ_OK;
    run->second_gain = gain;
    return keep(run, &run->second_w);
  }
  double *best = run->best_w;
  run->best_w = NULL;
  fz_status st = keep(run, &run->best_w);
  if (st != FZ_OK) {
    run->best_w = best;
    return st;
  }
  fz_free(&run->second_w);
  run->second_w = best;
  run->second_gain = run->best_gain;
  run->best_m = run->m;
  run->best_gain = gain;
  memcpy(run->best_state, run->data->state, sizeof *run->best_state * (size_t)run->data->table->n);
  return FZ_OK;
}

static void take_best(fz_run *run) {
  fz_free(&run->w);
  run->w = run->best_w;
  run->m = run->best_m;
  run->best_w = NULL;
  run->best_m = 0;
  fz_free(&run->second_w);
  memcpy(run->data->state, run->best_state, sizeof *run->best_state * (size_t)run->data->table->n);
}

/* ---- do they agree? ---- */

static fz_status to_map(const double *volume, int m, int n, fz_map *map) {
  ptrdiff_t size = (ptrdiff_t)n * n * n;
  double *fitted = fz_alloc(size, sizeof *fitted);
  *map = (fz_map){.n = n, .voxel = fz_alloc(size, sizeof *map->voxel)};
  fz_status st = fitted && map->voxel ? fz_resample(volume, m, fitted, n) : FZ_ENOMEM;
  for (ptrdiff_t i = 0; i < size && st == FZ_OK; i++) map->voxel[i] = (float)fitted[i];
  fz_free(&fitted);
  return st;
}

typedef struct likeness {
  double mean, shell; /* of the correlations; to which they are above FSC_MAPS */
} likeness;

/* Of two maps that lie on each other, without their rotational averages. */
static fz_status measure(const fz_map *a, const fz_map *b, int kmax, likeness *like) {
  ptrdiff_t size = (ptrdiff_t)a->n * a->n * a->n;
  double *first = fz_alloc(size, sizeof *first), *second = fz_alloc(size, sizeof *second);
  double *fsc = fz_alloc(kmax + 1, sizeof *fsc);
  fz_shell_products *whole = fz_alloc(kmax + 1, sizeof *whole), *turned = fz_alloc(kmax + 1, sizeof *turned);
  fz_status st = first && second && fsc && whole && turned ? FZ_OK : FZ_ENOMEM;
  for (ptrdiff_t i = 0; i < size && st == FZ_OK; i++) {
    first[i] = a->voxel[i];
    second[i] = b->voxel[i];
  }
  if (st == FZ_OK) st = fz_shells_multiply(a->n, first, second, kmax + 1, whole, turned);
  for (int s = 1; s <= kmax && st == FZ_OK; s++) {
    fsc[s] = fz_shell_fsc(&turned[s]);
    like->mean += fsc[s] / kmax;
  }
  if (st == FZ_OK) like->shell = fz_shells_part(fsc, kmax, FSC_MAPS);
  fz_free(&first);
  fz_free(&second);
  fz_free(&fsc);
  fz_free(&whole);
  fz_free(&turned);
  return st;
}

/* Two maps in any orientation, position and hand. A constant one agrees with none. */
static fz_status compare_maps(const double *a, const double *b, int m, int kmax, likeness *like, fz_error *err) {
  int n = m > LEAST_BOX ? m : LEAST_BOX;
  if (n < 2 * (kmax + 2)) n = 2 * (kmax + 2);
  fz_map map[2] = {{0}}, moved = {0};
  fz_align_options options = fz_align_default(n);
  fz_align_result found;
  *like = (likeness){0};
  options.shells[FZ_ALIGN_COARSE] = fmax(2, 0.6 * kmax);
  options.shells[FZ_ALIGN_MIDDLE] = options.shells[FZ_ALIGN_FINE] = kmax;
  fz_status st = to_map(a, m, n, &map[0]);
  if (st == FZ_OK) st = to_map(b, m, n, &map[1]);
  if (st == FZ_OK) st = fz_align_find(&map[1], &map[0], &options, &found, err);
  if (st == FZ_EINPUT) {
    st = FZ_OK;
  } else if (st == FZ_OK) {
    st = fz_resample_rigid(&map[1], &found.hand[found.best].motion, &moved, err);
    if (st == FZ_OK) st = measure(&map[0], &moved, kmax, like);
  }
  fz_map_clear(&map[0]);
  fz_map_clear(&map[1]);
  fz_map_clear(&moved);
  return st;
}

static int most_populated(const fz_run *run) {
  int64_t count[FZ_RUN_CLASSES_MAX] = {0};
  int best = 0;
  for (int64_t i = 0; i < run->data->table->n; i++)
    if (run->best_state[i].visited > 0) count[(int)run->best_state[i].class_index]++;
  for (int k = 1; k < run->settings.n_classes; k++)
    if (count[k] > count[best]) best = k;
  return best;
}

/* Classes come in any order: the leading one of the best start, and the one most like it of the second. */
static fz_status compare_best(fz_run *run, fz_error *err) {
  int leading = most_populated(run), m = (int)run->best_m;
  run->likeness = run->agreed_shell = 0;
  for (int k = 0; k < run->settings.n_classes; k++) {
    likeness like;
    fz_status st = compare_maps(run->best_w + leading * fz_run_voxels(m), run->second_w + k * fz_run_voxels(m), m,
                                last_kmax(run), &like, err);
    if (st != FZ_OK) return st;
    if (like.mean < run->likeness) continue;
    run->likeness = like.mean;
    run->agreed_shell = like.shell;
  }
  return FZ_OK;
}

bool fz_run_starts_agree(const fz_run *run) {
  return run->likeness >= ALIKE;
}

/* Starts that found the same map have nearly the same likelihood; one that failed is clearly lower. */
static void report_starts(const fz_run *run) {
  int best = (int)run->compared_from;
  for (int i = best + 1; i < run->starts; i++)
    if (run->start_gain[i] > run->start_gain[best]) best = i;
  for (int i = (int)run->compared_from; i < run->starts; i++)
    fz_log(FZ_LOG_INFO, "start %d: gain %.3f per image%s", i + 1, run->start_gain[i], i == best ? ", refined" : "");
  fz_log(FZ_LOG_INFO, "the best two correlate by %.2f to shell %d", run->likeness, last_kmax(run));
}

/* The first that did not agree are no match for those that follow and climb further. */
static void climb_further(fz_run *run) {
  const fz_run_settings *s = &run->settings;
  run->compared_from = run->starts;
  run->starts += s->starts;
  if (run->starts > s->most_starts) run->starts = s->most_starts;
  run->best_gain = run->second_gain = -HUGE_VAL;
  run->best_m = 0;
  fz_free(&run->best_w);
  fz_free(&run->second_w);
  fz_log(FZ_LOG_INFO, "the best two starts correlate by %.2f only: others climb further, to shell %d", run->likeness,
         last_kmax(run));
}

/* After the last start that was planned: more of them, or the refinement of the best. */
static fz_status end_starts(fz_run *run, fz_error *err) {
  const fz_run_settings *s = &run->settings;
  fz_status st = compare_best(run, err);
  if (st != FZ_OK) return st;
  /* Where images tell nothing, no number of starts will agree. */
  if (!fz_run_starts_agree(run) && run->starts < s->most_starts && fz_run_poses_are_told(run)) {
    if (s->schedule.n_further && !fz_run_climbs_further(run) && run->starts + 2 <= s->most_starts) {
      climb_further(run);
    } else {
      run->starts++;
      fz_log(FZ_LOG_INFO, "the best two starts correlate by %.2f only: one more", run->likeness);
    }
    return FZ_OK;
  }
  report_starts(run);
  take_best(run);
  fz_run_begin_refinement(run);
  return FZ_OK;
}

/* A common E-step decides between starts: same band limit, quadrature and noise. */
fz_status fz_run_compare(fz_run *run, fz_error *err) {
  const fz_objective *f = run->view;
  int64_t *tile = NULL, n = 0, *words = fz_alloc(f->n_words, sizeof *words);
  fz_status st = fz_run_agree(run, words ? fz_run_tiles(run, -1, &tile, &n) : FZ_ENOMEM, err);
  if (st == FZ_OK) st = f->evaluate(f->self, run->w, tile, n, words, err);
  if (st != FZ_OK) goto done;
  double gain = f->gain(f->self, words) / (double)run->data->n;
  run->last_gain = run->start_gain[run->start] = gain;
  if (gain > run->best_gain) run->now.information = fz_run_information(run);
  FZ_TRY(rank_start(run, gain));
  run->cost_done += fz_run_cost_of_pass(&run->settings, run->data, FZ_RUN_COMPARE, fz_run_present_kmax(run));
  run->passes++;
  fz_run_close_stage(run);
  fz_free(&run->w);
  run->m = run->rung = 0;
  memset(run->data->state, 0, sizeof *run->data->state * (size_t)run->data->table->n);
  run->phase = FZ_RUN_CLIMB;
  if (++run->start == run->starts) st = end_starts(run, err);
done:
  fz_free(&tile);
  fz_free(&words);
  return st == FZ_ENOMEM ? fz_fail(err, st, "no memory for a comparison of starts") : st;
}
