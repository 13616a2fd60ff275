/* How long the parts of a run take on this machine: the real stages, on a few real images.  For estimates only. */
#ifndef FZ_CLI_PLAN_RATES_H
#define FZ_CLI_PLAN_RATES_H
#include "mpi/comm.h"
#include "optim/run_memory.h"

/* Of one place of the run; seconds on one rank. */
typedef struct fz_plan_rates {
  fz_run_place place;
  bool measured;         /* else from the nearest place that was, by the cost model */
  double open;           /* once: tables, plans */
  double evaluation;     /* each evaluation, however few its images: slices, sums put in place */
  double image;          /* each image, of one thread */
  double update;         /* what follows each evaluation: solver, optimizer; every rank does it for itself */
  int64_t reduced_bytes; /* of an evaluation, summed over ranks */
  int n_blocks;          /* pose blocks of a tile */
} fz_plan_rates;

typedef struct fz_plan_rehearsal {
  int n, threads; /* places; threads used */
  fz_plan_rates rates[FZ_RUN_PLACES];
  int64_t images;    /* looked at */
  double scan_image; /* seconds of one thread, of the opening scan */
  double sum_bytes;  /* per second, that one core adds up */
  double seconds;    /* it took */
} fz_plan_rehearsal;

/** Open every place's stage in turn, score a few tiles of `data` with a map as it might be there, and update it.
 *  Stops measuring after `budget` seconds, or where a stage would take more than `most_bytes`: the other places are
 *  extrapolated.  data: a few images of the set; settings: of the run; out->scan_image is the caller's.
 *  calls collective.  fails as the stages do */
fz_status fz_plan_rehearse(fz_mpi *comm, fz_dataset *data, const fz_run_settings *settings, double budget,
                           int64_t most_bytes, fz_plan_rehearsal *out, fz_error *err);

#endif
