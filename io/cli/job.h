/* A reconstruction as a job: resumed from its checkpoint, stepped, reported, checkpointed, stopped or finished. */
#ifndef FZ_CLI_JOB_H
#define FZ_CLI_JOB_H
#include "io/particles.h"
#include "io/stop.h"
#include "mpi/run_host.h"
#include "optim/run.h"

typedef struct fz_job {
  fz_mpi *comm;
  const char *run_dir;
  fz_io_particles *particles;
  fz_run *run;
  fz_mpi_run_host *host; /* the run's; the job asks it for pauses and gives it a journal */
  fz_io_stop *stop;
  double checkpoint_interval; /* seconds; 0: after every step; below 0: automatic from the measured cost. A step that
                                 lasts longer is written down between its tiles */
  const char *parameters;     /* all that the result depends on: a checkpoint of other parameters is refused */
  const char *label;          /* program, version, seed */
} fz_job;

/** True when the folder holds a finished run of these parameters.  collective; fails when they differ */
fz_status fz_job_is_finished(const fz_job *job, bool *finished, fz_error *err);

/** Run to the end: resume if there is a checkpoint, step, write metrics.jsonl, status.json, checkpoints, results.
 *  calls   collective
 *  fails   FZ_ESTOPPED after a stop request, with a checkpoint; FZ_EINVAL for a checkpoint of other parameters;
 *          FZ_EDIVERGED, FZ_EIO, FZ_ENOMEM.  status.json then says the same */
fz_status fz_job_run(fz_job *job, fz_error *err);

#endif
