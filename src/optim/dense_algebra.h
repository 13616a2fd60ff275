/* Linear algebra for optimizers in one process, without libraries but LAPACK and CBLAS: for problems of up to some
 * thousand parameters, for tests, and to compare the large libraries with (mpi/algebra.h).
 *  quasi-Newton matrices   bfgs.h: n is not limited, any curvature is taken
 *  eigenpairs              all of them by LAPACK's dsyevd, then the r asked for; of the columns only the entries on and
 *                          below the diagonal are used.  At most FZ_DENSE_EIGENPAIRS_MOST numbers a vector, above it
 *                          FZ_EINVAL; 3 n^2 doubles, about 9 n^3 operations
 *  conjugate gradients     three vectors; the residual is the one carried along by the recurrence */
#ifndef FZ_OPTIM_DENSE_ALGEBRA_H
#define FZ_OPTIM_DENSE_ALGEBRA_H
#include "optim/algebra.h"

enum { FZ_DENSE_EIGENPAIRS_MOST = 4096 };

/** The one table; it has no state. calls   local, main thread (BLAS on one thread, or the bits depend on their number)
 */
const fz_algebra *fz_dense_algebra(void);

#endif
