#include "metrics/simplex.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/status.h"

typedef struct corner {
  double x[FZ_SIMPLEX_MAX_DIMENSION], f;
} corner;

static void sort(corner *c, int count) {
  for (int i = 1; i < count; i++) {
    corner moving = c[i];
    int j = i;
    for (; j > 0 && moving.f < c[j - 1].f; j--) c[j] = c[j - 1];
    c[j] = moving;
  }
}

static bool converged(const corner *c, int n, double x_tolerance, double f_tolerance) {
  double dx = 0;
  for (int i = 1; i <= n; i++)
    for (int d = 0; d < n; d++) dx = fmax(dx, fabs(c[i].x[d] - c[0].x[d]));
  return dx <= x_tolerance && fabs(c[n].f - c[0].f) <= f_tolerance;
}

/* centre + factor (worst - centre), evaluated */
static corner probe(const corner *c, int n, double factor, fz_simplex_function f, void *context) {
  corner p = {.f = 0};
  for (int d = 0; d < n; d++) {
    double centre = 0;
    for (int i = 0; i < n; i++) centre += c[i].x[d] / n;
    p.x[d] = centre + factor * (c[n].x[d] - centre);
  }
  p.f = f(p.x, context);
  return p;
}

static void shrink(corner *c, int n, fz_simplex_function f, void *context) {
  for (int i = 1; i <= n; i++) {
    for (int d = 0; d < n; d++) c[i].x[d] = c[0].x[d] + 0.5 * (c[i].x[d] - c[0].x[d]);
    c[i].f = f(c[i].x, context);
  }
}

/* Move the worst corner; returns the number of calls of f. */
static int step_once(corner *c, int n, fz_simplex_function f, void *context) {
  corner reflected = probe(c, n, -1, f, context);
  if (reflected.f < c[0].f) {
    corner expanded = probe(c, n, -2, f, context);
    c[n] = expanded.f < reflected.f ? expanded : reflected;
    return 2;
  }
  if (reflected.f < c[n - 1].f) {
    c[n] = reflected;
    return 1;
  }
  bool outside = reflected.f < c[n].f;
  corner contracted = probe(c, n, outside ? -0.5 : 0.5, f, context);
  if (outside ? contracted.f <= reflected.f : contracted.f < c[n].f) {
    c[n] = contracted;
    return 2;
  }
  shrink(c, n, f, context);
  return 2 + n;
}

double fz_simplex_minimize(int n, fz_simplex_function f, void *context, double *x, const double *step,
                           double x_tolerance, double f_tolerance, int max_calls) {
  FZ_ASSERT(n >= 1 && n <= FZ_SIMPLEX_MAX_DIMENSION);
  corner c[FZ_SIMPLEX_MAX_DIMENSION + 1];
  for (int i = 0; i <= n; i++) {
    memcpy(c[i].x, x, (size_t)n * sizeof *x);
    if (i > 0) c[i].x[i - 1] += step[i - 1];
    c[i].f = f(c[i].x, context);
  }
  int calls = n + 1;
  sort(c, n + 1);
  while (calls < max_calls && !converged(c, n, x_tolerance, f_tolerance)) {
    calls += step_once(c, n, f, context);
    sort(c, n + 1);
  }
  memcpy(x, c[0].x, (size_t)n * sizeof *x);
  return c[0].f;
}
