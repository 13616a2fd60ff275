#include "optim/pcg.h"

#include <math.h>

#include "core/memory.h"

static double dot(ptrdiff_t n, const double *a, const double *b) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static fz_status iterate(ptrdiff_t n, fz_linear_map apply, fz_linear_map precondition, void *context, double goal,
                         int iterations, double *x, double *r, double *z, double *p, double *q) {
  precondition(context, r, z);
  for (ptrdiff_t i = 0; i < n; i++) p[i] = z[i];
  double rz = dot(n, r, z);
  for (int k = 0; k < iterations; k++) {
    if (!isfinite(rz)) return FZ_EDIVERGED;
    if (rz <= 0 || dot(n, r, r) <= goal) return FZ_OK;
    apply(context, p, q);
    double curvature = dot(n, p, q);
    if (!isfinite(curvature)) return FZ_EDIVERGED;
    if (curvature <= 0) return FZ_OK; /* at rounding level nothing is left to gain along p */
    double step = rz / curvature;
    for (ptrdiff_t i = 0; i < n; i++) {
      x[i] += step * p[i];
      r[i] -= step * q[i];
    }
    precondition(context, r, z);
    double next = dot(n, r, z), beta = next / rz;
    for (ptrdiff_t i = 0; i < n; i++) p[i] = z[i] + beta * p[i];
    rz = next;
  }
  return FZ_OK;
}

fz_status fz_pcg(ptrdiff_t n, fz_linear_map apply, fz_linear_map precondition, void *context, const double *b,
                 double *x, int iterations, double tolerance) {
  double *work = fz_alloc(4 * n, sizeof *work);
  if (!work) return FZ_ENOMEM;
  double *r = work, *z = work + n, *p = work + 2 * n, *q = work + 3 * n;
  apply(context, x, q);
  for (ptrdiff_t i = 0; i < n; i++) r[i] = b[i] - q[i];
  double goal = tolerance * tolerance * dot(n, b, b);
  fz_status st = iterate(n, apply, precondition, context, goal, iterations, x, r, z, p, q);
  fz_free(&work);
  return st;
}
