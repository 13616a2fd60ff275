#include <math.h>

#include "common/experiment_files.h"
#include "core/memory.h"
#include "io/plot_curves.h"
#include "io/run_dir.h"

/* Columns of the first seed's records, for plots: each [records][most]. */
typedef struct columns {
  int n_records;
  ptrdiff_t most;
  double *passes, *seconds, *value, *excess, *metric[2];
} columns;

static void columns_clear(columns *c) {
  double **array[] = {&c->passes, &c->seconds, &c->value, &c->excess, &c->metric[0], &c->metric[1]};
  for (int i = 0; i < 6; i++) fz_free(array[i]);
}

static fz_status columns_fill(columns *c, const fz_experiment *e, const fz_experiment_result *result, fz_error *err) {
  double **array[] = {&c->passes, &c->seconds, &c->value, &c->excess, &c->metric[0], &c->metric[1]};
  c->n_records = result->n < e->n_methods ? result->n : e->n_methods;
  for (int i = 0; i < c->n_records; i++) c->most = result->record[i].n > c->most ? result->record[i].n : c->most;
  for (int i = 0; i < 6; i++)
    if (!(*array[i] = fz_alloc(c->n_records * c->most, sizeof(double))))
      return fz_fail(err, FZ_ENOMEM, "no memory for the plots of an experiment");
  for (int i = 0; i < c->n_records; i++) {
    const fz_experiment_record *r = &result->record[i];
    for (ptrdiff_t k = 0; k < r->n; k++) {
      ptrdiff_t at = i * c->most + k;
      c->passes[at] = r->point[k].passes;
      c->seconds[at] = r->point[k].seconds;
      c->value[at] = r->point[k].value;
      c->excess[at] = fabs(r->point[k].value - r->best);
      for (int m = 0; m < 2 && m < e->n_metrics; m++) c->metric[m][at] = r->metric[k * e->n_metrics + m];
    }
  }
  return FZ_OK;
}

static void make_series(const fz_experiment *e, const fz_experiment_result *result, const columns *c, const double *x,
                        const double *y, fz_io_series *series) {
  for (int i = 0; i < c->n_records; i++)
    series[i] = (fz_io_series){e->method[result->record[i].method].label, result->record[i].n, x + i * c->most,
                               y + i * c->most, FZ_IO_LINE};
}

/* What doubles can tell of F - F*. */
static double rounding(const fz_experiment_result *result) {
  return result->n > 0 ? fmax(pow(10, floor(log10(1e-16 * fmax(fabs(result->record[0].best), 1e-3)))), 1e-17) : 1e-16;
}

/* Cost on a linear axis, where a linear rate is straight, and on a logarithmic one, where the fast methods have room.
 */
static fz_status plot_excess(const fz_experiment *e, const fz_experiment_result *result, const columns *c,
                             fz_io_series *series, const char *dir, fz_error *err) {
  static const char *const name[2] = {"convergence.png", "convergence_seconds.png"};
  static const char *const title[2] = {"cost-weighted passes", "seconds"};
  fz_status st = FZ_OK;
  for (int k = 0; k < 2 && st == FZ_OK; k++) {
    char path[FZ_PATH_MAX];
    make_series(e, result, c, k ? c->seconds : c->passes, c->excess, series);
    fz_io_panel panel[2];
    for (int p = 0; p < 2; p++)
      panel[p] = (fz_io_panel){.x = {.title = title[k], .scale = p ? FZ_IO_LOG : FZ_IO_LINEAR},
                               .y = {.title = "F - F*", .scale = FZ_IO_LOG, .floor = rounding(result)},
                               .series = series,
                               .n_series = c->n_records};
    if (k == 0) panel[1].x.floor = 0.5; /* the start, at no cost */
    st = fz_io_path_join(path, dir, name[k], err);
    if (st == FZ_OK) st = fz_io_plot_panels(path, e->title, panel, 2, err);
  }
  return st;
}

/* Of so many passes the first few, where most happens, would be lost on a linear axis; the start is drawn at 0.5. */
enum { MANY_PASSES = 60 };

static double longest_run(const fz_experiment_result *result, const columns *c) {
  double most = 0;
  for (int i = 0; i < c->n_records; i++) most = fmax(most, result->record[i].passes);
  return most;
}

static fz_status plot_metrics(const fz_experiment *e, const fz_experiment_result *result, const columns *c,
                              fz_io_series *series, const char *dir, fz_error *err) {
  int n = 1 + (e->n_metrics > 2 ? 2 : e->n_metrics);
  char path[FZ_PATH_MAX];
  fz_io_panel panel[3];
  if (e->n_metrics == 0 || e->measure_end) return FZ_OK;
  const double longest = longest_run(result, c);
  for (int p = 0; p < n; p++) {
    make_series(e, result, c, c->passes, p ? c->metric[p - 1] : c->value, series + p * c->n_records);
    panel[p] = (fz_io_panel){.x = {.title = "cost-weighted passes",
                                   .scale = longest > MANY_PASSES ? FZ_IO_LOG : FZ_IO_LINEAR,
                                   .floor = longest > MANY_PASSES ? 0.5 : 0},
                             .y = {.title = p ? e->metric[p - 1] : "F, negative log-likelihood per image"},
                             .series = series + p * c->n_records,
                             .n_series = c->n_records};
  }
  fz_status st = fz_io_path_join(path, dir, "metrics.png", err);
  return st == FZ_OK ? fz_io_plot_panels(path, e->title, panel, n, err) : st;
}

fz_status fz_experiment_plots(const fz_experiment *e, const fz_experiment_result *result, const char *dir,
                              fz_error *err) {
  columns c = {0};
  fz_io_series *series = fz_alloc(3 * (ptrdiff_t)e->n_methods, sizeof *series);
  fz_status st = series ? columns_fill(&c, e, result, err) : fz_fail(err, FZ_ENOMEM, "no memory for plots");
  if (st == FZ_OK) st = plot_excess(e, result, &c, series, dir, err);
  if (st == FZ_OK) st = plot_metrics(e, result, &c, series, dir, err);
  columns_clear(&c);
  fz_free(&series);
  return st;
}
