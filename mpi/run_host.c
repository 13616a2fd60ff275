#include "mpi/run_host.h"

#include "core/log.h"
#include "mpi/polish.h"

static fz_status open_stage(void *self, fz_dataset *data, const fz_stage_spec *spec, const double *inverse_tau2,
                            double mask_radius_px, const fz_objective **view, const fz_stage **stage, fz_error *err) {
  fz_mpi_run_host *host = self;
  fz_volume_prior prior = {.inverse_tau2 = inverse_tau2, .mask_radius_px = mask_radius_px};
  fz_status st = fz_mpi_objective_open(host->comm, data, spec, &prior, &host->objective, err);
  if (st != FZ_OK) return st;
  fz_mpi_objective_on_round(host->objective, host->pause, host->journal);
  fz_mpi_objective_set_pose_blocks(host->objective, host->pose_blocks);
  *view = fz_mpi_objective_view(host->objective);
  *stage = fz_mpi_objective_stage(host->objective);
  return FZ_OK;
}

static void close_stage(void *self) {
  fz_mpi_objective_close(&((fz_mpi_run_host *)self)->objective);
}

static fz_status polish(void *self, fz_dataset *data, const fz_polish_spec *spec, fz_error *err) {
  fz_mpi_run_host *host = self;
  fz_polish_report report;
  fz_status st = fz_mpi_polish(host->comm, data, spec, host->pause, host->journal, &report, err);
  if (st == FZ_OK)
    fz_log(FZ_LOG_INFO, "local search turned the poses by %.2f deg and shifted them by %.2f px in the mean",
           report.turn_deg, report.shift_px);
  return st;
}

static fz_status agree(void *self, fz_status st, fz_error *err) {
  return fz_mpi_agree(((fz_mpi_run_host *)self)->comm, st, err);
}

static void stop_in_mstep(void *self, bool may) {
  fz_mpi_objective_stop_in_mstep(((fz_mpi_run_host *)self)->objective, may);
}

/* ---- the step under way ---- */

static void begin_step(void *self) {
  fz_mpi_journal *journal = ((fz_mpi_run_host *)self)->journal;
  if (journal) fz_mpi_journal_rewind(journal);
}

static void end_step(void *self) {
  fz_mpi_journal *journal = ((fz_mpi_run_host *)self)->journal;
  if (journal) fz_mpi_journal_forget(journal);
}

static void scalars(void *self, fz_state_list *list) {
  fz_mpi_journal *journal = ((fz_mpi_run_host *)self)->journal;
  if (journal) fz_mpi_journal_scalars(journal, list);
}

static fz_status restore(void *self, fz_error *err) {
  fz_mpi_journal *journal = ((fz_mpi_run_host *)self)->journal;
  return journal ? fz_mpi_journal_restore(journal, err) : FZ_OK;
}

static void arrays(void *self, fz_state_list *list) {
  fz_mpi_journal *journal = ((fz_mpi_run_host *)self)->journal;
  if (journal) fz_mpi_journal_arrays(journal, list);
}

fz_run_host fz_mpi_run_host_view(fz_mpi_run_host *host) {
  return (fz_run_host){.self = host,
                       .open = open_stage,
                       .close = close_stage,
                       .stop_in_mstep = stop_in_mstep,
                       .polish = polish,
                       .agree = agree,
                       .begin_step = begin_step,
                       .end_step = end_step,
                       .scalars = scalars,
                       .restore = restore,
                       .arrays = arrays};
}
