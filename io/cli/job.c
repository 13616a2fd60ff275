#include "io/cli/job.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/instruction_set.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/progress.h"
#include "io/cli/trouble.h"
#include "io/checkpoint.h"
#include "io/json.h"
#include "io/records.h"
#include "io/results.h"
#include "io/run_dir.h"
#include "io/run_status.h"
#include "model/resample.h"
#include "mpi/fault.h"

enum { PARAMETERS_MAX = 4096 };
static const double REPORT_EVERY = 5.0, STATUS_EVERY = 1.0; /* seconds */
static const double SHARE_FOR_STATUS = 0.05, SHARE_FOR_CHECKPOINTS = 0.02, SHORTEST_INTERVAL = 10.0,
                    LONGEST_INTERVAL = 900.0;

typedef struct progress {
  fz_io_records *records;
  int64_t steps, generation;
  double began, fraction_at_start;
  double last_report, last_status, status_cost, last_checkpoint, checkpoint_cost;
  int64_t place;                                     /* phase, start and rung of the last line */
  fz_mpi_journal *journal;                           /* of the step under way */
  double step_taken_up;                              /* when, until it is at work again; 0: it is */
  fz_trouble checkpoints, records_kept, status_file; /* rank 0's */
  char parameters[PARAMETERS_MAX];
  char instruction_set[32];
} progress;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what a person sees ---- */

static void describe(const fz_run *run, char *text, size_t n) {
  const fz_run_settings *s = &run->settings;
  if (run->phase == FZ_RUN_CLIMB)
    snprintf(text, n, "start %d of %d, shell %d", (int)run->start + 1, s->starts, s->schedule.ladder[run->rung].kmax);
  else if (run->phase == FZ_RUN_COMPARE)
    snprintf(text, n, "start %d of %d, comparison", (int)run->start + 1, s->starts);
  else if (run->phase == FZ_RUN_REFINE)
    snprintf(text, n, "refinement pass %d, shell %d", (int)run->pass + 1, (int)run->kmax);
  else if (run->phase == FZ_RUN_POLISH)
    snprintf(text, n, "local search of poses");
  else
    snprintf(text, n, "complete");
}

