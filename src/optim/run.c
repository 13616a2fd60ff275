#include "optim/run.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/spectra.h"
#include "model/centring.h"
#include "optim/run_private.h"

fz_status fz_run_init(fz_run *run, const fz_run_settings *settings, fz_dataset *data, const fz_run_host *host,
                      fz_error *err) {
  *run = (fz_run){.settings = *settings, .data = data, .host = *host, .best_gain = -HUGE_VAL, .second_gain = -HUGE_VAL};
  run->starts = settings->starts;
  run->best_state = fz_alloc(data->table->n, sizeof *run->best_state);
  run->n_fsc = (int64_t)settings->n_classes * data->n_shells;
  run->annealing = settings->annealing;
  run->fsc = fz_alloc(FZ_RUN_CURVES * run->n_fsc, sizeof *run->fsc);
  run->better_curves = fz_alloc(FZ_RUN_CURVES * run->n_fsc, sizeof *run->better_curves);
  fz_status st = run->best_state && run->fsc && run->better_curves ? FZ_OK : FZ_ENOMEM;
  if (st == FZ_OK) {
    run->fsc_turned = run->fsc + run->n_fsc;
    run->foretold = run->fsc_turned + run->n_fsc;
  }
  if (st == FZ_OK && settings->marginalization == FZ_MARGINALIZATION_IMPORTANCE) st = fz_dataset_keep_memory(data);
  if (st != FZ_OK) {
    fz_run_clear(run);
    return fz_fail(err, st, "no memory for the state of %lld particles", (long long)data->table->n);
  }
  if (settings->initial) {
    run->phase = FZ_RUN_REFINE;
    run->all_shifts = 1;
    run->kmax = fz_run_first_refine_kmax(settings, false);
  }
  return FZ_OK;
}

void fz_run_clear(fz_run *run) {
  fz_run_close_stage(run);
  fz_free(&run->w);
  fz_free(&run->best_w);
  fz_free(&run->second_w);
  fz_free(&run->half[0]);
  fz_free(&run->half[1]);
  fz_free(&run->best_state);
  fz_free(&run->fsc);
  fz_free(&run->better_curves);
  *run = (fz_run){0};
}

static fz_status centre_maps(fz_run *run, fz_error *err) {
  fz_status st = FZ_OK;
  for (int k = 0; k < run->settings.n_classes && st == FZ_OK; k++) {
    double centre[3], *w = run->w + k * fz_run_voxels(run->m);
    fz_centring_find((int)run->m, w, centre);
    st = fz_centring_shift((int)run->m, centre, w);
  }
  return st == FZ_OK ? FZ_OK : fz_fail(err, st, "no memory to centre a map");
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
  st = fz_run_agree(run, centre_maps(run, err), err);
  if (st != FZ_OK || ++run->rung < fz_run_rungs(&run->settings, fz_run_climbs_further(run))) return st;
  run->phase = FZ_RUN_COMPARE;
  if (run->starts > 1) return FZ_OK;
  fz_run_begin_refinement(run);
  return FZ_OK;
}

fz_status fz_run_tiles(const fz_run *run, int half, int64_t **tile, int64_t *n) {
  const fz_dataset *data = run->data;
  *tile = fz_alloc(data->n_tiles, sizeof **tile);
  *n = 0;
  if (!*tile) return FZ_ENOMEM;
  for (int64_t t = 0; t < data->n_tiles; t++)
    if (half < 0 || data->half[data->particle[data->tile_first[t]]] == half) (*tile)[(*n)++] = t;
  return FZ_OK;
}

static fz_status step_polish(fz_run *run, fz_error *err) {
  fz_polish_spec spec = fz_run_polish_spec(run);
  fz_spectra_anneal(run->data, run->annealing); /* a checkpoint has the noise, and no stage was opened since */
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
    case FZ_RUN_COMPARE: st = fz_run_compare(run, err); break;
    case FZ_RUN_REFINE: st = fz_run_refine(run, err); break;
    case FZ_RUN_POLISH: st = step_polish(run, err); break;
    default: break;
  }
  st = fz_run_agree(run, st, err);
  if (st == FZ_OK) run->host.end_step(run->host.self);
  return st;
}
