#include "optim/dense_algebra.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "core/memory.h"
#include "optim/bfgs.h"
#include "optim/eigen_order.h"

/* LAPACK: all eigenvalues, rising, and eigenvectors in place of the matrix. The last two are Fortran's text lengths. */
extern void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
                    double *work, const int *lwork, int *iwork, const int *liwork, int *info, size_t, size_t);

static fz_status quasi_newton_create(void *self, ptrdiff_t n, int capacity, bool any_curvature, fz_quasi_newton **out,
                                     fz_error *err) {
  (void)self;
  fz_bfgs *h;
  fz_status st = fz_bfgs_create(n, capacity, any_curvature, &h, err);
  *out = (fz_quasi_newton *)h;
  return st;
}

static void quasi_newton_destroy(void *self, fz_quasi_newton **h) {
  (void)self;
  fz_bfgs *bfgs = (fz_bfgs *)*h;
  fz_bfgs_destroy(&bfgs);
  *h = NULL;
}

static fz_status quasi_newton_set(void *self, fz_quasi_newton *h, int n_pairs, const double *const *s,
                                  const double *const *y, fz_error *err) {
  (void)self;
  return fz_bfgs_set((fz_bfgs *)h, n_pairs, s, y, err);
}

static fz_status quasi_newton_apply(void *self, fz_quasi_newton *h, fz_linear_map initial, void *context,
                                    const double *g, double *out, fz_error *err) {
  (void)self;
  return fz_bfgs_apply((fz_bfgs *)h, initial, context, g, out, err);
}

static fz_status fill_columns(ptrdiff_t n, fz_linear_map matrix, void *context, double *unit, double *a,
                              fz_error *err) {
  for (ptrdiff_t j = 0; j < n; j++) {
    unit[j] = 1;
    fz_status st = matrix(context, unit, a + j * n, err);
    if (st != FZ_OK) return st;
    unit[j] = 0;
    for (ptrdiff_t i = 0; i < n; i++)
      if (!isfinite(a[j * n + i]))
        return fz_fail(err, FZ_EDIVERGED, "column %td of a matrix whose eigenvectors are wanted is not finite", j + 1);
  }
  return FZ_OK;
}

/* a [n][n]: columns in, eigenvectors out. */
static fz_status decompose(int n, double *a, double *w, fz_error *err) {
  const int lwork = 1 + 6 * n + 2 * n * n, liwork = 3 + 5 * n;
  int info = 0;
  double *work = fz_alloc(lwork, sizeof *work);
  int *iwork = fz_alloc(liwork, sizeof *iwork);
  fz_status st = work && iwork ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for eigenvectors of %d numbers", n);
  if (st == FZ_OK) dsyevd_("V", "L", &n, a, &n, w, work, &lwork, iwork, &liwork, &info, 1, 1);
  if (info > 0) st = fz_fail(err, FZ_EDIVERGED, "the eigenvectors of a %d x %d matrix were not found", n, n);
  FZ_ASSERT(info >= 0);
  fz_free(&iwork);
  fz_free(&work);
  return st;
}

static fz_status eigenpairs(void *self, ptrdiff_t n, fz_linear_map matrix, void *context, int r, double *value,
                            double *vector, fz_error *err) {
  (void)self;
  if (r < 1 || r > n)
    return fz_fail(err, FZ_EINVAL, "%d eigenpairs of a %td x %td matrix: choose 1 to %td of them", r, n, n, n);
  if (n > FZ_DENSE_EIGENPAIRS_MOST)
    return fz_fail(err, FZ_EINVAL, "eigenvectors of %td numbers: at most %d without the distributed library", n,
                   FZ_DENSE_EIGENPAIRS_MOST);
  double *a = fz_alloc(n * n, sizeof *a), *w = fz_alloc(n, sizeof *w), *unit = fz_alloc(n, sizeof *unit);
  ptrdiff_t *chosen = fz_alloc(r, sizeof *chosen);
  fz_status st = a && w && unit && chosen ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for a %td x %td matrix", n, n);
  if (st == FZ_OK) st = fill_columns(n, matrix, context, unit, a, err);
  if (st == FZ_OK) st = decompose((int)n, a, w, err);
  if (st == FZ_OK) {
    fz_eigen_choose(n, w, r, chosen);
    for (int k = 0; k < r; k++) {
      value[k] = w[chosen[k]];
      memcpy(vector + k * n, a + chosen[k] * n, sizeof *a * (size_t)n);
      fz_eigen_turn(n, vector + k * n);
    }
  }
  fz_free(&chosen);
  fz_free(&unit);
  fz_free(&w);
  fz_free(&a);
  return st;
}

