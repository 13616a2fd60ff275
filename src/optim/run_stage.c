/* Making ready what the next step of a run needs: stage, volumes on its grid, optimizer. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "estep/spectra.h"
#include "model/resample.h"
#include "model/shells.h"
#include "model/start.h"
#include "optim/run_private.h"

static const double RISE = 1.2; /* of the band limit from one refinement pass to the next */
static const double MILD = 0.5; /* of the annealing, in every other start */

int fz_run_next_kmax(const fz_run_settings *s, int kmax) {
  int next = (int)ceil(RISE * kmax - 1e-9);
  return next < s->schedule.kmax_limit ? next : s->schedule.kmax_limit;
}

int fz_run_rungs(const fz_run_settings *s, bool further) {
  return s->schedule.n_ladder + (further ? s->schedule.n_further : 0);
}

int fz_run_climb_kmax(const fz_run_settings *s, bool further) {
  return s->schedule.ladder[fz_run_rungs(s, further) - 1].kmax;
}

int fz_run_first_refine_kmax(const fz_run_settings *s, bool further) {
  if (s->initial) return s->initial_kmax < s->schedule.kmax_limit ? s->initial_kmax : s->schedule.kmax_limit;
  return fz_run_next_kmax(s, fz_run_climb_kmax(s, further));
}

void fz_run_close_stage(fz_run *run) {
  fz_optimizer_destroy(&run->optimizer);
  if (run->view) run->host.close(run->host.self);
  run->view = NULL;
  run->stage = NULL;
}

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

static fz_rotation grid_turn(const fz_run_settings *s, int64_t item, int kmax) {
  fz_random r = fz_random_stream(s->seed, FZ_PURPOSE_GRID_ROTATION, (uint32_t)item, (uint64_t)kmax);
  return fz_rotation_random(&r);
}

fz_stage_spec fz_run_stage_spec(const fz_run_settings *s, int box, int64_t phase, int64_t start, int kmax) {
  fz_stage_spec spec = {.turn = grid_turn(s, start, kmax),
                        .n_classes = s->n_classes,
                        .seed = s->seed * 1000003u + (uint64_t)start,
                        .want = phase == FZ_RUN_CLIMB ? fz_optimizer_want(s->kind, &s->optimizer) : FZ_WANT_MOMENTS,
                        .double_precision = s->double_precision,
                        .threads = s->threads,
                        .cache_bytes = s->cache_bytes};
  choose_engine(s, phase, &spec);
  bool first = phase == FZ_RUN_REFINE && s->initial && kmax == fz_run_first_refine_kmax(s, false);
  fz_schedule_sampling(&s->sampling, box, kmax, phase == FZ_RUN_REFINE && !first, &spec);
  return spec;
}

int fz_run_present_kmax(const fz_run *run) {
  const fz_schedule *s = &run->settings.schedule;
  if (run->phase == FZ_RUN_CLIMB) return s->ladder[run->rung].kmax;
  if (run->phase == FZ_RUN_COMPARE) return fz_run_climb_kmax(&run->settings, fz_run_climbs_further(run));
  return (int)run->kmax;
}

/* With much annealing starts find one and the same map, which of a nearly symmetric particle may be the mean of
 * several; with less they part. So they take turns.  They are compared at the noise's own level, where they differ
 * most. */
static double present_annealing(const fz_run *run) {
  if (run->phase == FZ_RUN_COMPARE) return 0;
  return run->phase == FZ_RUN_CLIMB && run->start % 2 ? MILD * run->annealing : run->annealing;
}

