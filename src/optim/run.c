#include "optim/run.h"

#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/random.h"
#include "metrics/fsc.h"
#include "model/resample.h"
#include "model/start.h"

static const double FSC_HALVES = 0.143;
static const double TYPICAL_SAMPLE = 6e5; /* cost of an image's sample, mostly slices, over the band's square */
static const double RISE = 1.2;           /* of the band limit from one refinement pass to the next */

static int64_t voxels(int64_t m) {
  return m * m * m;
}

static int next_kmax(const fz_run_settings *s, int kmax) {
  int next = (int)ceil(RISE * kmax - 1e-9);
  return next < s->schedule.kmax_limit ? next : s->schedule.kmax_limit;
}

static int first_refine_kmax(const fz_run_settings *s) {
  if (s->initial) return s->initial_kmax < s->schedule.kmax_limit ? s->initial_kmax : s->schedule.kmax_limit;
  return next_kmax(s, s->schedule.ladder[s->schedule.n_ladder - 1].kmax);
}

fz_status fz_run_init(fz_run *run, const fz_run_settings *settings, fz_dataset *data, const fz_run_host *host,
                      fz_error *err) {
  *run = (fz_run){.settings = *settings, .data = data, .host = *host, .best_gain = -HUGE_VAL};
  run->best_state = fz_alloc(data->table->n, sizeof *run->best_state);
  run->n_fsc = (int64_t)settings->n_classes * data->n_shells;
  run->fsc = fz_alloc(run->n_fsc, sizeof *run->fsc);
  fz_status st = run->best_state && run->fsc ? FZ_OK : FZ_ENOMEM;
  if (st == FZ_OK && settings->marginalization == FZ_MARGINALIZATION_IMPORTANCE) st = fz_dataset_keep_memory(data);
  if (st != FZ_OK) {
    fz_run_clear(run);
    return fz_fail(err, st, "no memory for the state of %lld particles", (long long)data->table->n);
  }
  if (settings->initial) {
    run->phase = FZ_RUN_REFINE;
    run->kmax = first_refine_kmax(settings);
  }
  return FZ_OK;
}

static void close_stage(fz_run *run) {
  fz_optimizer_destroy(&run->optimizer);
  if (run->view) run->host.close(run->host.self);
  run->view = NULL;
  run->stage = NULL;
}

void fz_run_clear(fz_run *run) {
  close_stage(run);
  fz_free(&run->w);
  fz_free(&run->best_w);
  fz_free(&run->half[0]);
  fz_free(&run->half[1]);
  fz_free(&run->best_state);
  fz_free(&run->fsc);
  *run = (fz_run){0};
}

/* Memory runs out on one rank alone: what each does by itself is agreed upon before the next collective step. */
static fz_status agree(const fz_run *run, fz_status st, fz_error *err) {
  return run->host.agree(run->host.self, st, err);
}

/* ---- opening the stage that the present place needs ---- */

/* Poses are drawn in the refinement only: while the map still changes beyond recognition, the poses of an image do too,
 * and at those band limits all of them are cheap.  Starts are compared by sums over the same poses. */
static void choose_engine(const fz_run_settings *s, int64_t phase, fz_stage_spec *spec) {
  spec->engine = s->engine;
  spec->marginalization = s->marginalization;
  if (s->marginalization != FZ_MARGINALIZATION_IMPORTANCE) return;
  if (phase == FZ_RUN_REFINE)
    spec->engine = FZ_ENGINE_IMPORTANCE;
  else
    spec->marginalization = s->engine == FZ_ENGINE_POLAR ? FZ_MARGINALIZATION_ADAPTIVE : FZ_MARGINALIZATION_EXHAUSTIVE;
}

static fz_stage_spec stage_spec(const fz_run_settings *s, int box, int64_t phase, int64_t start, int kmax) {
  fz_random r = fz_random_stream(s->seed, FZ_PURPOSE_GRID_ROTATION, (uint32_t)start, (uint64_t)kmax);
  fz_stage_spec spec = {.turn = fz_rotation_random(&r),
                        .n_classes = s->n_classes,
                        .seed = s->seed * 1000003u + (uint64_t)start,
                        .want = phase == FZ_RUN_CLIMB ? fz_optimizer_want(s->kind, &s->optimizer) : FZ_WANT_MOMENTS,
                        .double_precision = s->double_precision,
                        .threads = s->threads,
                        .cache_bytes = s->cache_bytes};
  choose_engine(s, phase, &spec);
  fz_schedule_sampling(&s->sampling, box, kmax, phase == FZ_RUN_REFINE && !s->initial, &spec);
  return spec;
}

