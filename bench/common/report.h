/* What a bench found, for machines: one JSON document with the machine and a row for each measurement. */
#ifndef FZ_BENCH_REPORT_H
#define FZ_BENCH_REPORT_H
#include <stddef.h>

#include "common/machine.h"
#include "core/status.h"

typedef struct fz_bench_report {
  char *rows; /* grows */
  size_t used;
  bool out_of_memory;
} fz_bench_report;

/** Close the object and append it as a row; the object is cleared. */
void fz_bench_report_add(fz_bench_report *report, fz_io_json *row);
/** Write {"bench": name, machine, "sgemm_peak_gflops": peak, "date": .., "rows": [..]}: complete or not at all.
 *  fails   FZ_EIO, FZ_ENOMEM */
fz_status fz_bench_report_write(const fz_bench_report *report, const char *path, const char *name,
                                const fz_bench_machine *machine, double sgemm_peak, fz_error *err);
void fz_bench_report_clear(fz_bench_report *report);

/** The median of n > 0 numbers; reorders them. */
double fz_bench_median(double *x, int n);

#endif
