#include <math.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"
#include "io/cli/job_private.h"
#include "io/json.h"
#include "io/run_status.h"
#include "optim/run_verdict.h"

static const double REPORT_EVERY = 5.0, STATUS_EVERY = 1.0; /* seconds */
static const double SHARE_FOR_STATUS = 0.05;

void fz_job_describe(const fz_run *run, char *text, size_t n) {
  const fz_run_settings *s = &run->settings;
  if (run->phase == FZ_RUN_CLIMB)
    snprintf(text, n, "start %d of %d, shell %d", (int)run->start + 1, (int)run->starts,
             s->schedule.ladder[run->rung].kmax);
  else if (run->phase == FZ_RUN_COMPARE)
    snprintf(text, n, "start %d of %d, comparison", (int)run->start + 1, (int)run->starts);
  else if (run->phase == FZ_RUN_REFINE)
    snprintf(text, n, "refinement pass %d, shell %d", (int)run->pass + 1, (int)run->kmax);
  else if (run->phase == FZ_RUN_POLISH)
    snprintf(text, n, "local search of poses");
  else
    snprintf(text, n, "complete");
}

static double seconds_left(const fz_job *job, const fz_job_progress *p) {
  double done = fz_run_fraction(job->run) - p->fraction_at_start, left = 1 - fz_run_fraction(job->run);
  return done > 1e-3 ? (fz_clock_seconds() - p->began) * left / done : -1;
}

/* Mean over the images scored so far. */
static double captured_share(const fz_dataset *data) {
  double sum = 0, n = 0;
  for (int64_t i = 0; i < data->n; i++) {
    const fz_image_state *s = &data->state[data->particle[i]];
    sum += s->visited * s->captured;
    n += s->visited;
  }
  return n > 0 ? sum / n : 1;
}

void fz_job_report(const fz_job *job, fz_job_progress *p, const char *what) {
  const fz_run *run = job->run;
  int64_t place = (run->phase * FZ_RUN_STARTS_MAX + run->start) * 100 + run->rung + run->pass;
  if (place == p->place && fz_clock_seconds() - p->last_report < REPORT_EVERY) return;
  char left[40] = "", captured[40] = "";
  if (run->settings.marginalization == FZ_MARGINALIZATION_ADAPTIVE)
    snprintf(captured, sizeof captured, ", captured %.4f", captured_share(run->data));
  double seconds = seconds_left(job, p);
  if (seconds >= 0) snprintf(left, sizeof left, ", about %.0f s left", seconds);
  fz_log(FZ_LOG_INFO, "%-28s gain %8.3f per image%s, %3.0f %%, %.0f s%s", what, run->last_gain, captured,
         100 * fz_run_fraction(run), fz_clock_seconds() - p->began, left);
  p->place = place;
  p->last_report = fz_clock_seconds();
}

void fz_job_report_resumption(const fz_job_progress *p, const char *what) {
  char inside[64] = "";
  int64_t tiles = fz_mpi_journal_tiles(p->journal), evaluations = fz_mpi_journal_evaluations(p->journal);
  if (tiles || evaluations)
    snprintf(inside, sizeof inside, ", %lld passes and %lld tiles into the next", (long long)evaluations,
             (long long)tiles);
  fz_log(FZ_LOG_INFO, "resumed after step %lld%s (%s)", (long long)p->steps, inside, what);
}

fz_status fz_job_write_status(const fz_job *job, fz_job_progress *p, fz_io_run_state state, fz_status status,
                              const char *message, fz_error *err) {
  if (fz_mpi_rank(job->comm) != 0) return FZ_OK;
  char step[80];
  fz_job_describe(job->run, step, sizeof step);
  fz_io_run_status s = {.state = state,
                        .status = status,
                        .step = step,
                        .message = message[0] ? message : p->checkpoints.text,
                        .fraction = fz_run_fraction(job->run),
                        .seconds_elapsed = fz_clock_seconds() - p->began,
                        .seconds_left = seconds_left(job, p),
                        .checkpoint = p->generation ? p->generation : -1,
                        .ranks = fz_mpi_size(job->comm)};
  fz_run_verdict verdict = {0};
  if (state == FZ_RUN_DONE) {
    verdict = fz_run_judge(job->run);
    s.verdict = verdict.reproduced ? "reproduced" : "uncertain";
    s.reason = verdict.why;
    if (verdict.shell >= 1) s.resolution_A = job->run->data->box * job->run->data->pixel_A / verdict.shell;
  }
  p->last_status = fz_clock_seconds();
  fz_status st = fz_io_run_status_write(job->run_dir, &s, err);
  p->status_cost = fz_clock_seconds() - p->last_status;
  return st;
}

fz_status fz_job_tell_status(const fz_job *job, fz_job_progress *p, fz_error *err) {
  fz_status st = fz_trouble_note(&p->status_file, fz_job_write_status(job, p, FZ_RUN_RUNNING, FZ_OK, "", err), err,
                                 fz_clock_seconds());
  return st == FZ_OK && p->status_file.times > 0 ? fz_trouble_folder(job->run_dir, err) : st;
}

static fz_status append_record(const fz_job *job, fz_job_progress *p, const char *what, double seconds, fz_error *err) {
  const fz_run *run = job->run;
  fz_io_json json;
  fz_io_json_begin(&json);
  fz_io_json_i64(&json, "step", p->steps);
  fz_io_json_text(&json, "place", what);
  fz_io_json_f64(&json, "gain", run->last_gain);
  fz_io_json_f64(&json, "captured", captured_share(run->data));
  fz_io_json_f64(&json, "passes", run->passes);
  fz_io_json_f64(&json, "fraction", fz_run_fraction(run));
  fz_io_json_f64(&json, "seconds", seconds);
  fz_io_json_f64(&json, "annealing", run->annealing);
  if (run->phase >= FZ_RUN_REFINE) fz_io_json_f64(&json, "half_map_shell", run->now.shell);
  const char *line = fz_io_json_end(&json);
  fz_status st = line ? fz_io_records_append(p->records, line, err) : fz_fail(err, FZ_ENOMEM, "no memory for a record");
  fz_io_json_clear(&json);
  return st;
}

fz_status fz_job_keep_records(const fz_job *job, fz_job_progress *p, const char *what, double seconds, fz_error *err) {
  fz_status st = fz_trouble_note(&p->records_kept, append_record(job, p, what, seconds, err), err, fz_clock_seconds());
  if (st != FZ_OK || fz_clock_seconds() - p->last_status <= fmax(STATUS_EVERY, p->status_cost / SHARE_FOR_STATUS))
    return st;
  return fz_job_tell_status(job, p, err);
}