typedef struct workspace {
  double *residual, *direction, *image;
} workspace;

/* x takes a step only after its residual has been seen to be finite. */
static fz_status iterate(ptrdiff_t n, fz_linear_map a, void *context, int iterations, double target, workspace *v,
                         double *x, fz_error *err) {
  double rr = cblas_ddot((int)n, v->residual, 1, v->residual, 1);
  memcpy(v->direction, v->residual, sizeof(double) * (size_t)n);
  for (int i = 0; i < iterations && !(sqrt(rr) <= target); i++) {
    fz_status st = a(context, v->direction, v->image, err);
    if (st != FZ_OK) return st;
    double curvature = cblas_ddot((int)n, v->direction, 1, v->image, 1);
    if (curvature <= 0)
      return fz_fail(err, FZ_EDIVERGED, "conjugate gradients, iteration %d: the operator is not positive definite", i);
    double step = rr / curvature;
    cblas_daxpy((int)n, -step, v->image, 1, v->residual, 1);
    double next = cblas_ddot((int)n, v->residual, 1, v->residual, 1);
    if (!isfinite(step) || !isfinite(next))
      return fz_fail(err, FZ_EDIVERGED, "conjugate gradients, iteration %d: numbers that are not finite", i);
    cblas_daxpy((int)n, step, v->direction, 1, x, 1);
    for (ptrdiff_t j = 0; j < n; j++) v->direction[j] = v->residual[j] + next / rr * v->direction[j];
    rr = next;
  }
  return FZ_OK;
}

static fz_status conjugate_gradients(void *self, ptrdiff_t n, fz_linear_map a, void *context, const double *b,
                                     int iterations, double rtol, double *x, fz_error *err) {
  (void)self;
  FZ_ASSERT(iterations >= 0 && rtol >= 0 && rtol < 1);
  double b_norm = cblas_dnrm2((int)n, b, 1);
  if (b_norm == 0) memset(x, 0, sizeof *x * (size_t)n);
  if (b_norm == 0 || iterations == 0) return FZ_OK;
  workspace v = {fz_alloc(n, sizeof *x), fz_alloc(n, sizeof *x), fz_alloc(n, sizeof *x)};
  fz_status st = FZ_OK;
  if (!v.residual || !v.direction || !v.image) st = fz_fail(err, FZ_ENOMEM, "no memory for conjugate gradients");
  if (st == FZ_OK) st = a(context, x, v.image, err);
  if (st == FZ_OK) {
    for (ptrdiff_t i = 0; i < n; i++) v.residual[i] = b[i] - v.image[i];
    if (!isfinite(cblas_dasum((int)n, v.residual, 1)))
      st = fz_fail(err, FZ_EDIVERGED, "conjugate gradients: the start's residual is not finite");
  }
  if (st == FZ_OK) st = iterate(n, a, context, iterations, rtol * b_norm, &v, x, err);
  fz_free(&v.image);
  fz_free(&v.direction);
  fz_free(&v.residual);
  return st;
}

const fz_algebra *fz_dense_algebra(void) {
  static const fz_algebra table = {.quasi_newton_create = quasi_newton_create,
                                   .quasi_newton_destroy = quasi_newton_destroy,
                                   .quasi_newton_set = quasi_newton_set,
                                   .quasi_newton_apply = quasi_newton_apply,
                                   .eigenpairs = eigenpairs,
                                   .conjugate_gradients = conjugate_gradients};
  return &table;
}
