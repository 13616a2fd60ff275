#ifndef FZ_BENCH_EXPERIMENT_PRIVATE_H
#define FZ_BENCH_EXPERIMENT_PRIVATE_H
#include "common/experiment.h"

/** One method on one problem: fills the record but for `best`. start_value: F at the start.  collective */
fz_status fz_experiment_run_method(const fz_experiment *e, const fz_experiment_method *method,
                                   const fz_experiment_problem *problem, uint64_t seed, double start_value,
                                   fz_experiment_record *record, fz_error *err);
/** F at w by an evaluation of all images that nobody counts.  collective */
fz_status fz_experiment_value(const fz_objective *f, const double *w, double *value, fz_error *err);
void fz_experiment_record_clear(fz_experiment_record *record);

#endif
