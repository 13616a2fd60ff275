/* The thesis' two problems as sources of experiments: data, start and truth by seed. */
#ifndef FZ_BENCH_THESIS_PROBLEMS_H
#define FZ_BENCH_THESIS_PROBLEMS_H
#include "common/experiment.h"
#include "mpi/orbit_objective.h"

typedef struct fz_thesis_source {
  fz_mpi *comm;
  int tile, threads;  /* images per tile: batches are whole tiles */
  double warm_passes; /* of incremental EM from the random start; what they give is the start of all methods */
} fz_thesis_source;

/** start [f->dim] after the source's warm passes.  calls collective as f is */
fz_status fz_thesis_warm(const fz_thesis_source *s, const fz_objective *f, uint64_t seed, double *start, fz_error *err);

/** Windowed MRA (4.5.1) with estimated density; metrics: relative error of the signal, and of the density (L1).
 *  context: fz_thesis_source */
fz_status fz_thesis_mra_open(void *context, uint64_t seed, fz_experiment_problem *problem, fz_error *err);
void fz_thesis_mra_close(void *context, fz_experiment_problem *problem);
extern const char *const fz_thesis_mra_metric[2];

/** Cryo-EM (4.5.2), density of poses known; metric: relative error of the coefficients after the best rotation. */
fz_status fz_thesis_cryo_open(void *context, uint64_t seed, fz_experiment_problem *problem, fz_error *err);
void fz_thesis_cryo_close(void *context, fz_experiment_problem *problem);
extern const char *const fz_thesis_cryo_metric[1];

#endif