static int present_kmax(const fz_run *run) {
  const fz_schedule *s = &run->settings.schedule;
  if (run->phase == FZ_RUN_CLIMB) return s->ladder[run->rung].kmax;
  if (run->phase == FZ_RUN_COMPARE) return s->ladder[s->n_ladder - 1].kmax;
  return (int)run->kmax;
}

static fz_status open_stage(fz_run *run, fz_error *err) {
  int kmax = present_kmax(run);
  fz_stage_spec spec = stage_spec(&run->settings, run->data->box, run->phase, run->start, kmax);
  double *inverse = fz_alloc(kmax + 2, sizeof *inverse);
  fz_status st = agree(run, inverse ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for a spectrum"), err);
  if (st != FZ_OK) goto done;
  for (int s = 0; s < kmax + 2; s++)
    inverse[s] = 1.0 / run->data->signal_tau2[s < run->data->n_shells ? s : run->data->n_shells - 1];
  st = run->host.open(run->host.self, run->data, &spec, inverse, run->data->mask_radius_px, &run->view, &run->stage,
                      err);
done:
  fz_free(&inverse);
  return st;
}

/* w on the grid of the open stage: resampled, or a start. */
static fz_status fit_volume(fz_run *run, fz_error *err) {
  int m = run->stage->m, classes = run->settings.n_classes;
  if (run->m == m) return FZ_OK;
  fz_status st = FZ_OK;
  double *w = fz_alloc(classes * voxels(m), sizeof *w);
  if (!w) return fz_fail(err, FZ_ENOMEM, "no memory for %d volumes of %d^3 voxels", classes, m);
  for (int k = 0; k < classes && st == FZ_OK; k++) {
    double *to = w + k * voxels(m);
    if (run->m)
      st = fz_resample(run->w + k * voxels(run->m), (int)run->m, to, m);
    else if (run->settings.initial)
      st = fz_resample(run->settings.initial, run->data->box, to, m);
    else
      st = fz_start_volume(run->settings.seed, (int)run->start, k, m, 3, run->data->signal_tau2,
                           run->stage->slice_scale, run->data->mask_radius_px * m / run->data->box, to);
  }
  fz_free(&run->w);
  run->w = w;
  run->m = m;
  return st == FZ_OK ? FZ_OK : fz_fail(err, st, "no memory to resample a volume");
}

static fz_status make_halves(fz_run *run, fz_error *err) {
  for (int h = 0; h < 2; h++) {
    fz_free(&run->half[h]);
    run->half[h] = fz_alloc(run->view->dim, sizeof(double));
    if (!run->half[h]) return fz_fail(err, FZ_ENOMEM, "no memory for half-maps");
  }
  return FZ_OK;
}

/* Make ready what the next step needs: stage, volumes on its grid, optimizer. */
static fz_status prepare(fz_run *run, fz_error *err) {
  if (run->view || run->phase >= FZ_RUN_POLISH) return FZ_OK;
  fz_status st;
  FZ_TRY(open_stage(run, err));
  FZ_TRY(agree(run, fit_volume(run, err), err));
  if (run->phase == FZ_RUN_CLIMB) {
    const fz_schedule_step *rung = &run->settings.schedule.ladder[run->rung];
    fz_optimizer_options options = run->settings.optimizer;
    if (options.batch_images == 0) options.batch_images = rung->batch_images;
    if (options.batch_images > run->data->n) options.batch_images = run->data->n;
    options.seed = run->settings.seed * 1000003u + (uint64_t)run->start * 101u + (uint64_t)run->rung;
    st = fz_optimizer_create(run->settings.kind, run->view, &options, run->w, &run->optimizer, err);
    FZ_TRY(agree(run, st, err));
  }
done:
  return st;
}

fz_status fz_run_restore(fz_run *run, fz_error *err) {
  int64_t classes = run->settings.n_classes;
  fz_status st = FZ_OK;
  if (run->m && !(run->w = fz_alloc(classes * voxels(run->m), sizeof *run->w))) st = FZ_ENOMEM;
  if (run->best_m && !(run->best_w = fz_alloc(classes * voxels(run->best_m), sizeof *run->w))) st = FZ_ENOMEM;
  for (int h = 0; h < 2 && run->phase >= FZ_RUN_POLISH; h++)
    if (!(run->half[h] = fz_alloc(classes * voxels(run->m), sizeof(double)))) st = FZ_ENOMEM;
  if (st != FZ_OK) fz_fail(err, st, "no memory for the volumes of the checkpoint");
  st = agree(run, st, err);
  if (st != FZ_OK) return st;
  return run->climbing ? prepare(run, err) : FZ_OK;
}

/* ---- cost model: image-pose evaluations x what each takes (bench/estep) ---- */

/* The direct engine works through all frequencies for each pose; the polar one a few rings and its share of a
 * transform. An adaptive search leaves out most poses. */
static double cost_of_pose(const fz_stage_spec *spec) {
  if (spec->engine == FZ_ENGINE_DIRECT) return 1.6 * (spec->kmax + 1) * (spec->kmax + 1);
  return (12 + spec->kmax) * (spec->marginalization == FZ_MARGINALIZATION_ADAPTIVE ? 0.2 : 1.0);
}

static double cost_of_pass(const fz_run_settings *s, const fz_dataset *data, int64_t phase, int kmax) {
  fz_stage_spec spec = stage_spec(s, data->box, phase, 0, kmax);
  double shifts = spec.shift_step_px > 0 ? 3.2 * pow(spec.shift_radius_px / spec.shift_step_px, 2) + 1 : 1;
  double poses = (double)fz_direction_grid_count(spec.directions) * spec.n_psi * shifts;
  double image = poses * cost_of_pose(&spec);
  if (spec.engine == FZ_ENGINE_IMPORTANCE) image = fmin(image, TYPICAL_SAMPLE * (kmax + 1) * (kmax + 1));
  return (double)data->n * image * s->n_classes;
}

static double cost_of_climb(const fz_run_settings *s, const fz_dataset *data) {
  double cost = 0;
  for (int i = 0; i < s->schedule.n_ladder; i++)
    cost += s->schedule.ladder[i].passes * cost_of_pass(s, data, FZ_RUN_CLIMB, s->schedule.ladder[i].kmax);
  return cost;
}

static double total_cost(const fz_run_settings *s, const fz_dataset *data) {
  double cost = 0;
  if (!s->initial) {
    cost = s->starts * cost_of_climb(s, data);
    if (s->starts > 1)
      cost += s->starts * cost_of_pass(s, data, FZ_RUN_COMPARE, s->schedule.ladder[s->schedule.n_ladder - 1].kmax);
  }
  int kmax = first_refine_kmax(s);
  for (int pass = 0; pass < s->max_refine_passes; pass++) {
    cost += cost_of_pass(s, data, FZ_RUN_REFINE, kmax);
    if (kmax == s->schedule.kmax_limit) break;
    kmax = next_kmax(s, kmax);
  }
  return cost;
}

double fz_run_fraction(const fz_run *run) {
  if (run->phase == FZ_RUN_COMPLETE) return 1;
  double done = run->cost_done;
  if (run->optimizer)
    done +=
        fz_optimizer_passes(run->optimizer) * cost_of_pass(&run->settings, run->data, FZ_RUN_CLIMB, present_kmax(run));
  return fmin(0.999, done / total_cost(&run->settings, run->data));
}

/* ---- the steps ---- */

static void begin_refinement(fz_run *run) {
  run->phase = FZ_RUN_REFINE;
  run->pass = 0;
  run->reach = run->settings.schedule.ladder[run->settings.schedule.n_ladder - 1].kmax;
  run->kmax = first_refine_kmax(&run->settings);
}

static void centre_images(fz_run *run) {
  for (int64_t i = 0; i < run->data->table->n; i++) {
    fz_image_state *s = &run->data->state[i];
    s->centre_x_px = s->shift_x_px;
    s->centre_y_px = s->shift_y_px;
  }
}

static fz_status step_climb(fz_run *run, fz_error *err) {
  const fz_schedule *schedule = &run->settings.schedule;
  double before = fz_optimizer_passes(run->optimizer);
  fz_status st = fz_optimizer_step(run->optimizer, err);
  if (st != FZ_OK) return st;
  run->passes += fz_optimizer_passes(run->optimizer) - before;
  run->last_gain = run->optimizer->gain;
  if (fz_optimizer_passes(run->optimizer) < schedule->ladder[run->rung].passes - 1e-9) return FZ_OK;
  memcpy(run->w, run->optimizer->w, sizeof *run->w * (size_t)run->view->dim);
  run->cost_done += fz_optimizer_passes(run->optimizer) *
                    cost_of_pass(&run->settings, run->data, FZ_RUN_CLIMB, schedule->ladder[run->rung].kmax);
  close_stage(run);
  if (++run->rung < schedule->n_ladder) return FZ_OK;
  run->phase = FZ_RUN_COMPARE;
  if (run->settings.starts > 1) return FZ_OK;
  centre_images(run);
  begin_refinement(run);
  return FZ_OK;
}

static fz_status all_tiles(const fz_run *run, int half, int64_t **tile, int64_t *n) {
  const fz_dataset *data = run->data;
  *tile = fz_alloc(data->n_tiles, sizeof **tile);
  *n = 0;
  if (!*tile) return FZ_ENOMEM;
  for (int64_t t = 0; t < data->n_tiles; t++)
    if (half < 0 || data->half[data->particle[data->tile_first[t]]] == half) (*tile)[(*n)++] = t;
  return FZ_OK;
}

static fz_status keep_as_best(fz_run *run, double gain) {
  double *copy = fz_alloc(run->view->dim, sizeof *copy);
  if (!copy) return FZ_ENOMEM;
  memcpy(copy, run->w, sizeof *copy * (size_t)run->view->dim);
  fz_free(&run->best_w);
  run->best_w = copy;
  run->best_m = run->m;
  run->best_gain = gain;
  memcpy(run->best_state, run->data->state, sizeof *run->best_state * (size_t)run->data->table->n);
  return FZ_OK;
}

static fz_status take_best(fz_run *run) {
  double *copy = fz_alloc(run->settings.n_classes * voxels(run->best_m), sizeof *copy);
  if (!copy) return FZ_ENOMEM;
  memcpy(copy, run->best_w, sizeof *copy * (size_t)(run->settings.n_classes * voxels(run->best_m)));
  fz_free(&run->w);
  run->w = copy;
  run->m = run->best_m;
  memcpy(run->data->state, run->best_state, sizeof *run->best_state * (size_t)run->data->table->n);
  centre_images(run);
  return FZ_OK;
}

/* Starts that found the same map have nearly the same likelihood; one that failed is clearly lower. */
static void report_starts(const fz_run *run) {
  int best = 0;
  for (int i = 1; i < run->settings.starts; i++)
    if (run->start_gain[i] > run->start_gain[best]) best = i;
  for (int i = 0; i < run->settings.starts; i++)
    fz_log(FZ_LOG_INFO, "start %d: gain %.3f per image%s", i + 1, run->start_gain[i], i == best ? ", refined" : "");
}

/* A common E-step decides between starts: same band limit, quadrature and noise. */
static fz_status step_compare(fz_run *run, fz_error *err) {
  const fz_objective *f = run->view;
  int64_t *tile = NULL, n = 0, *words = fz_alloc(f->n_words, sizeof *words);
  fz_status st = agree(run, words ? all_tiles(run, -1, &tile, &n) : FZ_ENOMEM, err);
  if (st == FZ_OK) st = f->evaluate(f->self, run->w, tile, n, words, err);
  if (st != FZ_OK) goto done;
  double gain = f->gain(f->self, words) / (double)run->data->n;
  run->last_gain = run->start_gain[run->start] = gain;
  if (gain > run->best_gain) FZ_TRY(keep_as_best(run, gain));
  run->cost_done += cost_of_pass(&run->settings, run->data, FZ_RUN_COMPARE, present_kmax(run));
  run->passes++;
  close_stage(run);
  fz_free(&run->w);
  run->m = run->rung = 0;
  memset(run->data->state, 0, sizeof *run->data->state * (size_t)run->data->table->n);
  run->phase = FZ_RUN_CLIMB;
  if (++run->start == run->settings.starts) {
    report_starts(run);
    begin_refinement(run);
    st = take_best(run);
  }
done:
  fz_free(&tile);
  fz_free(&words);
  return st == FZ_ENOMEM ? fz_fail(err, st, "no memory for a comparison of starts") : st;
}

/* sigma2 <- sigma2 x (measured residual / expected residual), shell by shell; the mask leaves `share` of the noise.
 * Beyond the reach of the model that was scored the residual holds the whole signal: those shells keep their noise. */
static void update_noise(fz_run *run, const int64_t *const words[2]) {
  fz_dataset *data = run->data;
  const fz_stage *stage = run->stage;
  const fz_statistics_layout *l = &stage->layout;
  double share = fz_preprocess_mask_share(data->preprocess);
  for (int g = 0; g < data->n_groups; g++) {
    double images = 0;
    for (int h = 0; h < 2; h++) images += fz_statistics_scalar(l, words[h], FZ_SECTION_IMAGES, g);
    for (int s = 1; s < run->reach && s <= stage->spec.kmax && images > 0; s++) {
      double weight = 0, residual = 0;
      for (int p = 0; p < stage->frequencies.count; p++)
        if (stage->frequencies.shell[p] == s) weight += stage->frequencies.weight[p];
      for (int h = 0; h < 2; h++)
        residual += fz_statistics_scalar(l, words[h], FZ_SECTION_RESIDUAL, (ptrdiff_t)g * l->n_shells + s);
      double ratio = residual / (images * weight * share);
      data->sigma2[g * data->n_shells + s] *= fmin(2.0, fmax(0.5, ratio));
    }
  }
}

static fz_status half_fsc(fz_run *run, fz_error *err) {
  const fz_dataset *data = run->data;
  int m = (int)run->m, shells = fz_fsc_shells(m);
  fz_map map[2] = {{0}};
  double *curve = fz_alloc(shells, sizeof *curve);
  fz_status st = curve ? FZ_OK : FZ_ENOMEM;
  for (int h = 0; h < 2; h++) {
    map[h] = (fz_map){.n = m, .voxel_A = data->pixel_A * data->box / m, .voxel = fz_alloc(voxels(m), sizeof(float))};
    if (!map[h].voxel) st = FZ_ENOMEM;
  }
  memset(run->fsc, 0, sizeof *run->fsc * (size_t)run->n_fsc);
  for (int k = 0; k < run->settings.n_classes && st == FZ_OK; k++) {
    for (int h = 0; h < 2; h++)
      for (int64_t i = 0; i < voxels(m); i++) map[h].voxel[i] = (float)run->half[h][k * voxels(m) + i];
    st = fz_fsc_compute(&map[0], &map[1], NULL, curve, err);
    for (int s = 0; s < shells && s < data->n_shells && s <= run->kmax; s++)
      run->fsc[k * data->n_shells + s] = curve[s];
  }
  fz_map_clear(&map[0]);
  fz_map_clear(&map[1]);
  fz_free(&curve);
  return st == FZ_ENOMEM ? fz_fail(err, st, "no memory for a Fourier shell correlation") : st;
}

/* Shell at which the best class's half-maps part; kmax if they never do. */
static double resolved_shell(const fz_run *run) {
  double best = 0;
  for (int k = 0; k < run->settings.n_classes; k++) {
    const double *fsc = run->fsc + k * run->data->n_shells;
    double shell = (double)run->kmax;
    for (int s = 2; s <= run->kmax; s++)
      if (fsc[s] < FSC_HALVES) {
        shell = s - 1 + fmin(1, fmax(0, (fsc[s - 1] - FSC_HALVES) / (fsc[s - 1] - fsc[s])));
        break;
      }
    best = fmax(best, shell);
  }
  return best;
}

static void choose_next_pass(fz_run *run) {
  double shell = resolved_shell(run);
  int limit = run->settings.schedule.kmax_limit;
  fz_run_phase end = run->settings.polish_poses ? FZ_RUN_POLISH : FZ_RUN_COMPLETE;
  bool rises = shell > run->best_shell + 0.25, open = shell >= (double)run->kmax - 1 && run->kmax < limit;
  run->stale = rises || open ? 0 : run->stale + 1;
  run->best_shell = fmax(run->best_shell, shell);
  run->pass++;
  if (run->pass >= run->settings.max_refine_passes || run->stale >= 1) run->phase = end;
  if (run->kmax == limit && shell >= (double)limit - 1) run->phase = end; /* all that was asked for */
  if (open) run->kmax = next_kmax(&run->settings, (int)run->kmax);
}

/* Both halves or neither: a pass that is stopped in its second half must not leave the first half's images with
 * memories of it. */
static fz_status evaluate_halves(fz_run *run, int64_t *const tile[2], const int64_t n[2], int64_t *const words[2],
                                 fz_error *err) {
  const fz_objective *f = run->view;
  fz_dataset *data = run->data;
  size_t bytes = data->memory ? sizeof *data->memory * (size_t)data->table->n : 0;
  fz_pose_average average = data->average;
  fz_pose_memory *memory = fz_alloc((ptrdiff_t)bytes, 1);
  if (memory && bytes) memcpy(memory, data->memory, bytes);
  fz_status st = agree(run, memory ? FZ_OK : FZ_ENOMEM, err);
  for (int h = 0; h < 2 && st == FZ_OK; h++) st = f->evaluate(f->self, run->w, tile[h], n[h], words[h], err);
  if (st != FZ_OK && memory && bytes) {
    memcpy(data->memory, memory, bytes);
    data->average = average;
  }
  fz_free(&memory);
  return st;
}

static fz_status step_refine(fz_run *run, fz_error *err) {
  const fz_objective *f = run->view;
  int64_t *tile[2] = {NULL, NULL}, n[2] = {0, 0}, *words[2];
  for (int h = 0; h < 2; h++) words[h] = fz_alloc(f->n_words, sizeof *words[h]);
  double *moments = fz_alloc(f->n_moments, sizeof *moments);
  fz_status st = words[0] && words[1] && moments ? FZ_OK : FZ_ENOMEM;
  for (int h = 0; h < 2 && st == FZ_OK; h++) st = all_tiles(run, h, &tile[h], &n[h]);
  st = agree(run, st, err);
  if (st == FZ_OK) st = evaluate_halves(run, tile, n, words, err);
  if (st != FZ_OK) goto done;
  /* From here on nothing can be interrupted. */
  int iterations = run->settings.optimizer.full_iterations;
  FZ_TRY(agree(run, make_halves(run, err), err));
  run->last_gain = (f->gain(f->self, words[0]) + f->gain(f->self, words[1])) / (double)run->data->n;
  for (int h = 0; h < 2; h++) {
    memcpy(run->half[h], run->w, sizeof *run->w * (size_t)f->dim);
    f->moments(f->self, words[h], moments);
    FZ_TRY(f->maximize(f->self, moments, (double)f->images(f->self, words[h]), iterations, run->half[h], err));
  }
  update_noise(run, (const int64_t *const[]){words[0], words[1]});
  fz_dataset_estimate_signal(run->data);
  run->reach = run->kmax;
  for (ptrdiff_t i = 0; i < f->n_words; i++) words[0][i] += words[1][i];
  f->moments(f->self, words[0], moments);
  FZ_TRY(f->maximize(f->self, moments, (double)run->data->n, iterations, run->w, err));
  FZ_TRY(half_fsc(run, err));
  centre_images(run);
  run->cost_done += cost_of_pass(&run->settings, run->data, FZ_RUN_REFINE, (int)run->kmax);
  run->passes++;
  choose_next_pass(run);
  close_stage(run);
done:
  for (int h = 0; h < 2; h++) {
    fz_free(&tile[h]);
    fz_free(&words[h]);
  }
  fz_free(&moments);
  return st == FZ_ENOMEM ? fz_fail(err, st, "no memory for a refinement pass") : st;
}

static fz_polish_spec polish_spec(const fz_run *run) {
  return (fz_polish_spec){.kmax = (int)run->reach,
                          .m = (int)run->m,
                          .n_classes = run->settings.n_classes,
                          .threads = run->settings.threads,
                          .volume = {run->w, run->w}, /* poses are shared by the halves: so is the map */
                          .shift_sd_px = run->settings.sampling.shift_range_px / 3};
}

static fz_status step_polish(fz_run *run, fz_error *err) {
  fz_polish_spec spec = polish_spec(run);
  fz_status st = run->host.polish(run->host.self, run->data, &spec, err);
  if (st == FZ_OK) run->phase = FZ_RUN_COMPLETE;
  return st;
}

fz_status fz_run_step(fz_run *run, fz_error *err) {
  fz_status st = prepare(run, err);
  if (st != FZ_OK) return st;
  switch (run->phase) {
    case FZ_RUN_CLIMB: st = step_climb(run, err); break;
    case FZ_RUN_COMPARE: st = step_compare(run, err); break;
    case FZ_RUN_REFINE: st = step_refine(run, err); break;
    case FZ_RUN_POLISH: st = step_polish(run, err); break;
    default: break;
  }
  return agree(run, st, err);
}

/* ---- writing down ---- */

void fz_run_scalars(fz_run *run, fz_state_list *list) {
  run->climbing = run->optimizer != NULL;
  struct {
    const char *name;
    int64_t *value;
    const char *meaning;
  } whole[] = {{"run/phase", &run->phase, "0 climb, 1 compare, 2 refine, 3 polish, 4 complete"},
               {"run/start", &run->start, "random start in progress"},
               {"run/rung", &run->rung, "step of the ladder of band limits"},
               {"run/pass", &run->pass, "refinement passes done"},
               {"run/kmax", &run->kmax, "band limit of the refinement, shells"},
               {"run/reach", &run->reach, "band limit up to which the present volumes were solved for, shells"},
               {"run/stale", &run->stale, "passes without progress"},
               {"run/climbing", &run->climbing, "1: an optimizer is under way and its state follows"},
               {"run/work_box", &run->m, "edge of the present volumes, voxels; 0: none yet"},
               {"run/best_work_box", &run->best_m, "edge of the best start's volumes; 0: none yet"}};
  for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
    fz_state_add_i64(list, whole[i].name, whole[i].value, "1", whole[i].meaning);
  fz_state_add_f64(list, "run/best_gain", &run->best_gain, "nats", "mean gain per image of the best start");
  fz_state_add_f64(list, "run/best_shell", &run->best_shell, "shells", "where the half-maps part, at best");
  fz_state_add_f64(list, "run/cost_done", &run->cost_done, "1", "work done, in the units of the cost model");
  fz_state_add_f64(list, "run/passes", &run->passes, "1", "images evaluated / images");
  fz_state_add_f64(list, "run/last_gain", &run->last_gain, "nats", "mean gain per image of the last step");
  fz_state_add_array(list, "run/start_gain", FZ_STATE_F64, 1, (int64_t[]){FZ_RUN_STARTS_MAX}, run->start_gain, "nats",
                     "mean gain per image of each start in the common E-step");
}

static void list_memories(fz_run *run, fz_state_list *list) {
  static const char *const meaning =
      "visits; spreads of direction, in-plane angle, shift; 12 rotations (axis x angle, "
      "weight); 4 shifts (x, y, weight); rows as in the input";
  int64_t dims[2] = {run->data->table->n, FZ_POSE_MEMORY_NUMBERS}, average[1] = {FZ_POSE_AVERAGE_NUMBERS};
  fz_state_add_array(list, "images/memory", FZ_STATE_F32, 2, dims, run->data->memory, "radians, pixels", meaning);
  fz_state_add_array(list, "images/average", FZ_STATE_F64, 1, average, &run->data->average, "pixels^2",
                     "posterior mass; squared shifts; viewing directions by HEALPix pixel");
}

void fz_run_arrays(fz_run *run, fz_state_list *list) {
  fz_dataset *data = run->data;
  int64_t classes = run->settings.n_classes, groups = data->n_groups;
  int64_t states[2] = {data->table->n, FZ_IMAGE_STATE_NUMBERS};
  fz_state_add_array(list, "images/state", FZ_STATE_F64, 2, states, data->state, "degrees, pixels, nats",
                     "rot tilt psi, shift x y, centre x y, gain, entropy, peak, class, visited; rows as in the input");
  fz_state_add_array(list, "images/best_state", FZ_STATE_F64, 2, states, run->best_state, "degrees, pixels, nats",
                     "the same at the end of the best start");
  if (run->data->memory) list_memories(run, list);
  fz_state_add_array(list, "noise/sigma2", FZ_STATE_F64, 2, (int64_t[]){groups, data->n_shells}, data->sigma2,
                     "squared image units", "noise power per optics group and shell");
  fz_state_add_array(list, "prior/tau2", FZ_STATE_F64, 1, (int64_t[]){data->n_shells}, data->signal_tau2,
                     "squared image units", "signal power per slice coefficient and shell");
  fz_state_add_array(list, "run/fsc", FZ_STATE_F64, 2, (int64_t[]){classes, data->n_shells}, run->fsc, "1",
                     "Fourier shell correlation of the half-maps");
  if (run->m)
    fz_state_add_array(list, "volume/w", FZ_STATE_F64, 4, (int64_t[]){classes, run->m, run->m, run->m}, run->w,
                       "image units", "present volumes on the work box, z y x");
  if (run->best_m)
    fz_state_add_array(list, "volume/best", FZ_STATE_F64, 4,
                       (int64_t[]){classes, run->best_m, run->best_m, run->best_m}, run->best_w, "image units",
                       "volumes of the best start");
  if (run->phase >= FZ_RUN_POLISH)
    for (int h = 0; h < 2; h++)
      fz_state_add_array(list, h ? "volume/half2" : "volume/half1", FZ_STATE_F64, 4,
                         (int64_t[]){classes, run->m, run->m, run->m}, run->half[h], "image units", "half-map");
  if (run->optimizer) fz_optimizer_state(run->optimizer, list);
}

/* Statistics of batches that some always keep, the variance-reduced optimizers if they are allowed to. */
static int64_t kept_bytes(const fz_run_settings *s, int rung, int64_t images, int64_t words) {
  int64_t batch = s->optimizer.batch_images ? s->optimizer.batch_images : s->schedule.ladder[rung].batch_images;
  int64_t bytes = 8 * words * (images / batch + 1);
  bool reduced = s->kind->takes & FZ_TAKES_INNER_PASSES && (double)bytes <= s->optimizer.keep_bytes;
  return reduced || s->kind->keeps_batches ? bytes : 0;
}

int64_t fz_run_bytes(const fz_run_settings *s, const fz_dataset *data, int ranks) {
  int64_t largest = 0, last = first_refine_kmax(s);
  for (int kmax = (int)last; kmax < s->schedule.kmax_limit; kmax = next_kmax(s, kmax)) last = next_kmax(s, kmax);
  for (int i = 0; i <= s->schedule.n_ladder; i++) {
    bool refine = i == s->schedule.n_ladder;
    if (!refine && s->initial) continue;
    int kmax = refine ? (int)last : s->schedule.ladder[i].kmax, m = fz_work_box(kmax);
    fz_stage_spec spec = stage_spec(s, data->box, refine ? FZ_RUN_REFINE : FZ_RUN_CLIMB, 0, kmax);
    int64_t b = 2 * fz_cube_make(m, 2, kmax).cells, a = fz_cube_make(m, 4, kmax).cells, k = s->n_classes;
    int64_t moments = k * (a + b), words = moments + (spec.want & FZ_WANT_GRADIENT ? k * b : 0);
    /* words, running and batch moments, volumes; the M-step's grids: 4m real and half-complex, 2m kernel and operator
     */
    int64_t stage = fz_stage_bytes(data, &spec) + 8 * (2 * words + 3 * moments + k * b);
    int64_t solve = 8 * (2 * voxels(4 * m) + 4 * voxels(2 * m) + 12 * k * voxels(m));
    if (!refine) stage += kept_bytes(s, i, data->n, words) / ranks;
    if (stage + solve > largest) largest = stage + solve;
  }
  int m = fz_work_box((int)last);
  fz_polish_spec polish = {.kmax = (int)last, .m = m, .n_classes = s->n_classes, .threads = s->threads};
  int64_t last_step = fz_polish_bytes(data, &polish) + 24 * s->n_classes * voxels(m) +
                      (int64_t)(sizeof(fz_image_state) + sizeof(int64_t)) * data->n;
  if (s->polish_poses && last_step > largest) largest = last_step;
  int64_t kept = 2 * (int64_t)sizeof(fz_image_state);
  if (s->marginalization == FZ_MARGINALIZATION_IMPORTANCE) kept += 3 * (int64_t)sizeof(fz_pose_memory);
  return largest + kept * data->table->n;
}
