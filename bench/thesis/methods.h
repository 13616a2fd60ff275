/* The methods that bench_thesis compares, with every setting. */
#ifndef FZ_BENCH_THESIS_METHODS_H
#define FZ_BENCH_THESIS_METHODS_H
#include "common/experiment.h"

typedef enum fz_thesis_problem { FZ_THESIS_MRA, FZ_THESIS_CRYO } fz_thesis_problem;

enum { FZ_THESIS_METHODS_MOST = 40 };

/** Fill `method` with those of the list ("all", or keys with commas between them) in the table's order; *n of them.
 *  fails   FZ_EINVAL naming what is unknown and what there is */
fz_status fz_thesis_methods(fz_thesis_problem problem, const char *list, fz_experiment_method *method, int *n,
                            fz_error *err);
/** The table for people: key, optimizer, settings. */
void fz_thesis_print_methods(fz_thesis_problem problem, FILE *out);

#endif