static double seconds_left(const fz_job *job, const progress *p) {
  double done = fz_run_fraction(job->run) - p->fraction_at_start, left = 1 - fz_run_fraction(job->run);
  return done > 1e-3 ? (now() - p->began) * left / done : -1;
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

static void report(const fz_job *job, progress *p, const char *what) {
  const fz_run *run = job->run;
  int64_t place = (run->phase * FZ_RUN_STARTS_MAX + run->start) * 100 + run->rung + run->pass;
  if (place == p->place && now() - p->last_report < REPORT_EVERY) return;
  char left[40] = "", captured[40] = "";
  if (run->settings.marginalization == FZ_MARGINALIZATION_ADAPTIVE)
    snprintf(captured, sizeof captured, ", captured %.4f", captured_share(run->data));
  double seconds = seconds_left(job, p);
  if (seconds >= 0) snprintf(left, sizeof left, ", about %.0f s left", seconds);
  fz_log(FZ_LOG_INFO, "%-28s gain %8.3f per image%s, %3.0f %%, %.0f s%s", what, run->last_gain, captured,
         100 * fz_run_fraction(run), now() - p->began, left);
  p->place = place;
  p->last_report = now();
}

static fz_status write_status(const fz_job *job, progress *p, fz_io_run_state state, fz_status status,
                              const char *message, fz_error *err) {
  if (fz_mpi_rank(job->comm) != 0) return FZ_OK;
  char step[80];
  describe(job->run, step, sizeof step);
  fz_io_run_status s = {.state = state,
                        .status = status,
                        .step = step,
                        .message = message[0] ? message : p->checkpoints.text,
                        .fraction = fz_run_fraction(job->run),
                        .seconds_elapsed = now() - p->began,
                        .seconds_left = seconds_left(job, p),
                        .checkpoint = p->generation ? p->generation : -1,
                        .ranks = fz_mpi_size(job->comm)};
  p->last_status = now();
  fz_status st = fz_io_run_status_write(job->run_dir, &s, err);
  p->status_cost = now() - p->last_status;
  return st;
}

static fz_status append_record(const fz_job *job, progress *p, const char *what, double seconds, fz_error *err) {
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
  if (run->phase >= FZ_RUN_REFINE) fz_io_json_f64(&json, "half_map_shell", run->best_shell);
  const char *line = fz_io_json_end(&json);
  fz_status st = line ? fz_io_records_append(p->records, line, err) : fz_fail(err, FZ_ENOMEM, "no memory for a record");
  fz_io_json_clear(&json);
  return st;
}

/* ---- checkpoints ---- */

static void list_scalars(fz_job *job, progress *p, fz_state_list *list) {
  fz_state_add_text(list, "job/parameters", p->parameters, PARAMETERS_MAX, "what the result depends on");
  fz_state_add_text(list, "job/instruction_set", p->instruction_set, sizeof p->instruction_set,
                    "that the kernels ran with: the bits depend on it");
  fz_state_add_i64(list, "job/steps", &p->steps, "1", "steps taken; lines of metrics.jsonl");
  fz_run_scalars(job->run, list);
}

static fz_status write_checkpoint(fz_job *job, progress *p, fz_error *err) {
  fz_state_list list = {0};
  double began = now();
  list_scalars(job, p, &list);
  fz_run_arrays(job->run, &list);
  fz_status st = fz_mpi_agree(job->comm, p->records ? fz_io_records_sync(p->records, err) : FZ_OK, err);
  if (st == FZ_OK) st = fz_io_checkpoint_write(job->comm, job->run_dir, p->steps, &list, err);
  fz_state_clear(&list);
  if (st == FZ_OK) p->generation = p->steps;
  p->last_checkpoint = now();
  p->checkpoint_cost = p->last_checkpoint - began;
  return st;
}

/* rank 0.  A status that cannot be written is no reason to give up what was computed, unless the folder is gone. */
static fz_status tell_status(const fz_job *job, progress *p, fz_error *err) {
  fz_status st = fz_trouble_note(&p->status_file, write_status(job, p, FZ_RUN_RUNNING, FZ_OK, "", err), err, now());
  return st == FZ_OK && p->status_file.times > 0 ? fz_trouble_folder(job->run_dir, err) : st;
}

/* A checkpoint that can wait: when the disk refuses it, the run goes on and tries again after the next interval. */
static fz_status try_checkpoint(fz_job *job, progress *p, fz_error *err) {
  fz_error why = {0};
  fz_status st = write_checkpoint(job, p, &why);
  bool refused = st == FZ_EIO;
  if (fz_mpi_rank(job->comm) == 0) {
    int before = p->checkpoints.times;
    st = fz_trouble_note(&p->checkpoints, st, &why, now());
    if (refused) st = fz_trouble_folder(job->run_dir, &why);
    if (st == FZ_OK && (before == 0) != (p->checkpoints.times == 0)) st = tell_status(job, p, &why);
  } else if (refused) {
    st = FZ_OK;
  }
  if (st != FZ_OK) *err = why;
  return fz_mpi_agree(job->comm, st, err);
}

/* local; ranks may differ by the time of a message */
static bool interval_is_over(const fz_job *job, const progress *p) {
  double interval = job->checkpoint_interval, cost = p->checkpoint_cost / SHARE_FOR_CHECKPOINTS;
  if (interval < 0) interval = fmin(LONGEST_INTERVAL, fmax(SHORTEST_INTERVAL, cost));
  return now() - p->last_checkpoint >= interval;
}

static bool checkpoint_due(const fz_job *job, const progress *p) {
  bool due = interval_is_over(job, p);
  fz_mpi_broadcast(job->comm, &due, sizeof due);
  return due;
}

typedef struct watch {
  const fz_job *job;
  progress *p;
} watch;

/* What the step had done before its last checkpoint is found again, or repeated: that is the checkpoint's price, too.
 */
static void count_repetition(progress *p) {
  if (p->step_taken_up > 0) p->checkpoint_cost += now() - p->step_taken_up;
  p->step_taken_up = 0;
}

/* Rank 0 says when a step is to be written down between its tiles. */
static fz_mpi_request ask(void *context) {
  const watch *w = context;
  count_repetition(w->p);
  if (fz_io_stop_requested(w->job->stop)) return FZ_STOP;
  bool may = fz_mpi_rank(w->job->comm) == 0 && w->job->checkpoint_interval != 0;
  return may && interval_is_over(w->job, w->p) ? FZ_PAUSE : FZ_GO_ON;
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

static void find_instruction_set(const fz_job *job, progress *p) {
  snprintf(p->instruction_set, sizeof p->instruction_set, "%s", fz_instruction_set());
  if (fz_mpi_same(job->comm, p->instruction_set, sizeof p->instruction_set)) return;
  fz_log(FZ_LOG_WARN, "the ranks run on processors of different instruction sets: another run may differ in rounding");
  memset(p->instruction_set, 0, sizeof p->instruction_set);
  snprintf(p->instruction_set, sizeof p->instruction_set, "mixed");
}

static void compare_instruction_set(const progress *p, const char *here) {
  if (strcmp(p->instruction_set, here) != 0)
    fz_log(FZ_LOG_WARN,
           "the run was begun with instruction set %s and goes on with %s: it may differ in rounding from "
           "a run on one of them alone",
           p->instruction_set, here);
}

static fz_status read_checkpoint(fz_job *job, progress *p, bool *found, fz_error *err) {
  fz_io_checkpoint *checkpoint = NULL;
  fz_state_list scalars = {0}, arrays = {0};
  *found = false;
  fz_status st = fz_io_checkpoint_open(job->comm, job->run_dir, &checkpoint, err);
  if (st != FZ_OK || !checkpoint) return st;
  *found = true;
  char here[PARAMETERS_MAX], instruction_set[sizeof p->instruction_set];
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

fz_status fz_job_is_finished(const fz_job *job, bool *finished, fz_error *err) {
  fz_io_checkpoint *checkpoint = NULL;
  *finished = false;
  fz_status st = fz_io_checkpoint_open(job->comm, job->run_dir, &checkpoint, err);
  if (st != FZ_OK || !checkpoint) return st;
  char parameters[PARAMETERS_MAX];
  int64_t phase = 0;
  fz_state_list list = {0};
  fz_state_add_text(&list, "job/parameters", parameters, PARAMETERS_MAX, "what the result depends on");
  fz_state_add_i64(&list, "run/phase", &phase, "1", "4: complete");
  st = fz_io_checkpoint_read(job->comm, checkpoint, &list, err);
  if (st == FZ_OK && strcmp(parameters, job->parameters) != 0)
    st = refuse_other_parameters(parameters, job->parameters, err);
  int there = 0;
  char path[FZ_PATH_MAX];
  if (fz_mpi_rank(job->comm) == 0 && fz_io_path_join(path, job->run_dir, "particles.star", err) == FZ_OK)
    there = access(path, R_OK) == 0;
  fz_mpi_broadcast(job->comm, &there, sizeof there);
  *finished = st == FZ_OK && phase == FZ_RUN_COMPLETE && there;
  fz_state_clear(&list);
  fz_io_checkpoint_close(&checkpoint);
  return st;
}

/* Its presence marks a finished run: one that an earlier run left here must not speak for this one. */
static fz_status remove_old_results(const fz_job *job, fz_error *err) {
  char path[FZ_PATH_MAX];
  fz_status st = fz_io_path_join(path, job->run_dir, "particles.star", err);
  if (st != FZ_OK || unlink(path) == 0 || errno == ENOENT) return st;
  return fz_fail(err, FZ_EIO, "%s: cannot remove: %s", path, strerror(errno));
}

/* ---- the loop ---- */

static fz_status write_results(fz_job *job, fz_error *err) {
  fz_run *run = job->run;
  const fz_dataset *data = run->data;
  ptrdiff_t classes = run->settings.n_classes, n3 = (ptrdiff_t)data->box * data->box * data->box;
  ptrdiff_t m3 = (ptrdiff_t)run->m * run->m * run->m;
  double *full = fz_alloc(3 * classes * n3, sizeof *full);
  if (!full) return fz_fail(err, FZ_ENOMEM, "no memory for maps of %d^3 voxels", data->box);
  const double *from[3] = {run->w, run->half[0], run->half[1]};
  fz_status st = FZ_OK;
  for (int i = 0; i < 3; i++)
    for (ptrdiff_t k = 0; k < classes && st == FZ_OK; k++)
      st = fz_resample(from[i] + k * m3, (int)run->m, full + (i * classes + k) * n3, data->box);
  fz_io_results results = {.box = data->box,
                           .n_classes = (int)classes,
                           .voxel_A = data->pixel_A,
                           .map = full,
                           .half1 = full + classes * n3,
                           .half2 = full + 2 * classes * n3,
                           .n_shells = data->n_shells,
                           .fsc = run->fsc,
                           .mask_radius_px = 0,
                           .gold_standard = false,
                           .data = data,
                           .label = job->label};
  if (st == FZ_OK) st = fz_io_results_write(job->run_dir, job->particles, &results, err);
  fz_free(&full);
  return st;
}

/* rank 0.  A line that cannot be written waits in memory. */
static fz_status keep_records(const fz_job *job, progress *p, const char *what, double seconds, fz_error *err) {
  fz_status st = fz_trouble_note(&p->records_kept, append_record(job, p, what, seconds, err), err, now());
  if (st != FZ_OK || now() - p->last_status <= fmax(STATUS_EVERY, p->status_cost / SHARE_FOR_STATUS)) return st;
  return tell_status(job, p, err);
}

static fz_status after_step(fz_job *job, progress *p, const char *what, double seconds, fz_error *err) {
  fz_status st = FZ_OK;
  p->steps++;
  if (fz_mpi_rank(job->comm) == 0) {
    st = keep_records(job, p, what, seconds, err);
    report(job, p, what);
  }
  return fz_mpi_agree(job->comm, st, err);
}

static fz_status stop_now(fz_job *job, progress *p, fz_error *err) {
  fz_error why = {0};
  char reason[80] = "", stands[80] = "there is none before it: the same command starts over";
  fz_status st = write_checkpoint(job, p, &why);
  snprintf(reason, sizeof reason, "%s", fz_io_stop_reason(job->stop));
  if (!reason[0]) snprintf(reason, sizeof reason, "request to another rank");
  if (st == FZ_OK)
    return fz_fail(err, FZ_ESTOPPED, "stopped by %s at a checkpoint; the same command continues", reason);
  if (p->generation)
    snprintf(stands, sizeof stands, "the same command continues from that of step %lld", (long long)p->generation);
  return fz_fail(err, st, "stopped by %s, but the checkpoint failed: %.400s; %s", reason, why.text, stands);
}

/* One step, with checkpoints on the way when it is long. */
static fz_status step(fz_job *job, progress *p, fz_error *err) {
  fz_status st;
  while ((st = fz_run_step(job->run, err)) == FZ_ESTOPPED) {
    if (fz_mpi_any(job->comm, fz_io_stop_requested(job->stop))) return stop_now(job, p, err);
    st = try_checkpoint(job, p, err);
    if (st != FZ_OK) return st;
    if (!p->checkpoints.times) fz_log(FZ_LOG_DETAIL, "checkpoint inside step %lld", (long long)p->steps + 1);
    p->step_taken_up = now();
  }
  p->step_taken_up = 0;
  return st;
}

static fz_status loop(fz_job *job, progress *p, fz_error *err) {
  fz_status st = FZ_OK;
  while (job->run->phase != FZ_RUN_COMPLETE) {
    char what[80];
    describe(job->run, what, sizeof what);
    double began = now();
    st = step(job, p, err);
    if (st == FZ_OK) st = after_step(job, p, what, now() - began, err);
    if (st != FZ_OK) return st;
    if (fz_mpi_any(job->comm, fz_io_stop_requested(job->stop))) return stop_now(job, p, err);
    if (job->run->phase == FZ_RUN_COMPLETE)
      st = write_checkpoint(job, p, err);
    else if (checkpoint_due(job, p))
      st = try_checkpoint(job, p, err);
    if (st != FZ_OK) return st;
  }
  return st;
}

static void report_resumption(const progress *p, const char *what) {
  char inside[64] = "";
  int64_t tiles = fz_mpi_journal_tiles(p->journal), evaluations = fz_mpi_journal_evaluations(p->journal);
  if (tiles || evaluations)
    snprintf(inside, sizeof inside, ", %lld passes and %lld tiles into the next", (long long)evaluations,
             (long long)tiles);
  fz_log(FZ_LOG_INFO, "resumed after step %lld%s (%s)", (long long)p->steps, inside, what);
}

static fz_status begin(fz_job *job, progress *p, fz_error *err) {
  bool found;
  p->began = p->last_checkpoint = now();
  snprintf(p->parameters, sizeof p->parameters, "%s", job->parameters);
  find_instruction_set(job, p);
  fz_status st = read_checkpoint(job, p, &found, err);
  if (st != FZ_OK) return st;
  p->fraction_at_start = fz_run_fraction(job->run);
  char what[80];
  describe(job->run, what, sizeof what);
  if (found) report_resumption(p, what);
  if (fz_mpi_rank(job->comm) == 0) {
    char path[FZ_PATH_MAX];
    if (!found) st = remove_old_results(job, err);
    if (st == FZ_OK) st = fz_io_path_join(path, job->run_dir, "metrics.jsonl", err);
    if (st == FZ_OK) st = fz_io_records_open(path, p->steps, &p->records, err);
    if (st == FZ_OK) st = write_status(job, p, FZ_RUN_RUNNING, FZ_OK, "", err);
  }
  return fz_mpi_agree(job->comm, st, err);
}

fz_status fz_job_run(fz_job *job, fz_error *err) {
  progress p = {.place = -1,
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
    if (fz_mpi_rank(job->comm) == 0) st = write_results(job, err);
    st = fz_mpi_agree(job->comm, st, err);
  }
  fz_error unwritten = {0};
  fz_io_run_state state = st == FZ_OK ? FZ_RUN_DONE : st == FZ_ESTOPPED ? FZ_RUN_STOPPED : FZ_RUN_FAILED;
  fz_status told = write_status(job, &p, state, st, st == FZ_OK ? "" : err->text, &unwritten);
  if (told != FZ_OK) fz_log(FZ_LOG_WARN, "%s", unwritten.text);
  fz_io_records_close(&p.records);
  job->host->pause = (fz_mpi_pause){0};
  job->host->journal = NULL;
  fz_mpi_journal_destroy(&p.journal);
  return st;
}
