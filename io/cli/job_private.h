/* What the parts of a job share.  job.c: the loop of its steps; job_checkpoint.c: when and what is written down, and
 * taken up again; job_report.c: what a person sees of it; job_results.c: what it leaves. */
#ifndef FZ_CLI_JOB_PRIVATE_H
#define FZ_CLI_JOB_PRIVATE_H
#include <time.h>

#include "io/cli/job.h"
#include "io/cli/trouble.h"
#include "io/records.h"
#include "io/run_status.h"

enum { FZ_JOB_PARAMETERS_MAX = 4096 };

/* Times in seconds of core/clock.h. */
typedef struct fz_job_progress {
  fz_io_records *records;
  int64_t steps, generation;
  double began, fraction_at_start;
  double last_report, last_status, status_cost, last_checkpoint, checkpoint_cost;
  int64_t place;                                     /* phase, start and rung of the last line */
  fz_mpi_journal *journal;                           /* of the step under way */
  double step_taken_up;                              /* when, until it is at work again; 0: it is */
  fz_trouble checkpoints, records_kept, status_file; /* rank 0's */
  char parameters[FZ_JOB_PARAMETERS_MAX];
  char instruction_set[32];
} fz_job_progress;

/** Take up the checkpoint of the folder; *found false: there is none, and the run is as it was.
 *  calls   collective, first of all.  fails FZ_EINVAL when it is of other parameters; FZ_EIO, FZ_ENOMEM */
fz_status fz_job_resume(fz_job *job, fz_job_progress *p, bool *found, fz_error *err);
/** Write the state down. collective */
fz_status fz_job_write_checkpoint(fz_job *job, fz_job_progress *p, fz_error *err);
/** A checkpoint that can wait: when the disk refuses it, the run goes on and tries again after the next interval.
 *  collective */
fz_status fz_job_try_checkpoint(fz_job *job, fz_job_progress *p, fz_error *err);
/** Is it time for one?  The first is local, ranks may differ by the time of a message; the second collective. */
bool fz_job_interval_is_over(const fz_job *job, const fz_job_progress *p);
bool fz_job_checkpoint_due(const fz_job *job, const fz_job_progress *p);

/** In words, what the run is at. local */
void fz_job_describe(const fz_run *run, char *text, size_t n);
/** A line in the log, unless the last one is young and tells the same place; one about a resumption. rank 0 */
void fz_job_report(const fz_job *job, fz_job_progress *p, const char *what);
void fz_job_report_resumption(const fz_job_progress *p, const char *what);
/** Write status.json; nothing but on rank 0. local.  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_job_write_status(const fz_job *job, fz_job_progress *p, fz_io_run_state state, fz_status status,
                              const char *message, fz_error *err);
/** The same while it runs.  A status that cannot be written is no reason to give up what was computed, unless the
 *  folder is gone. rank 0 */
fz_status fz_job_tell_status(const fz_job *job, fz_job_progress *p, fz_error *err);
/** The step's line of metrics.jsonl, and the status from time to time.  A line that cannot be written waits in memory.
 *  rank 0 */
fz_status fz_job_keep_records(const fz_job *job, fz_job_progress *p, const char *what, double seconds, fz_error *err);

/** Maps, half maps, their curves and the particles, in the images' box. rank 0 */
fz_status fz_job_write_results(fz_job *job, fz_error *err);
/** The particles' file marks a finished run: one that an earlier run left here must not speak for this one. rank 0 */
fz_status fz_job_remove_old_results(const fz_job *job, fz_error *err);
/** Does rank 0 see that mark? collective */
bool fz_job_results_are_there(const fz_job *job, fz_error *err);

#endif
