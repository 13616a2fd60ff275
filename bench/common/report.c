#include "common/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/memory.h"
#include "io/file.h"

void fz_bench_report_add(fz_bench_report *report, fz_io_json *row) {
  const char *text = fz_io_json_end(row), *separator = report->used ? ",\n  " : "";
  size_t more = text ? strlen(separator) + strlen(text) : 0;
  char *rows = text ? fz_realloc(report->rows, (ptrdiff_t)(report->used + more + 1), 1) : NULL;
  if (rows) {
    snprintf(rows + report->used, more + 1, "%s%s", separator, text);
    report->rows = rows;
    report->used += more;
  } else {
    report->out_of_memory = true;
  }
  fz_io_json_clear(row);
}

fz_status fz_bench_report_write(const fz_bench_report *report, const char *path, const char *name,
                                const fz_bench_machine *machine, double sgemm_peak, fz_error *err) {
  fz_io_json head = {0};
  char date[32], *text = NULL;
  size_t size = 0;
  time_t now = time(NULL);
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
  fz_io_json_begin(&head);
  fz_io_json_text(&head, "bench", name);
  fz_bench_machine_describe(machine, &head);
  fz_io_json_f64(&head, "sgemm_peak_gflops", sgemm_peak);
  fz_io_json_text(&head, "date", date);
  const char *fields = fz_io_json_end(&head);
  FILE *out = open_memstream(&text, &size);
  fz_status st = FZ_ENOMEM;
  if (out && fields && !report->out_of_memory) {
    /* The head is an object of its own; the rows go in before its closing brace. */
    fprintf(out, "%.*s,\n \"rows\": [%s]}\n", (int)strlen(fields) - 1, fields, report->rows ? report->rows : "");
    st = FZ_OK;
  }
  if (out && fclose(out) != 0) st = FZ_ENOMEM;
  if (st == FZ_OK)
    st = fz_io_file_write(path, text, (int64_t)size, err);
  else
    fz_fail(err, st, "%s: no memory", path);
  free(text);
  fz_io_json_clear(&head);
  return st;
}

void fz_bench_report_clear(fz_bench_report *report) {
  fz_free(&report->rows);
  *report = (fz_bench_report){0};
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double fz_bench_median(double *x, int n) {
  qsort(x, (size_t)n, sizeof *x, by_value);
  return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}
