/* Who of those watched is lost?  Pure arithmetic on what has been seen: no clock, no system. */
#ifndef FZ_IO_VERDICT_H
#define FZ_IO_VERDICT_H
#include <stdbool.h>
#include <stdint.h>

#include "io/process.h"

/* What one rank, or one node as a whole, shows of itself. */
typedef struct fz_io_sign {
  int64_t beat;  /* changes as long as its watchdog runs */
  int64_t moved; /* changes when its main thread has done anything */
  bool waiting;  /* for other ranks */
  bool left;     /* in good order: nothing more is to be expected */
  fz_io_process_state process;
} fz_io_sign;

/* What the watcher remembers of it; starts as {0}. */
typedef struct fz_io_watched {
  int64_t beat, moved;
  double silent, still; /* seconds of the watcher's own time since they changed */
} fz_io_watched;

typedef enum fz_io_verdict {
  FZ_VERDICT_NONE,
  FZ_VERDICT_GONE,    /* the process has ended */
  FZ_VERDICT_SILENT,  /* no sign of life */
  FZ_VERDICT_STUCK,   /* alive, does nothing, and waits for nobody */
  FZ_VERDICT_DEADLOCK /* all wait for each other */
} fz_io_verdict;

/** Look at all of them once more.
 *  shape    sign, watched [n]; *culprit: the lowest of those concerned
 *  seconds  of the watcher's life since its last look.  The caller bounds it, so that time in which the watcher itself
 *           was suspended, or starved, does not count against others
 *  limit    seconds after which who is silent or stuck is lost; 0: never, and only GONE is told
 *  whole    these are all that the job has: if all wait, nobody will come */
fz_io_verdict fz_io_judge(const fz_io_sign *sign, fz_io_watched *watched, int n, double seconds, double limit,
                          bool whole, int *culprit);

/** Two looks at most this far apart count in full (seconds). */
#define FZ_LONGEST_LOOK 1.0

#endif
