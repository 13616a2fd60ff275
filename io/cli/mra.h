/* Multireference alignment as asked for on the command line: problem, solution, report. */
#ifndef FZ_CLI_MRA_H
#define FZ_CLI_MRA_H
#include <stdbool.h>

#include "io/cli/optimizer_spec.h"
#include "mpi/comm.h"
#include "orbit/mra.h"

typedef struct fz_mra_request {
  const char *output, *algorithm, *step, *signal, *density, *data, *config;
  int64_t length, window, observations, seed, start_seed, batch, tile, threads;
  double sigma, tolerance, max_passes;
  bool known_density, save_observations;
  fz_optimizer_spec optimizer;
} fz_mra_request;

typedef struct fz_mra_problem {
  fz_mra_spec spec;         /* signal and density: NULL where they are not known */
  double *signal, *density; /* [length] the truth, owned */
  double *x;                /* [n][window] observations, owned */
} fz_mra_problem;

/** Simulate, or read --data.  owns *p: the caller, also after a failure, fz_mra_problem_clear.  calls local, the same
 * on all ranks.  fails FZ_EINVAL, FZ_EINPUT, FZ_EIO, FZ_ENOMEM */
fz_status fz_mra_problem_open(const fz_mra_request *r, fz_mra_problem *p, fz_error *err);
void fz_mra_problem_clear(fz_mra_problem *p);

/* How the solution went on, one point per pass. */
typedef struct fz_mra_curve {
  int64_t n, room;
  double *passes, *seconds, *value, *error, *density_error; /* error: NAN without a truth */
} fz_mra_curve;

typedef enum fz_mra_end { FZ_MRA_CONVERGED, FZ_MRA_MAX_PASSES } fz_mra_end;

/** Run the optimizer from start w [dim] to the tolerance or the most passes; w becomes the result.
 *  calls   collective as f is.  fails as the optimizer does, FZ_ENOMEM */
fz_status fz_mra_solve(const fz_mra_request *r, const fz_mra_problem *p, const fz_objective *f, double *w,
                       fz_mra_curve *curve, fz_mra_end *end, fz_error *err);
void fz_mra_curve_clear(fz_mra_curve *curve);

/** estimate.csv, metrics.jsonl, mra.png (and observations.txt) in the output folder.
 *  w: signal, then rho~ if it was estimated.  calls local, rank 0.  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_mra_results_write(const fz_mra_request *r, const fz_mra_problem *p, const double *w,
                               const fz_mra_curve *curve, fz_error *err);

#endif
