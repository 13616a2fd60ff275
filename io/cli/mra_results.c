#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/cli/mra.h"
#include "io/json.h"
#include "io/plot_curves.h"
#include "io/run_dir.h"

/* What is compared with the truth: the estimate, shifted as it fits best. */
typedef struct estimate {
  int n;
  double *signal, *density; /* [n] */
} estimate;

static int best_shift(const fz_mra_problem *p, const double *v) {
  int n = p->spec.length, best = 0;
  double least = HUGE_VAL;
  for (int s = 0; s < n && p->signal; s++) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += pow(v[(i + s) % n] - p->signal[i], 2);
    if (sum < least) {
      least = sum;
      best = s;
    }
  }
  return best;
}

static bool align(const fz_mra_request *r, const fz_mra_problem *p, const double *w, estimate *e) {
  int n = e->n = p->spec.length, s = best_shift(p, w);
  double most = -HUGE_VAL, sum = 0;
  e->signal = fz_alloc(n, sizeof *e->signal);
  e->density = fz_alloc(n, sizeof *e->density);
  if (!e->signal || !e->density) return false;
  /* v[(i + s) mod n] = truth[i] means that truth was shifted by s; then rho[l] = truth's at l + s. */
  for (int i = 0; i < n; i++) e->signal[i] = w[(i + s) % n];
  if (r->known_density) {
    memcpy(e->density, p->density, sizeof *e->density * (size_t)n);
    return true;
  }
  for (int l = 0; l < n; l++) most = fmax(most, w[n + l]);
  for (int l = 0; l < n; l++) sum += exp(w[n + l] - most);
  for (int l = 0; l < n; l++) e->density[(l + s) % n] = exp(w[n + l] - most) / sum;
  return true;
}

static void print_estimate(FILE *out, const fz_mra_problem *p, const estimate *e) {
  fprintf(out, "index,signal,density%s\n", p->signal ? ",true_signal,true_density" : "");
  for (int i = 0; i < e->n; i++) {
    fprintf(out, "%d,%.17g,%.17g", i, e->signal[i], e->density[i]);
    if (p->signal) fprintf(out, ",%.17g,%.17g", p->signal[i], p->density[i]);
    fputc('\n', out);
  }
}

static void print_metrics(FILE *out, const fz_mra_curve *c) {
  for (int64_t i = 0; i < c->n; i++) {
    fz_io_json json;
    fz_io_json_begin(&json);
    fz_io_json_f64(&json, "passes", c->passes[i]);
    fz_io_json_f64(&json, "seconds", c->seconds[i]);
    fz_io_json_f64(&json, "value", c->value[i]);
    fz_io_json_f64(&json, "error", c->error[i]);
    fz_io_json_f64(&json, "density_error", c->density_error[i]);
    const char *line = fz_io_json_end(&json);
    if (line) fprintf(out, "%s\n", line);
    fz_io_json_clear(&json);
  }
}

static void print_observations(FILE *out, const fz_mra_problem *p) {
  fprintf(out, "# %lld observations of a signal of %d samples, window %d, noise %g\n", (long long)p->spec.n,
          p->spec.length, p->spec.window, p->spec.sigma);
  for (int64_t i = 0; i < p->spec.n; i++)
    for (int k = 0; k < p->spec.window; k++)
      fprintf(out, "%.17g%c", p->x[i * p->spec.window + k], k + 1 < p->spec.window ? ' ' : '\n');
}

static fz_status close_into(const char *dir, const char *name, FILE *out, char **text, size_t *size, fz_error *err) {
  char path[FZ_PATH_MAX];
  fz_status st = fz_io_path_join(path, dir, name, err);
  if (fclose(out) != 0) st = fz_fail(err, FZ_ENOMEM, "%s: no memory", name);
  if (st == FZ_OK) st = fz_io_write_atomic(path, *text, (int64_t)*size, err);
  free(*text);
  return st;
}

static fz_status draw(const fz_mra_request *r, const fz_mra_problem *p, const estimate *e, const fz_mra_curve *c,
                      fz_error *err) {
  char path[FZ_PATH_MAX], title[200];
  double *x = fz_alloc(e->n, sizeof *x), *above = fz_alloc(c->n, sizeof *above), least = HUGE_VAL;
  fz_status st = fz_io_path_join(path, r->output, "mra.png", err);
  if (!x || !above) st = fz_fail(err, FZ_ENOMEM, "no memory for a plot");
  if (st == FZ_OK) {
    for (int i = 0; i < e->n; i++) x[i] = i;
    for (int64_t i = 0; i < c->n; i++) least = fmin(least, c->value[i]);
    for (int64_t i = 0; i < c->n; i++) above[i] = c->value[i] - least;
    const fz_io_series signal[] = {{"estimate", e->n, x, e->signal, FZ_IO_LINE},
                                   {"truth", e->n, x, p->signal, FZ_IO_LINE}};
    const fz_io_series density[] = {{"estimate", e->n, x, e->density, FZ_IO_STEPS},
                                    {"truth", e->n, x, p->density, FZ_IO_STEPS}};
    const fz_io_series value[] = {{r->optimizer.kind->name, c->n, c->passes, above, FZ_IO_LINE}};
    const fz_io_panel panel[] = {
        {"signal", {.title = "sample"}, {.title = "value"}, signal, p->signal ? 2 : 1},
        {"density of shifts", {.title = "shift"}, {.title = "probability"}, density, p->signal ? 2 : 1},
        {"convergence",
         {.title = "cost-weighted passes"},
         {.title = "F above its least", .scale = FZ_IO_LOG, .floor = 1e-16},
         value,
         1}};
    snprintf(title, sizeof title, "%lld observations, window %d of %d, noise %g", (long long)p->spec.n, p->spec.window,
             p->spec.length, p->spec.sigma);
    st = fz_io_plot_panels(path, title, panel, 3, err);
  }
  fz_free(&x);
  fz_free(&above);
  return st;
}

fz_status fz_mra_results_write(const fz_mra_request *r, const fz_mra_problem *p, const double *w,
                               const fz_mra_curve *curve, fz_error *err) {
  static const char *const name[] = {"estimate.csv", "metrics.jsonl", "observations.txt"};
  estimate e = {0};
  fz_status st = align(r, p, w, &e) ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for the results");
  for (int i = 0; i < (r->save_observations ? 3 : 2) && st == FZ_OK; i++) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
      st = fz_fail(err, FZ_ENOMEM, "%s: no memory", name[i]);
      break;
    }
    if (i == 0) print_estimate(out, p, &e);
    if (i == 1) print_metrics(out, curve);
    if (i == 2) print_observations(out, p);
    st = close_into(r->output, name[i], out, &text, &size, err);
  }
  if (st == FZ_OK) st = draw(r, p, &e, curve, err);
  fz_free(&e.signal);
  fz_free(&e.density);
  return st;
}
