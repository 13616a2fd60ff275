/* Parts of fz_experiment_write. */
#ifndef FZ_BENCH_EXPERIMENT_FILES_H
#define FZ_BENCH_EXPERIMENT_FILES_H
#include "common/experiment.h"

/** A row for each method, with mean, least and most over the seeds. */
void fz_experiment_table_csv(const fz_experiment *e, const fz_experiment_result *result, FILE *out);
/** A row for each epoch kept: seed, method, passes, seconds, cpu_seconds, F, F - F*, metrics. */
void fz_experiment_curves_csv(const fz_experiment *e, const fz_experiment_result *result, FILE *out);
/** The pictures of the first seed. */
fz_status fz_experiment_plots(const fz_experiment *e, const fz_experiment_result *result, const char *dir,
                              fz_error *err);

#endif
