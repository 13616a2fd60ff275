/* Tables of an experiment: a row for each method, over its seeds. */
#include <math.h>

#include "common/experiment_files.h"

typedef struct spread {
  double mean, least, most;
  int n;
} spread;

/* What a record tells; what is not finite is left out. k: of the metrics */
typedef double (*quantity)(const fz_experiment *e, const fz_experiment_record *r, int k);

static double spent_passes(const fz_experiment *e, const fz_experiment_record *r, int k) {
  (void)e;
  (void)k;
  return r->end == FZ_END_DIVERGED ? NAN : r->passes;
}
static double spent_seconds(const fz_experiment *e, const fz_experiment_record *r, int k) {
  (void)e;
  (void)k;
  return r->end == FZ_END_DIVERGED ? NAN : r->seconds;
}
static double spent_cpu(const fz_experiment *e, const fz_experiment_record *r, int k) {
  (void)e;
  (void)k;
  return r->end == FZ_END_DIVERGED ? NAN : r->cpu_seconds;
}
static double to_target(const fz_experiment *e, const fz_experiment_record *r, int k) {
  (void)k;
  return e->target > 0 && r->end != FZ_END_DIVERGED ? fz_experiment_passes_to(r, e->target) : NAN;
}
/* Where a method was before it diverged tells nothing. */
static double last_excess(const fz_experiment *e, const fz_experiment_record *r, int k) {
  (void)e;
  (void)k;
  return r->end == FZ_END_DIVERGED ? NAN : r->point[r->n - 1].value - r->best;
}
static double last_metric(const fz_experiment *e, const fz_experiment_record *r, int k) {
  return r->end == FZ_END_DIVERGED ? NAN : r->metric[(r->n - 1) * e->n_metrics + k];
}

static spread gather(const fz_experiment *e, const fz_experiment_result *result, int method, quantity of, int k) {
  spread s = {.least = INFINITY, .most = -INFINITY};
  for (int i = 0; i < result->n; i++) {
    double v = result->record[i].method == method ? of(e, &result->record[i], k) : NAN;
    if (!isfinite(v)) continue;
    s.mean += v;
    s.least = fmin(s.least, v);
    s.most = fmax(s.most, v);
    s.n++;
  }
  if (s.n > 0) s.mean /= s.n;
  return s;
}

typedef struct ends {
  int seeds, count[3]; /* by fz_experiment_end */
  const char *message; /* of a divergence */
} ends;

static ends count_ends(const fz_experiment_result *result, int method) {
  ends k = {0};
  for (int i = 0; i < result->n; i++) {
    const fz_experiment_record *r = &result->record[i];
    if (r->method != method) continue;
    k.seeds++;
    k.count[r->end]++;
    if (r->end == FZ_END_DIVERGED) k.message = r->message;
  }
  return k;
}

static void number(FILE *out, double v) {
  fprintf(out, fabs(v) < 1000 ? "%.1f" : "%.0f", v);
}

/* "186.2 [180.0, 254.1]"; plus: at least that */
static void print_spread(FILE *out, const spread *s, const char *plus) {
  if (s->n == 0) {
    fprintf(out, "-");
    return;
  }
  number(out, s->mean);
  fprintf(out, "%s", plus);
  if (s->n == 1) return;
  fprintf(out, " [");
  number(out, s->least);
  fprintf(out, ", ");
  number(out, s->most);
  fprintf(out, "]");
}

static void print_small(FILE *out, const spread *s) {
  if (s->n == 0)
    fprintf(out, "-");
  else if (s->n == 1)
    fprintf(out, "%.1e", s->mean);
  else
    fprintf(out, "%.1e [%.1e, %.1e]", s->mean, s->least, s->most);
}

static void print_ends(FILE *out, const ends *k) {
  static const char *const word[3] = {"converged", "passes used up", "diverged"};
  const char *separator = "";
  for (int i = 0; i < 3; i++) {
    if (!k->count[i]) continue;
    fprintf(out, "%s", separator);
    if (k->seeds > 1) fprintf(out, "%d ", k->count[i]);
    fprintf(out, "%s", word[i]);
    separator = ", ";
  }
  if (k->message) fprintf(out, ": %s", k->message);
}

