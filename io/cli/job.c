#include "io/cli/job.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/progress.h"
#include "io/cli/job_private.h"
#include "io/run_dir.h"
#include "mpi/fault.h"

typedef struct watch {
  const fz_job *job;
  fz_job_progress *p;
} watch;

/* What the step had done before its last checkpoint is found again, or repeated: that is the checkpoint's price, too.
 */
static void count_repetition(fz_job_progress *p) {
  if (p->step_taken_up > 0) p->checkpoint_cost += fz_clock_seconds() - p->step_taken_up;
  p->step_taken_up = 0;
}

/* Rank 0 says when a step is to be written down between its tiles. */
static fz_mpi_request ask(void *context) {
  const watch *w = context;
  count_repetition(w->p);
  if (fz_io_stop_requested(w->job->stop)) return FZ_STOP;
  bool may = fz_mpi_rank(w->job->comm) == 0 && w->job->checkpoint_interval != 0;
  return may && fz_job_interval_is_over(w->job, w->p) ? FZ_PAUSE : FZ_GO_ON;
}

static fz_status after_step(fz_job *job, fz_job_progress *p, const char *what, double seconds, fz_error *err) {
  fz_status st = FZ_OK;
  p->steps++;
  if (fz_mpi_rank(job->comm) == 0) {
    st = fz_job_keep_records(job, p, what, seconds, err);
    fz_job_report(job, p, what);
  }
  return fz_mpi_agree(job->comm, st, err);
}

static fz_status stop_now(fz_job *job, fz_job_progress *p, fz_error *err) {
  fz_error why = {0};
  char reason[80] = "", stands[80] = "there is none before it: the same command starts over";
  fz_status st = fz_job_write_checkpoint(job, p, &why);
  snprintf(reason, sizeof reason, "%s", fz_io_stop_reason(job->stop));
  if (!reason[0]) snprintf(reason, sizeof reason, "request to another rank");
  if (st == FZ_OK)
    return fz_fail(err, FZ_ESTOPPED, "stopped by %s at a checkpoint; the same command continues", reason);
  if (p->generation)
    snprintf(stands, sizeof stands, "the same command continues from that of step %lld", (long long)p->generation);
  return fz_fail(err, st, "stopped by %s, but the checkpoint failed: %.400s; %s", reason, why.text, stands);
}

/* One step, with checkpoints on the way when it is long. */
static fz_status step(fz_job *job, fz_job_progress *p, fz_error *err) {
  fz_status st;
  while ((st = fz_run_step(job->run, err)) == FZ_ESTOPPED) {
    if (fz_mpi_any(job->comm, fz_io_stop_requested(job->stop))) return stop_now(job, p, err);
    st = fz_job_try_checkpoint(job, p, err);
    if (st != FZ_OK) return st;
    if (!p->checkpoints.times) fz_log(FZ_LOG_DETAIL, "checkpoint inside step %lld", (long long)p->steps + 1);
    p->step_taken_up = fz_clock_seconds();
  }
  p->step_taken_up = 0;
  return st;
}

static fz_status loop(fz_job *job, fz_job_progress *p, fz_error *err) {
  fz_status st = FZ_OK;
  while (job->run->phase != FZ_RUN_COMPLETE) {
    char what[80];
    fz_job_describe(job->run, what, sizeof what);
    double began = fz_clock_seconds();
    st = step(job, p, err);
    if (st == FZ_OK) st = after_step(job, p, what, fz_clock_seconds() - began, err);
    if (st != FZ_OK) return st;
    if (fz_mpi_any(job->comm, fz_io_stop_requested(job->stop))) return stop_now(job, p, err);
    if (job->run->phase == FZ_RUN_COMPLETE)
      st = fz_job_write_checkpoint(job, p, err);
    else if (fz_job_checkpoint_due(job, p))
      st = fz_job_try_checkpoint(job, p, err);
    if (st != FZ_OK) return st;
  }
  return st;
}

static fz_status begin(fz_job *job, fz_job_progress *p, fz_error *err) {
  bool found;
  p->began = p->last_checkpoint = fz_clock_seconds();
  fz_status st = fz_job_resume(job, p, &found, err);
  if (st != FZ_OK) return st;
  p->fraction_at_start = fz_run_fraction(job->run);
  char what[80];
  fz_job_describe(job->run, what, sizeof what);
  if (found) fz_job_report_resumption(p, what);
  if (fz_mpi_rank(job->comm) == 0) {
    char path[FZ_PATH_MAX];
    if (!found) st = fz_job_remove_old_results(job, err);
    if (st == FZ_OK) st = fz_io_path_join(path, job->run_dir, "metrics.jsonl", err);
    if (st == FZ_OK) st = fz_io_records_open(path, p->steps, &p->records, err);
    if (st == FZ_OK) st = fz_job_write_status(job, p, FZ_RUN_RUNNING, FZ_OK, "", err);
  }
  return fz_mpi_agree(job->comm, st, err);
}

fz_status fz_job_run(fz_job *job, fz_error *err) {
  fz_job_progress p = {.place = -1,
                       .checkpoints.what = "checkpoint",
                       .records_kept.what = "metrics.jsonl",
                       .status_file.what = "status.json",
                       .journal = fz_mpi_journal_create(job->comm)};
  watch w = {job, &p};
  job->host->pause = (fz_mpi_pause){ask, &w};
  job->host->journal = p.journal;
  fz_status st = begin(job, &p, err);
  if (st == FZ_OK) st = loop(job, &p, err);
  if (st == FZ_OK) {
    fz_progress_at(FZ_AT_RESULTS);
    fz_mpi_stall(job->comm, "results");
    if (fz_mpi_rank(job->comm) == 0) st = fz_job_write_results(job, err);
    st = fz_mpi_agree(job->comm, st, err);
  }
  fz_error unwritten = {0};
  fz_io_run_state state = st == FZ_OK ? FZ_RUN_DONE : st == FZ_ESTOPPED ? FZ_RUN_STOPPED : FZ_RUN_FAILED;
  fz_status told = fz_job_write_status(job, &p, state, st, st == FZ_OK ? "" : err->text, &unwritten);
  if (told != FZ_OK) fz_log(FZ_LOG_WARN, "%s", unwritten.text);
  fz_io_records_close(&p.records);
  job->host->pause = (fz_mpi_pause){0};
  job->host->journal = NULL;
  fz_mpi_journal_destroy(&p.journal);
  return st;
}