static fz_status open_stage(fz_run *run, fz_error *err) {
  int kmax = fz_run_present_kmax(run);
  fz_stage_spec spec = fz_run_stage_spec(&run->settings, run->data->box, run->phase, run->start, kmax);
  if (run->phase == FZ_RUN_REFINE) {
    spec.turn = grid_turn(&run->settings, FZ_RUN_STARTS_MAX + run->scored_half, kmax);
    fz_schedule_sampling(&run->settings.sampling, run->data->box, kmax, !run->all_shifts, &spec);
  }
  double *inverse = fz_alloc(kmax + 2, sizeof *inverse);
  fz_spectra_anneal(run->data, present_annealing(run));
  fz_status st = fz_run_agree(run, inverse ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for a spectrum"), err);
  if (st != FZ_OK) goto done;
  for (int s = 0; s < kmax + 2; s++) inverse[s] = 1.0 / fz_spectra_prior(run->data, s);
  st = run->host.open(run->host.self, run->data, &spec, inverse, run->data->mask_radius_px, &run->view, &run->stage,
                      err);
done:
  fz_free(&inverse);
  return st;
}

/* One class's map on a finer grid.  Its last shells, of which images were weighed less and less, are left out: at full
 * weight what they hold would do harm. */
static fz_status refit(const fz_run *run, const double *from, int64_t from_m, double *to, int64_t to_m) {
  bool rises = run->phase == FZ_RUN_REFINE && from_m < to_m;
  if (!rises) return fz_resample(from, (int)from_m, to, (int)to_m);
  double *kept = fz_alloc(fz_run_voxels(from_m), sizeof *kept);
  fz_status st = kept ? fz_shells_take((int)from_m, from, (int)run->now.reach - 1, kept) : FZ_ENOMEM;
  if (st == FZ_OK) st = fz_resample(kept, (int)from_m, to, (int)to_m);
  fz_free(&kept);
  return st;
}

/* The half-maps on the grid of the open stage, from the map of all images if there are none. */
static fz_status fit_halves(fz_run *run, int64_t from, fz_error *err) {
  ptrdiff_t classes = run->settings.n_classes, dim = classes * fz_run_voxels(run->m);
  fz_status st = FZ_OK;
  for (int h = 0; h < 2 && st == FZ_OK; h++) {
    if (run->half[h] && from == run->m) continue;
    double *fitted = fz_alloc(dim, sizeof *fitted);
    if (!fitted) return fz_fail(err, FZ_ENOMEM, "no memory for half-maps");
    for (int k = 0; k < classes && st == FZ_OK && run->half[h]; k++)
      st = refit(run, run->half[h] + k * fz_run_voxels(from), from, fitted + k * fz_run_voxels(run->m), run->m);
    if (!run->half[h]) memcpy(fitted, run->w, sizeof *fitted * (size_t)dim);
    fz_free(&run->half[h]);
    run->half[h] = fitted;
  }
  return st == FZ_OK ? FZ_OK : fz_fail(err, st, "no memory to resample a volume");
}

/* w on the grid of the open stage: resampled, or a start. */
static fz_status fit_volume(fz_run *run, fz_error *err) {
  int m = run->stage->m, classes = run->settings.n_classes;
  if (run->m == m) return FZ_OK;
  fz_status st = FZ_OK;
  double *w = fz_alloc(classes * fz_run_voxels(m), sizeof *w);
  if (!w) return fz_fail(err, FZ_ENOMEM, "no memory for %d volumes of %d^3 voxels", classes, m);
  for (int k = 0; k < classes && st == FZ_OK; k++) {
    double *to = w + k * fz_run_voxels(m);
    if (run->m)
      st = refit(run, run->w + k * fz_run_voxels(run->m), run->m, to, m);
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

/* Make ready what the next step needs: stage, volumes on its grid, optimizer. */
fz_status fz_run_prepare(fz_run *run, fz_error *err) {
  if (run->view || run->phase >= FZ_RUN_POLISH) return FZ_OK;
  fz_status st;
  FZ_TRY(open_stage(run, err));
  int64_t from = run->m;
  FZ_TRY(fz_run_agree(run, fit_volume(run, err), err));
  if (run->phase == FZ_RUN_REFINE) FZ_TRY(fz_run_agree(run, fit_halves(run, from, err), err));
  if (run->phase == FZ_RUN_CLIMB) {
    const fz_schedule_step *rung = &run->settings.schedule.ladder[run->rung];
    fz_optimizer_options options = run->settings.optimizer;
    if (options.batch_images == 0) options.batch_images = rung->batch_images;
    if (options.batch_images > run->data->n) options.batch_images = run->data->n;
    options.seed = run->settings.seed * 1000003u + (uint64_t)run->start * 101u + (uint64_t)run->rung;
    st = fz_optimizer_create(run->settings.kind, run->view, &options, run->w, &run->optimizer, err);
    FZ_TRY(fz_run_agree(run, st, err));
  }
done:
  return st;
}
fz_polish_spec fz_run_polish_spec(const fz_run *run) {
  return (fz_polish_spec){.kmax = (int)run->now.reach,
                          .m = (int)run->m,
                          .n_classes = run->settings.n_classes,
                          .threads = run->settings.threads,
                          .volume = {run->w, run->w}, /* the poses that are written belong to the map of all */
                          .shift_sd_px = run->settings.sampling.shift_range_px / 3};
}
