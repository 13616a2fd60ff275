#include "optim/bfgs.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "core/memory.h"

struct fz_bfgs {
  ptrdiff_t n;
  int capacity, n_pairs;
  bool any_curvature;
  double *s, *y;             /* [capacity][n] */
  double *curvature, *alpha; /* [capacity] y.s, and the share of s taken out on the way in */
  double *inner;             /* [n] */
};

static double dot(ptrdiff_t n, const double *x, const double *y) {
  return cblas_ddot((int)n, x, 1, y, 1);
}

fz_status fz_bfgs_create(ptrdiff_t n, int capacity, bool any_curvature, fz_bfgs **out, fz_error *err) {
  *out = NULL;
  if (n < 1 || n > INT32_MAX) return fz_fail(err, FZ_EINVAL, "a quasi-Newton matrix for vectors of %td numbers", n);
  if (capacity < 1) return fz_fail(err, FZ_EINVAL, "a quasi-Newton matrix needs room for at least one pair");
  fz_bfgs *h = fz_alloc(1, sizeof *h);
  if (h) {
    *h = (fz_bfgs){.n = n, .capacity = capacity, .any_curvature = any_curvature};
    h->s = fz_alloc(n, sizeof(double) * (size_t)capacity);
    h->y = fz_alloc(n, sizeof(double) * (size_t)capacity);
    h->curvature = fz_alloc(capacity, sizeof(double));
    h->alpha = fz_alloc(capacity, sizeof(double));
    h->inner = fz_alloc(n, sizeof(double));
    if (!h->s || !h->y || !h->curvature || !h->alpha || !h->inner) fz_bfgs_destroy(&h);
  }
  *out = h;
  if (!h) return fz_fail(err, FZ_ENOMEM, "no memory for %d pairs of %td numbers; keep fewer", capacity, n);
  return FZ_OK;
}

void fz_bfgs_destroy(fz_bfgs **h) {
  if (!*h) return;
  fz_free(&(*h)->s);
  fz_free(&(*h)->y);
  fz_free(&(*h)->curvature);
  fz_free(&(*h)->alpha);
  fz_free(&(*h)->inner);
  fz_free(h);
}

fz_status fz_bfgs_check(ptrdiff_t n, int capacity, bool any_curvature, int n_pairs, const double *const *s,
                        const double *const *y, fz_error *err) {
  if (n_pairs < 0 || n_pairs > capacity)
    return fz_fail(err, FZ_EINVAL, "%d pairs for a quasi-Newton matrix with room for %d", n_pairs, capacity);
  for (int i = 0; i < n_pairs; i++) {
    double ys = dot(n, y[i], s[i]), ss = dot(n, s[i], s[i]), yy = dot(n, y[i], y[i]);
    if (!isfinite(ys) || !isfinite(ss) || !isfinite(yy))
      return fz_fail(err, FZ_EDIVERGED, "pair %d of %d holds numbers that are not finite", i + 1, n_pairs);
    if (fabs(ys) < 1e-300 || ss < 1e-300 || (ys < 0 && !any_curvature))
      return fz_fail(err, FZ_EINVAL, "pair %d of %d has the curvature s.y = %g, which must be %s: leave it out", i + 1,
                     n_pairs, ys, any_curvature ? "different from 0" : "positive");
  }
  return FZ_OK;
}

fz_status fz_bfgs_set(fz_bfgs *h, int n_pairs, const double *const *s, const double *const *y, fz_error *err) {
  fz_status st = fz_bfgs_check(h->n, h->capacity, h->any_curvature, n_pairs, s, y, err);
  if (st != FZ_OK) return st;
  h->n_pairs = n_pairs;
  for (int i = 0; i < n_pairs; i++) {
    memcpy(h->s + i * h->n, s[i], sizeof(double) * (size_t)h->n);
    memcpy(h->y + i * h->n, y[i], sizeof(double) * (size_t)h->n);
    h->curvature[i] = dot(h->n, y[i], s[i]);
  }
  return FZ_OK;
}

fz_status fz_bfgs_apply(fz_bfgs *h, fz_linear_map initial, void *context, const double *g, double *out, fz_error *err) {
  size_t bytes = sizeof(double) * (size_t)h->n;
  memcpy(h->inner, g, bytes);
  for (int i = h->n_pairs - 1; i >= 0; i--) {
    h->alpha[i] = dot(h->n, h->s + i * h->n, h->inner) / h->curvature[i];
    cblas_daxpy((int)h->n, -h->alpha[i], h->y + i * h->n, 1, h->inner, 1);
  }
  if (initial) {
    fz_status st = initial(context, h->inner, out, err);
    if (st != FZ_OK) return st;
  } else {
    memcpy(out, h->inner, bytes);
  }
  for (int i = 0; i < h->n_pairs; i++) {
    double beta = dot(h->n, h->y + i * h->n, out) / h->curvature[i];
    cblas_daxpy((int)h->n, h->alpha[i] - beta, h->s + i * h->n, 1, out, 1);
  }
  for (ptrdiff_t i = 0; i < h->n; i++)
    if (!isfinite(out[i])) return fz_fail(err, FZ_EDIVERGED, "a quasi-Newton step is not a finite number");
  return FZ_OK;
}
