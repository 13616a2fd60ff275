/* Linear algebra that optimizers ask for and libraries give: quasi-Newton matrices, eigenpairs, conjugate gradients.
 *  mpi/algebra.h is PETSc's MatLMVM and KSP and ScaLAPACK; dense_algebra.h a small one without libraries but LAPACK.
 *  calls   every function is collective where the algebra is distributed; results are the same on all ranks and do not
 *          depend on their number */
#ifndef FZ_OPTIM_ALGEBRA_H
#define FZ_OPTIM_ALGEBRA_H
#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

/** y = (linear map) x, both [n], not overlapping. */
typedef fz_status (*fz_linear_map)(void *context, const double *x, double *y, fz_error *err);

typedef struct fz_quasi_newton fz_quasi_newton;

typedef struct fz_algebra {
  void *self;

  /** An inverse BFGS matrix H for vectors of n numbers made of at most `capacity` pairs; at first it has none.
   *  any_curvature: pairs with s.y < 0 are taken as they are
   *  owns    *out: the caller, quasi_newton_destroy.  fails FZ_ENOMEM, FZ_EINVAL */
  fz_status (*quasi_newton_create)(void *self, ptrdiff_t n, int capacity, bool any_curvature, fz_quasi_newton **out,
                                   fz_error *err);
  void (*quasi_newton_destroy)(void *self, fz_quasi_newton **h);
  /** The pairs, oldest first: s = difference of parameters, y = of gradients, both [n_pairs] pointers to [n]; copied.
   *  fails   FZ_EINVAL for too many, or where s.y is not positive (any_curvature: 0), FZ_EDIVERGED for numbers that are
   *          not finite, FZ_ENOMEM; the pairs before then stay */
  fz_status (*quasi_newton_set)(void *self, fz_quasi_newton *h, int n_pairs, const double *const *s,
                                const double *const *y, fz_error *err);
  /** out = H g, with
   *  maths   H_0 = initial, and for each pair  H <- (I - s y'/y's) H (I - y s'/y's) + s s'/y's
   *  initial: an inverse Hessian as a map, symmetric positive definite; NULL: the identity
   *  fails   FZ_EDIVERGED when H g is not finite, what initial fails with */
  fz_status (*quasi_newton_apply)(void *self, fz_quasi_newton *h, fz_linear_map initial, void *context, const double *g,
                                  double *out, fz_error *err);

  /** The r eigenpairs of a symmetric matrix whose values are largest in size, in falling order of size.
   *  matrix: a linear map, asked for each column once, in order; of the columns only the entries on and below the
   *  diagonal are used.  value [r], vector [r][n], of norm 1, the sign such
   *  that the entry largest in size is positive.  fails FZ_ENOMEM, FZ_EINVAL for r outside 1 .. n, FZ_EDIVERGED,
   *  what matrix fails with */
  fz_status (*eigenpairs)(void *self, ptrdiff_t n, fz_linear_map matrix, void *context, int r, double *value,
                          double *vector, fz_error *err);

  /** Conjugate gradients for A x = b, A symmetric positive definite, from x; at most `iterations` steps or until
   *  |b - A x| <= rtol |b|, 0 <= rtol < 1.  fails FZ_EDIVERGED when A is not positive definite or not finite, with x
   * the last that was sound; what a fails with */
  fz_status (*conjugate_gradients)(void *self, ptrdiff_t n, fz_linear_map a, void *context, const double *b,
                                   int iterations, double rtol, double *x, fz_error *err);
} fz_algebra;

#endif
