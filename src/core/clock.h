/* A steady clock, for reports and for deciding when to look or to write; no arithmetic of results reads it. */
#ifndef FZ_CORE_CLOCK_H
#define FZ_CORE_CLOCK_H
#include <time.h>

/** Seconds since some moment in the past; never steps. local, from any thread */
static inline double fz_clock_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
