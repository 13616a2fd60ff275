#include "common/experiment_files.h"

#include <stdlib.h>

#include "io/file.h"
#include "io/run_dir.h"

void fz_experiment_curves_csv(const fz_experiment *e, const fz_experiment_result *result, FILE *out) {
  fprintf(out, "seed,method,passes,seconds,cpu_seconds,F,F-F*");
  for (int m = 0; m < e->n_metrics; m++) fprintf(out, ",\"%s\"", e->metric[m]);
  fprintf(out, "\n");
  for (int i = 0; i < result->n; i++) {
    const fz_experiment_record *r = &result->record[i];
    for (ptrdiff_t k = 0; k < r->n; k++) {
      const fz_experiment_point *p = &r->point[k];
      fprintf(out, "%llu,\"%s\",%.10g,%.6g,%.6g,%.17g,%.6e", (unsigned long long)r->seed, e->method[r->method].label,
              p->passes, p->seconds, p->cpu_seconds, p->value, p->value - r->best);
      for (int m = 0; m < e->n_metrics; m++) fprintf(out, ",%.10g", r->metric[k * e->n_metrics + m]);
      fprintf(out, "\n");
    }
  }
}

typedef void (*text_writer)(const fz_experiment *e, const fz_experiment_result *result, FILE *out);

static fz_status write_text(const fz_experiment *e, const fz_experiment_result *result, const char *dir,
                            const char *name, text_writer writer, fz_error *err) {
  char path[FZ_PATH_MAX], *text = NULL;
  size_t size = 0;
  fz_status st = fz_io_path_join(path, dir, name, err);
  if (st != FZ_OK) return st;
  FILE *out = open_memstream(&text, &size);
  if (out) writer(e, result, out);
  if (!out || fclose(out) != 0)
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory for this file", path);
  else
    st = fz_io_file_write(path, text, (int64_t)size, err);
  free(text);
  return st;
}

fz_status fz_experiment_write(const fz_experiment *e, const fz_experiment_result *result, const char *dir,
                              fz_error *err) {
  fz_status st = write_text(e, result, dir, "curves.csv", fz_experiment_curves_csv, err);
  if (st == FZ_OK) st = write_text(e, result, dir, "table.csv", fz_experiment_table_csv, err);
  if (st == FZ_OK) st = write_text(e, result, dir, "table.md", fz_experiment_print, err);
  return st == FZ_OK ? fz_experiment_plots(e, result, dir, err) : st;
}

void fz_experiment_report(const fz_experiment *e, const fz_experiment_result *result, fz_bench_report *report) {
  static const char *const end[] = {"converged", "passes used up", "diverged"};
  for (int i = 0; i < result->n; i++) {
    const fz_experiment_record *r = &result->record[i];
    const fz_experiment_method *m = &e->method[r->method];
    fz_io_json row = {0};
    fz_io_json_begin(&row);
    fz_io_json_text(&row, "experiment", e->name);
    fz_io_json_text(&row, "method", m->label);
    fz_io_json_text(&row, "optimizer", m->kind);
    if (m->paper) fz_io_json_text(&row, "paper", m->paper);
    fz_io_json_i64(&row, "seed", (int64_t)r->seed);
    fz_io_json_text(&row, "end", end[r->end]);
    if (r->end == FZ_END_DIVERGED) fz_io_json_text(&row, "message", r->message);
    fz_io_json_f64(&row, "passes", r->passes);
    if (e->target > 0) fz_io_json_f64(&row, "passes_to_target", fz_experiment_passes_to(r, e->target));
    fz_io_json_f64(&row, "seconds", r->seconds);
    fz_io_json_f64(&row, "cpu_seconds", r->cpu_seconds);
    fz_io_json_f64(&row, "F", r->point[r->n - 1].value);
    fz_io_json_f64(&row, "excess", r->point[r->n - 1].value - r->best);
    for (int k = 0; k < e->n_metrics; k++) fz_io_json_f64(&row, e->metric[k], r->metric[(r->n - 1) * e->n_metrics + k]);
    fz_bench_report_add(report, &row);
  }
}
