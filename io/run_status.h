/* status.json of a run: what a script or a person asks for first, always complete and in step with the exit code. */
#ifndef FZ_IO_RUN_STATUS_H
#define FZ_IO_RUN_STATUS_H
#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

typedef enum fz_io_run_state { FZ_RUN_RUNNING, FZ_RUN_DONE, FZ_RUN_STOPPED, FZ_RUN_FAILED } fz_io_run_state;

typedef struct fz_io_run_status {
  fz_io_run_state state;
  fz_status status;       /* when not running: gives exit_code */
  const char *step;       /* what it does, or did last: "pass 3" */
  const char *message;    /* the error's or the stop's one sentence; "" when there is none */
  double fraction;        /* of the whole run done, 0..1; below 0 when unknown */
  double seconds_elapsed; /* since this job started */
  double seconds_left;    /* below 0 when unknown */
  int64_t checkpoint;     /* generation of the last good checkpoint; below 0 when there is none */
  int ranks;
  const char *verdict; /* of a run that is done: "reproduced" or "uncertain"; NULL: none */
  const char *reason;  /* it is uncertain */
  double resolution_A; /* that is claimed; 0: none */
} fz_io_run_status;

/** Replace "<run_dir>/status.json".  calls local, one rank.  fails FZ_EIO, FZ_ENOMEM; the old file then stays */
fz_status fz_io_run_status_write(const char *run_dir, const fz_io_run_status *status, fz_error *err);

/* status.json as it was read back. */
typedef struct fz_io_run_report {
  fz_io_run_state state;
  int exit_code; /* -1: none */
  char step[128], message[640], written[32];
  double fraction, seconds_elapsed, seconds_left; /* below 0: not told */
  int64_t checkpoint;                             /* below 0: none */
  int ranks;
} fz_io_run_report;

/** calls local.  fails FZ_EINPUT when there is none or it is not one of ours, FZ_EIO, FZ_ENOMEM */
fz_status fz_io_run_status_read(const char *run_dir, fz_io_run_report *report, fz_error *err);
/** The last word on a job that cannot speak for itself: state failed, exit code of FZ_EINTERNAL, and what else the file
 *  says already.  From now on fz_io_run_status_write of this process writes nothing.
 *  calls   from any thread, whatever the others are at.  fails as write does */
fz_status fz_io_run_status_condemn(const char *run_dir, int ranks, const char *message, fz_error *err);

#endif
