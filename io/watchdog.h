/* Ends a job of which a rank has died, is frozen or stuck, with the cause in status.json; tells outside what the ranks
 * are at (io/heartbeat.h).  A thread per rank beats in memory that the ranks of a node share and looks at the others;
 * one more per node carries heartbeats to and from the run folder, where it may hang without harm.  Neither calls MPI.
 * What counts as a movement of a rank: a tick (core/progress.h); and while it does not wait for others, 50 ms of
 * processor time or any byte read or written by its main thread. */
#ifndef FZ_IO_WATCHDOG_H
#define FZ_IO_WATCHDOG_H
#include <stdbool.h>

#include "mpi/comm.h"

typedef struct fz_io_watchdog fz_io_watchdog;

typedef struct fz_io_watchdog_settings {
  double limit; /* seconds without a sign of life, or without a movement of a rank that waits for nobody; 0: never */
  bool apart;   /* every rank counts as a node: to test what happens between nodes on one */
} fz_io_watchdog_settings;

/** Watch from now on.  owns the caller, fz_io_watchdog_stop.  calls collective, once per process at a time
 *  fails   FZ_ENOMEM, FZ_EIO when a thread cannot be started; the same on all ranks */
fz_status fz_io_watchdog_start(fz_mpi *comm, const fz_io_watchdog_settings *settings, fz_io_watchdog **out,
                               fz_error *err);
/** From now on heartbeats are written and a verdict goes to status.json; until then only to the standard error.
 *  calls   collective, after the folder was locked.  fails FZ_EIO, FZ_EINVAL, the same on all ranks */
fz_status fz_io_watchdog_attach(fz_io_watchdog *watchdog, const char *run_dir, fz_error *err);
/** The job ends in good order: watch no more, and remove the heartbeats.  What is left of the process's life is
 *  bounded by an alarm.  calls collective; accepts NULL */
void fz_io_watchdog_stop(fz_io_watchdog **watchdog);

#endif
