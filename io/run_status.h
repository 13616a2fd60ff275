/* status.json of a run: what a script or a person asks for first, always complete and in step with the exit code. */
#ifndef FZ_IO_RUN_STATUS_H
#define FZ_IO_RUN_STATUS_H
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
} fz_io_run_status;

/** Replace "<run_dir>/status.json".  calls local, one rank.  fails FZ_EIO, FZ_ENOMEM; the old file then stays */
fz_status fz_io_run_status_write(const char *run_dir, const fz_io_run_status *status, fz_error *err);

#endif
