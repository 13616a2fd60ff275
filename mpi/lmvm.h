/* Limited-memory BFGS matrices by PETSc (MatLMVM, type lmvmbfgs).  Each rank holds the whole matrix and works it out by
 * itself (PETSC_COMM_SELF): PETSc's distributed dot products would depend on the number of ranks, the same numbers put
 * through the same operations on each of them do not.
 *  maths    that of optim/bfgs.h: what PETSc does is the two-loop recursion, too.  Its own scaling of the start is off;
 *           the start is the identity or the caller's map, as a shell preconditioner (MatLMVMSetJ0PC)
 *  scaling  PETSc leaves out a pair with s.y <= 4e-11 s.s, whatever the units of s and y.  So y is first multiplied by
 *           a power of two that brings the smallest s.y / s.s of all pairs to 1 or more, the start divided by it, and
 *           the result multiplied: the same matrix to the last bit, and every pair with s.y > 0 counts
 *  cost     (3 max(capacity, 4) + 8) n doubles on each rank; 4 n operations a pair in use, 16 n in setting it */
#ifndef FZ_MPI_LMVM_H
#define FZ_MPI_LMVM_H
#include "optim/algebra.h"

typedef struct fz_mpi_lmvm fz_mpi_lmvm;

/** owns    *out: the caller, fz_mpi_lmvm_destroy (before fz_mpi_finish).  calls local, main thread; so are the others
 *  fails   FZ_EINVAL when n does not fit PETSc's integers or there is no room for a pair, FZ_ENOMEM, FZ_EINTERNAL with
 *          PETSc's message */
fz_status fz_mpi_lmvm_create(ptrdiff_t n, int capacity, fz_mpi_lmvm **out, fz_error *err);
void fz_mpi_lmvm_destroy(fz_mpi_lmvm **h);
/** The pairs, oldest first; copied. fails as fz_bfgs_check, the earlier pairs then stay */
fz_status fz_mpi_lmvm_set(fz_mpi_lmvm *h, int n_pairs, const double *const *s, const double *const *y, fz_error *err);
/** out = H g, not overlapping.  `initial` may be collective: then so is this.
 *  fails   FZ_EDIVERGED when that is not finite; what `initial` fails with; fatal when PETSc fails before `initial` was
 *          asked, since other ranks may be waiting in it already */
fz_status fz_mpi_lmvm_apply(fz_mpi_lmvm *h, fz_linear_map initial, void *context, const double *g, double *out,
                            fz_error *err);

#endif
