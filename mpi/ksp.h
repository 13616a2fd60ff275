/* Conjugate gradients for A x = b with a symmetric positive definite operator given as a function (PETSc KSP).
 * Each rank solves the whole system by itself (PETSC_COMM_SELF), so the result has the same bits on all ranks and for
 * any number of them; PETSc's distributed dot products would depend on it. */
#ifndef FZ_MPI_KSP_H
#define FZ_MPI_KSP_H
#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

/** y = (linear map) x, both [n], not overlapping. */
typedef void (*fz_mpi_linear_map)(void *context, const double *x, double *y);
typedef struct fz_mpi_ksp fz_mpi_ksp;

/** Prepare a solver; PETSc itself is started by the first one and ended by fz_mpi_finish.  Neither the command line nor
 *  a .petscrc is read.
 *  maths   apply: x -> A x; precondition: r -> about A^-1 r, symmetric positive definite too, NULL for none
 *  owns    *out: the caller, fz_mpi_ksp_destroy (before fz_mpi_finish); contexts are borrowed until then
 *  calls   local, main thread
 *  fails   FZ_EINVAL when n does not fit PETSc's integers, FZ_ENOMEM, FZ_EINTERNAL with PETSc's message */
fz_status fz_mpi_ksp_create(ptrdiff_t n, fz_mpi_linear_map apply, void *apply_context, fz_mpi_linear_map precondition,
                            void *precondition_context, fz_mpi_ksp **out, fz_error *err);
void fz_mpi_ksp_destroy(fz_mpi_ksp **ksp);
/** Asked after every iteration; true ends the solution with FZ_ESTOPPED.  NULL (at first): never.  calls local */
void fz_mpi_ksp_on_iteration(fz_mpi_ksp *ksp, bool (*cancel)(void *), void *context);

/** Solve from the start x (all zero, or the solution of a system nearby).
 *  maths   ends when |b - A x| <= rtol |b| (2-norms, as the recurrence carries them) or after max_iterations, which is
 * no failure: *residual, the last |b - A x| / |b|, tells which shape   b [n], x [n] in and out calls   local, main
 * thread; repeatable bit by bit fails   FZ_EDIVERGED when the operator or preconditioner is not positive definite or
 * gives numbers that are not finite, FZ_ESTOPPED, FZ_EINTERNAL with PETSc's message; x is then not to be used */
fz_status fz_mpi_ksp_solve(fz_mpi_ksp *ksp, const double *b, double *x, int max_iterations, double rtol,
                           int *iterations, double *residual, fz_error *err);

#endif
