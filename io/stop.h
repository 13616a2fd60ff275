/* Requests to stop in good order: SIGTERM, SIGINT or SIGUSR1 reaching any rank, a file STOP in the run folder, the time
 * limit.  All of them only raise a flag, which the loop asks for at its boundaries. */
#ifndef FZ_IO_STOP_H
#define FZ_IO_STOP_H
#include <stdbool.h>

#include "mpi/comm.h"

typedef struct fz_io_stop fz_io_stop;

/** Catch the signals from now on and start the clock.  run_dir NULL: no STOP file; max_seconds 0: no time limit.
 *  owns    *out: the caller, fz_io_stop_destroy; run_dir is copied.  calls local, once per process at a time
 *  fails   FZ_ENOMEM, FZ_EINVAL for a path that is too long */
fz_status fz_io_stop_create(const fz_mpi *comm, const char *run_dir, double max_seconds, fz_io_stop **out,
                            fz_error *err);
/** Catch no more: signals that were handled otherwise before are again, those that would kill are ignored, for the
 * program is about to end by itself.  Frees and sets *stop to NULL; accepts NULL. */
void fz_io_stop_destroy(fz_io_stop **stop);
/** Did this rank hear of a request?  It stays heard.  Rank 0 looks at the clock and, at most twice a second, for the
 * file STOP, which it removes: the request is for this job, not for the next one. calls   local; ranks hear at
 * different times, so share it (fz_mpi_any) or close the tickets before acting on it */
bool fz_io_stop_requested(fz_io_stop *stop);
/** Why: "SIGTERM", "the file STOP", "the time limit"; "" when nothing was heard. borrowed */
const char *fz_io_stop_reason(const fz_io_stop *stop);
/** Wall-clock seconds since creation. */
double fz_io_stop_seconds(const fz_io_stop *stop);

#endif