static void print_row(const fz_experiment *e, const fz_experiment_result *result, int method, FILE *out) {
  const fz_experiment_method *m = &e->method[method];
  const ends k = count_ends(result, method);
  const spread passes = gather(e, result, method, spent_passes, 0),
               seconds = gather(e, result, method, spent_seconds, 0);
  const spread cpu = gather(e, result, method, spent_cpu, 0), excess = gather(e, result, method, last_excess, 0);
  fprintf(out, "| %s | %s | ", m->label, m->paper ? m->paper : "");
  print_spread(out, &passes, k.count[FZ_END_PASSES] ? "+" : "");
  fprintf(out, " | ");
  if (e->target > 0) {
    const spread target = gather(e, result, method, to_target, 0);
    print_spread(out, &target, "");
    if (target.n < k.seeds && target.n > 0) fprintf(out, " (%d of %d)", target.n, k.seeds);
    fprintf(out, " | ");
  }
  print_small(out, &excess);
  fprintf(out, " | ");
  for (int i = 0; i < e->n_metrics; i++) {
    const spread metric = gather(e, result, method, last_metric, i);
    if (metric.n > 1)
      fprintf(out, "%.4g [%.4g, %.4g] | ", metric.mean, metric.least, metric.most);
    else
      fprintf(out, metric.n ? "%.4g | " : "- | ", metric.mean);
  }
  fprintf(out, seconds.n ? "%.2f | %.2f | " : "- | - | ", seconds.mean, cpu.mean);
  print_ends(out, &k);
  fprintf(out, " |\n");
}

void fz_experiment_print(const fz_experiment *e, const fz_experiment_result *result, FILE *out) {
  const char *range = e->n_seeds > 1 ? ", mean [range]" : "";
  fprintf(out, "| method | paper | passes%s | ", range);
  if (e->target > 0) fprintf(out, "passes to F - F* = %g | ", e->target);
  fprintf(out, "F - F* at the end | ");
  for (int i = 0; i < e->n_metrics; i++) fprintf(out, "%s | ", e->metric[i]);
  fprintf(out, "seconds | CPU seconds | end |\n|");
  for (int i = 0; i < 7 + e->n_metrics + (e->target > 0); i++) fprintf(out, "%s", i < 2 ? "---|" : "---:|");
  fprintf(out, "\n");
  for (int i = 0; i < e->n_methods; i++) print_row(e, result, i, out);
}

static void csv_spread(FILE *out, const spread *s) {
  if (s->n == 0)
    fprintf(out, ",,,");
  else
    fprintf(out, ",%.10g,%.10g,%.10g", s->mean, s->least, s->most);
}

void fz_experiment_table_csv(const fz_experiment *e, const fz_experiment_result *result, FILE *out) {
  fprintf(out, "method,kind,paper,seeds,converged,used_up,diverged");
  static const char *const column[] = {"passes", "passes_to_target", "excess", "seconds", "cpu_seconds"};
  for (int i = 0; i < 5; i++) fprintf(out, ",%s_mean,%s_min,%s_max", column[i], column[i], column[i]);
  for (int i = 0; i < e->n_metrics; i++)
    fprintf(out, ",\"%s mean\",\"%s min\",\"%s max\"", e->metric[i], e->metric[i], e->metric[i]);
  fprintf(out, "\n");
  for (int i = 0; i < e->n_methods; i++) {
    const fz_experiment_method *m = &e->method[i];
    const ends k = count_ends(result, i);
    const quantity of[] = {spent_passes, to_target, last_excess, spent_seconds, spent_cpu};
    fprintf(out, "\"%s\",%s,\"%s\",%d,%d,%d,%d", m->label, m->kind, m->paper ? m->paper : "", k.seeds,
            k.count[FZ_END_CONVERGED], k.count[FZ_END_PASSES], k.count[FZ_END_DIVERGED]);
    for (int c = 0; c < 5 + e->n_metrics; c++) {
      const spread s = gather(e, result, i, c < 5 ? of[c] : last_metric, c - 5);
      csv_spread(out, &s);
    }
    fprintf(out, "\n");
  }
}
