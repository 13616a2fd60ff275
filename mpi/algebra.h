/* The linear algebra of optim/algebra.h by PETSc and ScaLAPACK.
 *  quasi-Newton matrices   lmvm.h (PETSc MatLMVM), replicated on each rank; with any_curvature optim/bfgs.h, because
 *                          PETSc refuses pairs with s.y <= 0
 *  eigenpairs              eigenpairs.h (ScaLAPACK), spread over a grid of ranks
 *  conjugate gradients     ksp.h (PETSc KSP, a shell matrix), replicated on each rank
 *  bits                    the same on all ranks, for any number of them, provided that the linear maps' are; those of
 *                          eigenpairs depend on the grid's size, which is therefore given, not derived from the ranks
 *  calls                   every function is collective; a failure on one rank is one on all */
#ifndef FZ_MPI_ALGEBRA_H
#define FZ_MPI_ALGEBRA_H
#include "mpi/comm.h"
#include "optim/algebra.h"

typedef struct fz_mpi_algebra fz_mpi_algebra;

/** eigen_grid: how many ranks share a matrix whose eigenpairs are wanted, 1 or more (eigenpairs.h says for which n
 * fewer are used); part of what a run must record. owns    *out: the caller, fz_mpi_algebra_destroy; comm is borrowed.
 * calls collective fails   FZ_EINVAL for more ranks than there are, FZ_ENOMEM; same on all ranks */
fz_status fz_mpi_algebra_create(fz_mpi *comm, int eigen_grid, fz_mpi_algebra **out, fz_error *err);
void fz_mpi_algebra_destroy(fz_mpi_algebra **a);
/** Borrowed, valid until then. local */
const fz_algebra *fz_mpi_algebra_view(const fz_mpi_algebra *a);

#endif
