#include "mpi/algebra.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "mpi/eigenpairs.h"
#include "mpi/fault.h"
#include "mpi/ksp.h"
#include "mpi/lmvm.h"
#include "optim/bfgs.h"

struct fz_mpi_algebra {
  fz_mpi *comm;
  int eigen_grid;
  fz_algebra view;
};

struct fz_quasi_newton {
  fz_mpi_lmvm *lmvm; /* or */
  fz_bfgs *bfgs;     /* with any curvature */
};

static void quasi_newton_destroy(void *self, fz_quasi_newton **h) {
  (void)self;
  if (!*h) return;
  fz_mpi_lmvm_destroy(&(*h)->lmvm);
  fz_bfgs_destroy(&(*h)->bfgs);
  fz_free(h);
}

static fz_status quasi_newton_create(void *self, ptrdiff_t n, int capacity, bool any_curvature, fz_quasi_newton **out,
                                     fz_error *err) {
  const fz_mpi_algebra *a = self;
  fz_quasi_newton *h = *out = fz_alloc(1, sizeof *h);
  fz_status st = h && !fz_mpi_fault(a->comm, "algebra") ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory");
  if (st == FZ_OK && any_curvature) st = fz_bfgs_create(n, capacity, true, &h->bfgs, err);
  if (st == FZ_OK && !any_curvature) st = fz_mpi_lmvm_create(n, capacity, &h->lmvm, err);
  st = fz_mpi_agree(a->comm, st, err);
  if (st != FZ_OK) quasi_newton_destroy(self, out);
  return st;
}

static fz_status quasi_newton_set(void *self, fz_quasi_newton *h, int n_pairs, const double *const *s,
                                  const double *const *y, fz_error *err) {
  const fz_mpi_algebra *a = self;
  fz_status st = h->bfgs ? fz_bfgs_set(h->bfgs, n_pairs, s, y, err) : fz_mpi_lmvm_set(h->lmvm, n_pairs, s, y, err);
  return fz_mpi_agree(a->comm, st, err);
}

static fz_status quasi_newton_apply(void *self, fz_quasi_newton *h, fz_linear_map initial, void *context,
                                    const double *g, double *out, fz_error *err) {
  const fz_mpi_algebra *a = self;
  fz_status st = h->bfgs ? fz_bfgs_apply(h->bfgs, initial, context, g, out, err)
                         : fz_mpi_lmvm_apply(h->lmvm, initial, context, g, out, err);
  return fz_mpi_agree(a->comm, st, err);
}

static fz_status eigenpairs(void *self, ptrdiff_t n, fz_linear_map matrix, void *context, int r, double *value,
                            double *vector, fz_error *err) {
  const fz_mpi_algebra *a = self;
  return fz_mpi_eigenpairs(a->comm, a->eigen_grid, n, matrix, context, r, value, vector, err);
}

/* KSP's maps cannot fail, so a failure is remembered and KSP stopped by a NaN. */
typedef struct watched_map {
  fz_linear_map map;
  void *context;
  ptrdiff_t n;
  int calls;
  fz_status st;
  fz_error *err;
} watched_map;

/* The first product is that of the start, whose sign says nothing; PETSc itself would let a negative definite matrix
 * pass. */
static void watch(void *context, const double *x, double *y) {
  watched_map *w = context;
  double curvature = 0;
  if (w->st == FZ_OK) w->st = w->map(w->context, x, y, w->err);
  for (ptrdiff_t i = 0; i < w->n && w->st == FZ_OK; i++) curvature += x[i] * y[i];
  if (w->st == FZ_OK && w->calls++ > 0 && curvature <= 0)
    w->st = fz_fail(w->err, FZ_EDIVERGED, "conjugate gradients, iteration %d: the operator is not positive definite",
                    w->calls - 2);
  if (w->st != FZ_OK) y[0] = NAN;
}

static fz_status conjugate_gradients(void *self, ptrdiff_t n, fz_linear_map map, void *context, const double *b,
                                     int iterations, double rtol, double *x, fz_error *err) {
  const fz_mpi_algebra *a = self;
  watched_map w = {.map = map, .context = context, .n = n, .st = FZ_OK, .err = err};
  fz_mpi_ksp *ksp;
  int done;
  double residual, size = 0;
  FZ_ASSERT(iterations >= 0 && rtol >= 0 && rtol < 1);
  for (ptrdiff_t i = 0; i < n; i++) size += fabs(b[i]);
  if (size == 0) memset(x, 0, sizeof *x * (size_t)n);
  if (size == 0 || iterations == 0) return FZ_OK; /* PETSc would do one step */
  fz_status st = fz_mpi_agree(a->comm, fz_mpi_ksp_create(n, watch, &w, NULL, NULL, &ksp, err), err);
  if (st == FZ_OK) {
    fz_error ours = {0};
    st = fz_mpi_ksp_solve(ksp, b, x, iterations, rtol, &done, &residual, &ours);
    if (w.st != FZ_OK)
      st = w.st;
    else if (st != FZ_OK)
      fz_fail(err, st, "%s", ours.text);
    st = fz_mpi_agree(a->comm, st, err);
  }
  fz_mpi_ksp_destroy(&ksp);
  return st;
}

fz_status fz_mpi_algebra_create(fz_mpi *comm, int eigen_grid, fz_mpi_algebra **out, fz_error *err) {
  *out = NULL;
  if (eigen_grid < 1 || eigen_grid > fz_mpi_size(comm))
    return fz_fail(err, FZ_EINVAL, "eigenvectors on a grid of %d ranks: there %s %d; use more ranks or a smaller grid",
                   eigen_grid, fz_mpi_size(comm) == 1 ? "is" : "are", fz_mpi_size(comm));
  fz_mpi_algebra *a = fz_alloc(1, sizeof *a);
  fz_status st = fz_mpi_agree(comm, a ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory"), err);
  if (st != FZ_OK) fz_free(&a);
  *out = a;
  if (st != FZ_OK) return st;
  *a = (fz_mpi_algebra){.comm = comm,
                        .eigen_grid = eigen_grid,
                        .view = {.self = a,
                                 .quasi_newton_create = quasi_newton_create,
                                 .quasi_newton_destroy = quasi_newton_destroy,
                                 .quasi_newton_set = quasi_newton_set,
                                 .quasi_newton_apply = quasi_newton_apply,
                                 .eigenpairs = eigenpairs,
                                 .conjugate_gradients = conjugate_gradients}};
  return FZ_OK;
}

void fz_mpi_algebra_destroy(fz_mpi_algebra **a) {
  fz_free(a);
}

const fz_algebra *fz_mpi_algebra_view(const fz_mpi_algebra *a) {
  return &a->view;
}
