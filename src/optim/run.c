#include "optim/run.h"

#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "metrics/fsc.h"
#include "optim/run_private.h"

static const double FSC_HALVES = 0.143;

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
    run->kmax = fz_run_first_refine_kmax(settings);
  }
  return FZ_OK;
}

void fz_run_clear(fz_run *run) {
  fz_run_close_stage(run);
  fz_free(&run->w);
  fz_free(&run->best_w);
  fz_free(&run->half[0]);
  fz_free(&run->half[1]);
  fz_free(&run->best_state);
  fz_free(&run->fsc);
  *run = (fz_run){0};
}

static void begin_refinement(fz_run *run) {
  run->phase = FZ_RUN_REFINE;
  run->pass = 0;
  run->reach = run->settings.schedule.ladder[run->settings.schedule.n_ladder - 1].kmax;
  run->kmax = fz_run_first_refine_kmax(&run->settings);
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
                    fz_run_cost_of_pass(&run->settings, run->data, FZ_RUN_CLIMB, schedule->ladder[run->rung].kmax);
  fz_run_close_stage(run);
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
  double *copy = fz_alloc(run->settings.n_classes * fz_run_voxels(run->best_m), sizeof *copy);
  if (!copy) return FZ_ENOMEM;
  memcpy(copy, run->best_w, sizeof *copy * (size_t)(run->settings.n_classes * fz_run_voxels(run->best_m)));
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
  fz_status st = fz_run_agree(run, words ? all_tiles(run, -1, &tile, &n) : FZ_ENOMEM, err);
  if (st == FZ_OK) st = f->evaluate(f->self, run->w, tile, n, words, err);
  if (st != FZ_OK) goto done;
  double gain = f->gain(f->self, words) / (double)run->data->n;
  run->last_gain = run->start_gain[run->start] = gain;
  if (gain > run->best_gain) FZ_TRY(keep_as_best(run, gain));
  run->cost_done += fz_run_cost_of_pass(&run->settings, run->data, FZ_RUN_COMPARE, fz_run_present_kmax(run));
  run->passes++;
  fz_run_close_stage(run);
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
    map[h] =
        (fz_map){.n = m, .voxel_A = data->pixel_A * data->box / m, .voxel = fz_alloc(fz_run_voxels(m), sizeof(float))};
    if (!map[h].voxel) st = FZ_ENOMEM;
  }
  memset(run->fsc, 0, sizeof *run->fsc * (size_t)run->n_fsc);
  for (int k = 0; k < run->settings.n_classes && st == FZ_OK; k++) {
    for (int h = 0; h < 2; h++)
      for (int64_t i = 0; i < fz_run_voxels(m); i++) map[h].voxel[i] = (float)run->half[h][k * fz_run_voxels(m) + i];
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
  if (open) run->kmax = fz_run_next_kmax(&run->settings, (int)run->kmax);
}

static fz_status make_halves(fz_run *run, fz_error *err) {
  for (int h = 0; h < 2; h++) {
    fz_free(&run->half[h]);
    run->half[h] = fz_alloc(run->view->dim, sizeof(double));
    if (!run->half[h]) return fz_fail(err, FZ_ENOMEM, "no memory for half-maps");
  }
  return FZ_OK;
}

/* The M-steps of a pass: of both halves into run->half, of all into `whole`.  words[0] and words[1] stay. */
static fz_status solve(fz_run *run, int64_t *const words[2], double *moments, double *whole, fz_error *err) {
  const fz_objective *f = run->view;
  int iterations = run->settings.optimizer.full_iterations;
  fz_status st = FZ_OK;
  for (int h = 0; h < 2; h++) {
    memcpy(run->half[h], run->w, sizeof *run->w * (size_t)f->dim);
    f->moments(f->self, words[h], moments);
    FZ_TRY(f->maximize(f->self, moments, (double)f->images(f->self, words[h]), iterations, run->half[h], err));
  }
  for (ptrdiff_t i = 0; i < f->n_words; i++) words[0][i] += words[1][i];
  f->moments(f->self, words[0], moments);
  for (ptrdiff_t i = 0; i < f->n_words; i++) words[0][i] -= words[1][i];
  memcpy(whole, run->w, sizeof *run->w * (size_t)f->dim);
  st = f->maximize(f->self, moments, (double)run->data->n, iterations, whole, err);
done:
  return st;
}

static fz_status step_refine(fz_run *run, fz_error *err) {
  const fz_objective *f = run->view;
  int64_t *tile[2] = {NULL, NULL}, n[2] = {0, 0}, *words[2];
  for (int h = 0; h < 2; h++) words[h] = fz_alloc(f->n_words, sizeof *words[h]);
  double *moments = fz_alloc(f->n_moments, sizeof *moments), *whole = fz_alloc(f->dim, sizeof *whole);
  fz_status st = words[0] && words[1] && moments && whole ? FZ_OK : FZ_ENOMEM;
  for (int h = 0; h < 2 && st == FZ_OK; h++) st = all_tiles(run, h, &tile[h], &n[h]);
  if (st == FZ_OK) st = make_halves(run, err);
  st = fz_run_agree(run, st, err);
  for (int h = 0; h < 2 && st == FZ_OK; h++) st = f->evaluate(f->self, run->w, tile[h], n[h], words[h], err);
  if (st != FZ_OK) goto done;
  run->host.stop_in_mstep(run->host.self, true);
  st = solve(run, words, moments, whole, err);
  run->host.stop_in_mstep(run->host.self, false);
  if (st != FZ_OK) goto done;
  /* From here on nothing is stopped. */
  run->last_gain = (f->gain(f->self, words[0]) + f->gain(f->self, words[1])) / (double)run->data->n;
  memcpy(run->w, whole, sizeof *whole * (size_t)f->dim);
  update_noise(run, (const int64_t *const[]){words[0], words[1]});
  fz_dataset_estimate_signal(run->data);
  run->reach = run->kmax;
  FZ_TRY(half_fsc(run, err));
  centre_images(run);
  run->cost_done += fz_run_cost_of_pass(&run->settings, run->data, FZ_RUN_REFINE, (int)run->kmax);
  run->passes++;
  choose_next_pass(run);
  fz_run_close_stage(run);
done:
  for (int h = 0; h < 2; h++) {
    fz_free(&tile[h]);
    fz_free(&words[h]);
  }
  fz_free(&moments);
  fz_free(&whole);
  return st == FZ_ENOMEM ? fz_fail(err, st, "no memory for a refinement pass") : st;
}

static fz_status step_polish(fz_run *run, fz_error *err) {
  fz_polish_spec spec = fz_run_polish_spec(run);
  fz_status st = run->host.polish(run->host.self, run->data, &spec, err);
  if (st == FZ_OK) run->phase = FZ_RUN_COMPLETE;
  return st;
}

fz_status fz_run_step(fz_run *run, fz_error *err) {
  fz_status st = fz_run_prepare(run, err);
  if (st != FZ_OK) return st;
  run->host.begin_step(run->host.self);
  switch (run->phase) {
    case FZ_RUN_CLIMB: st = step_climb(run, err); break;
    case FZ_RUN_COMPARE: st = step_compare(run, err); break;
    case FZ_RUN_REFINE: st = step_refine(run, err); break;
    case FZ_RUN_POLISH: st = step_polish(run, err); break;
    default: break;
  }
  st = fz_run_agree(run, st, err);
  if (st == FZ_OK) run->host.end_step(run->host.self);
  return st;
}
