#include "optim/subspace.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "optim/eigen_order.h"

fz_status fz_subspace_init(fz_subspace *s, ptrdiff_t n, int r) {
  int columns = r + FZ_SUBSPACE_PROBES < n ? r + FZ_SUBSPACE_PROBES : (int)n;
  *s = (fz_subspace){.n = n, .columns = columns};
  s->basis = fz_alloc(columns, sizeof(double) * (size_t)n);
  s->image = fz_alloc(columns, sizeof(double) * (size_t)n);
  s->small = fz_alloc(columns, sizeof(double) * (size_t)columns);
  s->vector = fz_alloc(columns, sizeof(double) * (size_t)columns);
  s->value = fz_alloc(columns, sizeof(double));
  return s->basis && s->image && s->small && s->vector && s->value ? FZ_OK : FZ_ENOMEM;
}

void fz_subspace_clear(fz_subspace *s) {
  fz_free(&s->basis);
  fz_free(&s->image);
  fz_free(&s->small);
  fz_free(&s->vector);
  fz_free(&s->value);
}

static double dot(ptrdiff_t n, const double *a, const double *b) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* Row k from the rows before it, twice; a row that depends on them is drawn anew. */
static fz_status orthonormalize(fz_subspace *s, uint64_t seed, int k, fz_error *err) {
  double *q = s->basis + k * s->n;
  for (int attempt = 0; attempt < 3; attempt++) {
    double before = sqrt(dot(s->n, q, q)), after = 0;
    if (!isfinite(before)) break;
    for (int round = 0; round < 2; round++)
      for (int j = 0; j < k; j++) {
        const double *p = s->basis + j * s->n, part = dot(s->n, p, q);
        for (ptrdiff_t i = 0; i < s->n; i++) q[i] -= part * p[i];
      }
    after = sqrt(dot(s->n, q, q));
    if (after > 1e-12 * before) {
      for (ptrdiff_t i = 0; i < s->n; i++) q[i] /= after;
      return FZ_OK;
    }
    fz_random r = fz_random_stream(seed, FZ_PURPOSE_PROBE, 2 + (uint32_t)attempt, (uint64_t)k);
    for (ptrdiff_t i = 0; i < s->n; i++) q[i] = fz_random_normal(&r);
  }
  return fz_fail(err, FZ_EDIVERGED, "the eigenvectors of a Hessian are not finite");
}

/* basis <- orth(basis); image <- A basis */
static fz_status apply(fz_subspace *s, fz_linear_map map, void *context, uint64_t seed, fz_error *err) {
  fz_status st = FZ_OK;
  for (int k = 0; k < s->columns && st == FZ_OK; k++) st = orthonormalize(s, seed, k, err);
  for (int k = 0; k < s->columns && st == FZ_OK; k++) st = map(context, s->basis + k * s->n, s->image + k * s->n, err);
  return st;
}

static fz_status apply_small(void *context, const double *x, double *y, fz_error *err) {
  const fz_subspace *s = context;
  (void)err;
  for (int a = 0; a < s->columns; a++) y[a] = dot(s->columns, s->small + a * s->columns, x);
  return FZ_OK;
}

fz_status fz_subspace_pairs(fz_subspace *s, const fz_algebra *algebra, fz_linear_map map, void *context, uint64_t seed,
                            int r, double *value, double *vector, fz_error *err) {
  const size_t bytes = sizeof(double) * (size_t)s->n * (size_t)s->columns;
  fz_random random = fz_random_stream(seed, FZ_PURPOSE_PROBE, 1, 0);
  fz_status st;
  for (ptrdiff_t i = 0; i < s->n * s->columns; i++) s->basis[i] = fz_random_normal(&random);
  FZ_TRY(apply(s, map, context, seed, err));
  for (int round = 0; round < FZ_SUBSPACE_ROUNDS; round++) {
    memcpy(s->basis, s->image, bytes);
    FZ_TRY(apply(s, map, context, seed, err));
  }
  for (int a = 0; a < s->columns; a++)
    for (int b = 0; b <= a; b++) {
      double ab = dot(s->n, s->basis + a * s->n, s->image + b * s->n);
      double ba = dot(s->n, s->basis + b * s->n, s->image + a * s->n);
      s->small[a * s->columns + b] = s->small[b * s->columns + a] = (ab + ba) / 2;
    }
  FZ_TRY(algebra->eigenpairs(algebra->self, s->columns, apply_small, s, r, s->value, s->vector, err));
  for (int k = 0; k < r; k++) {
    double *v = vector + k * s->n;
    value[k] = s->value[k];
    memset(v, 0, sizeof *v * (size_t)s->n);
    for (int a = 0; a < s->columns; a++)
      for (ptrdiff_t i = 0; i < s->n; i++) v[i] += s->vector[k * s->columns + a] * s->basis[a * s->n + i];
    fz_eigen_turn(s->n, v);
  }
done:
  return st;
}
