#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/instruction_set.h"
#include "core/log.h"
#include "io/checkpoint.h"
#include "io/cli/job_private.h"

static const double SHARE_FOR_CHECKPOINTS = 0.02, SHORTEST_INTERVAL = 10.0, LONGEST_INTERVAL = 900.0; /* seconds */

static void list_scalars(fz_job *job, fz_job_progress *p, fz_state_list *list) {
  fz_state_add_text(list, "job/parameters", p->parameters, FZ_JOB_PARAMETERS_MAX, "what the result depends on");
  fz_state_add_text(list, "job/instruction_set", p->instruction_set, sizeof p->instruction_set,
                    "that the kernels ran with: the bits depend on it");
  fz_state_add_i64(list, "job/steps", &p->steps, "1", "steps taken; lines of metrics.jsonl");
  fz_run_scalars(job->run, list);
}

fz_status fz_job_write_checkpoint(fz_job *job, fz_job_progress *p, fz_error *err) {
  fz_state_list list = {0};
  double began = fz_clock_seconds();
  list_scalars(job, p, &list);
  fz_run_arrays(job->run, &list);
  fz_status st = fz_mpi_agree(job->comm, p->records ? fz_io_records_sync(p->records, err) : FZ_OK, err);
  if (st == FZ_OK) st = fz_io_checkpoint_write(job->comm, job->run_dir, p->steps, &list, err);
  fz_state_clear(&list);
  if (st == FZ_OK) p->generation = p->steps;
  p->last_checkpoint = fz_clock_seconds();
  p->checkpoint_cost = p->last_checkpoint - began;
  return st;
}

fz_status fz_job_try_checkpoint(fz_job *job, fz_job_progress *p, fz_error *err) {
  fz_error why = {0};
  fz_status st = fz_job_write_checkpoint(job, p, &why);
  bool refused = st == FZ_EIO;
  if (fz_mpi_rank(job->comm) == 0) {
    int before = p->checkpoints.times;
    st = fz_trouble_note(&p->checkpoints, st, &why, fz_clock_seconds());
    if (refused) st = fz_trouble_folder(job->run_dir, &why);
    if (st == FZ_OK && (before == 0) != (p->checkpoints.times == 0)) st = fz_job_tell_status(job, p, &why);
  } else if (refused) {
    st = FZ_OK;
  }
  if (st != FZ_OK) *err = why;
  return fz_mpi_agree(job->comm, st, err);
}

bool fz_job_interval_is_over(const fz_job *job, const fz_job_progress *p) {
  double interval = job->checkpoint_interval, cost = p->checkpoint_cost / SHARE_FOR_CHECKPOINTS;
  if (interval < 0) interval = fmin(LONGEST_INTERVAL, fmax(SHORTEST_INTERVAL, cost));
  return fz_clock_seconds() - p->last_checkpoint >= interval;
}

bool fz_job_checkpoint_due(const fz_job *job, const fz_job_progress *p) {
  bool due = fz_job_interval_is_over(job, p);
  fz_mpi_broadcast(job->comm, &due, sizeof due);
  return due;
}

/* The first line in which two parameter texts differ. */
static fz_status refuse_other_parameters(const char *there, const char *here, fz_error *err) {
  while (*there && *here) {
    size_t a = strcspn(there, "\n"), b = strcspn(here, "\n");
    if (a != b || strncmp(there, here, a) != 0)
      return fz_fail(
          err, FZ_EINVAL,
          "the run folder holds a run with \"%.*s\", this one has \"%.*s\": give the same, another --output, "
          "or --fresh to start over",
          (int)a, there, (int)b, here);
    there += a + (there[a] == '\n');
    here += b + (here[b] == '\n');
  }
  return fz_fail(err, FZ_EINVAL, "the run folder holds a run with other parameters: use another --output, or --fresh");
}

static void find_instruction_set(const fz_job *job, fz_job_progress *p) {
  snprintf(p->instruction_set, sizeof p->instruction_set, "%s", fz_instruction_set());
  if (fz_mpi_same(job->comm, p->instruction_set, sizeof p->instruction_set)) return;
  fz_log(FZ_LOG_WARN, "the ranks run on processors of different instruction sets: another run may differ in rounding");
  memset(p->instruction_set, 0, sizeof p->instruction_set);
  snprintf(p->instruction_set, sizeof p->instruction_set, "mixed");
}

static void compare_instruction_set(const fz_job_progress *p, const char *here) {
  if (strcmp(p->instruction_set, here) != 0)
    fz_log(FZ_LOG_WARN,
           "the run was begun with instruction set %s and goes on with %s: it may differ in rounding from "
           "a run on one of them alone",
           p->instruction_set, here);
}

static fz_status read_checkpoint(fz_job *job, fz_job_progress *p, bool *found, fz_error *err) {
  fz_io_checkpoint *checkpoint = NULL;
  fz_state_list scalars = {0}, arrays = {0};
  *found = false;
  fz_status st = fz_io_checkpoint_open(job->comm, job->run_dir, &checkpoint, err);
  if (st != FZ_OK || !checkpoint) return st;
  *found = true;
  char here[FZ_JOB_PARAMETERS_MAX], instruction_set[sizeof p->instruction_set];
  memcpy(here, p->parameters, sizeof here);
  memcpy(instruction_set, p->instruction_set, sizeof instruction_set);
  list_scalars(job, p, &scalars);
  FZ_TRY(fz_io_checkpoint_read(job->comm, checkpoint, &scalars, err));
  if (strcmp(here, p->parameters) != 0) {
    st = refuse_other_parameters(p->parameters, here, err);
    goto done;
  }
  compare_instruction_set(p, instruction_set);
  memcpy(p->instruction_set, instruction_set, sizeof instruction_set);
  FZ_TRY(fz_run_restore(job->run, err));
  fz_run_arrays(job->run, &arrays);
  FZ_TRY(fz_io_checkpoint_read(job->comm, checkpoint, &arrays, err));
  FZ_TRY(fz_io_checkpoint_adopt(job->comm, job->run_dir, checkpoint, err));
  p->generation = p->steps;
done:
  fz_state_clear(&scalars);
  fz_state_clear(&arrays);
  fz_io_checkpoint_close(&checkpoint);
  return st;
}

fz_status fz_job_resume(fz_job *job, fz_job_progress *p, bool *found, fz_error *err) {
  snprintf(p->parameters, sizeof p->parameters, "%s", job->parameters);
  find_instruction_set(job, p);
  return read_checkpoint(job, p, found, err);
}

fz_status fz_job_is_finished(const fz_job *job, bool *finished, fz_error *err) {
  fz_io_checkpoint *checkpoint = NULL;
  *finished = false;
  fz_status st = fz_io_checkpoint_open(job->comm, job->run_dir, &checkpoint, err);
  if (st != FZ_OK || !checkpoint) return st;
  char parameters[FZ_JOB_PARAMETERS_MAX];
  int64_t phase = 0;
  fz_state_list list = {0};
  fz_state_add_text(&list, "job/parameters", parameters, FZ_JOB_PARAMETERS_MAX, "what the result depends on");
  fz_state_add_i64(&list, "run/phase", &phase, "1", "4: complete");
  st = fz_io_checkpoint_read(job->comm, checkpoint, &list, err);
  if (st == FZ_OK && strcmp(parameters, job->parameters) != 0)
    st = refuse_other_parameters(parameters, job->parameters, err);
  bool there = fz_job_results_are_there(job, err);
  *finished = st == FZ_OK && phase == FZ_RUN_COMPLETE && there;
  fz_state_clear(&list);
  fz_io_checkpoint_close(&checkpoint);
  return st;
}
