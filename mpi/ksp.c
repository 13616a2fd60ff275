#include "mpi/ksp.h"

#include <petscksp.h>

#include "core/memory.h"
#include "mpi/petsc.h"

struct fz_mpi_ksp {
  fz_mpi_linear_map apply, precondition;
  void *apply_context, *precondition_context;
  Mat matrix;
  Vec b, x; /* no memory of their own: the caller's arrays are placed into them */
  KSP solver;
  void *default_test; /* of convergence, PETSc's */
  bool (*cancel)(void *);
  void *cancel_context;
  bool cancelled;
};

static PetscErrorCode map_vector(fz_mpi_linear_map map, void *context, Vec in, Vec out) {
  const PetscScalar *x;
  PetscScalar *y;
  PetscCall(VecGetArrayRead(in, &x));
  PetscCall(VecGetArrayWrite(out, &y));
  map(context, x, y);
  PetscCall(VecRestoreArrayWrite(out, &y));
  return VecRestoreArrayRead(in, &x);
}

static PetscErrorCode multiply(Mat matrix, Vec in, Vec out) {
  fz_mpi_ksp *ksp;
  PetscCall(MatShellGetContext(matrix, &ksp));
  return map_vector(ksp->apply, ksp->apply_context, in, out);
}

static PetscErrorCode precondition(PC pc, Vec in, Vec out) {
  fz_mpi_ksp *ksp;
  PetscCall(PCShellGetContext(pc, &ksp));
  return map_vector(ksp->precondition, ksp->precondition_context, in, out);
}

static PetscErrorCode has_converged(KSP solver, PetscInt iteration, PetscReal norm, KSPConvergedReason *reason,
                                    void *context) {
  fz_mpi_ksp *ksp = context;
  PetscCall(KSPConvergedDefault(solver, iteration, norm, reason, ksp->default_test));
  if (*reason != KSP_CONVERGED_ITERATING || !ksp->cancel || !ksp->cancel(ksp->cancel_context)) return 0;
  ksp->cancelled = true;
  *reason = KSP_DIVERGED_BREAKDOWN;
  return 0;
}

static PetscErrorCode set_up(fz_mpi_ksp *ksp, PetscInt n) {
  PC pc;
  PetscCall(MatCreateShell(PETSC_COMM_SELF, n, n, n, n, ksp, &ksp->matrix));
  PetscCall(MatShellSetOperation(ksp->matrix, MATOP_MULT, (void (*)(void))multiply));
  PetscCall(MatSetOption(ksp->matrix, MAT_SPD, PETSC_TRUE));
  PetscCall(VecCreateSeqWithArray(PETSC_COMM_SELF, 1, n, NULL, &ksp->b));
  PetscCall(VecCreateSeqWithArray(PETSC_COMM_SELF, 1, n, NULL, &ksp->x));
  PetscCall(KSPCreate(PETSC_COMM_SELF, &ksp->solver));
  PetscCall(KSPSetType(ksp->solver, KSPCG));
  PetscCall(KSPSetOperators(ksp->solver, ksp->matrix, ksp->matrix));
  PetscCall(KSPSetNormType(ksp->solver, KSP_NORM_UNPRECONDITIONED));
  PetscCall(KSPSetInitialGuessNonzero(ksp->solver, PETSC_TRUE));
  PetscCall(KSPConvergedDefaultCreate(&ksp->default_test));
  PetscCall(KSPSetConvergenceTest(ksp->solver, has_converged, ksp, NULL));
  PetscCall(KSPGetPC(ksp->solver, &pc));
  PetscCall(PCSetType(pc, ksp->precondition ? PCSHELL : PCNONE));
  if (ksp->precondition) {
    PetscCall(PCShellSetContext(pc, ksp));
    PetscCall(PCShellSetApply(pc, precondition));
  }
  return KSPSetUp(ksp->solver); /* so that memory runs out here, not in the middle of a map that others wait in */
}

fz_status fz_mpi_ksp_create(ptrdiff_t n, fz_mpi_linear_map apply, void *apply_context,
                            fz_mpi_linear_map precondition_map, void *precondition_context, fz_mpi_ksp **out,
                            fz_error *err) {
  *out = NULL;
  FZ_ASSERT(n >= 1 && apply);
  if (n > PETSC_MAX_INT) return fz_fail(err, FZ_EINVAL, "a system of %td unknowns is too large for this PETSc", n);
  fz_status st = fz_mpi_petsc_start(err);
  if (st != FZ_OK) return st;
  fz_mpi_ksp *ksp = fz_alloc(1, sizeof *ksp);
  if (!ksp) return fz_fail(err, FZ_ENOMEM, "no memory for a linear solver");
  ksp->apply = apply;
  ksp->apply_context = apply_context;
  ksp->precondition = precondition_map;
  ksp->precondition_context = precondition_context;
  st = fz_mpi_petsc_status(set_up(ksp, (PetscInt)n), "cannot set up conjugate gradients", err);
  if (st != FZ_OK) fz_mpi_ksp_destroy(&ksp);
  *out = ksp;
  return st;
}

void fz_mpi_ksp_destroy(fz_mpi_ksp **ksp) {
  if (!*ksp) return;
  KSPDestroy(&(*ksp)->solver);
  if ((*ksp)->default_test) KSPConvergedDefaultDestroy((*ksp)->default_test);
  VecDestroy(&(*ksp)->x);
  VecDestroy(&(*ksp)->b);
  MatDestroy(&(*ksp)->matrix);
  fz_free(ksp);
}

void fz_mpi_ksp_on_iteration(fz_mpi_ksp *ksp, bool (*cancel)(void *), void *context) {
  ksp->cancel = cancel;
  ksp->cancel_context = context;
}

typedef struct outcome {
  KSPConvergedReason reason;
  PetscInt iterations;
  PetscReal residual, b_norm;
} outcome;

static PetscErrorCode run(fz_mpi_ksp *ksp, const double *b, double *x, int max_iterations, double rtol, outcome *o) {
  PetscCall(KSPSetTolerances(ksp->solver, rtol, 0, PETSC_MAX_REAL, max_iterations));
  PetscCall(VecPlaceArray(ksp->b, b));
  PetscCall(VecPlaceArray(ksp->x, x));
  PetscErrorCode code = KSPSolve(ksp->solver, ksp->b, ksp->x);
  if (code == 0) code = VecNorm(ksp->b, NORM_2, &o->b_norm);
  VecResetArray(ksp->x);
  VecResetArray(ksp->b);
  if (code) return code;
  PetscCall(KSPGetConvergedReason(ksp->solver, &o->reason));
  PetscCall(KSPGetIterationNumber(ksp->solver, &o->iterations));
  return KSPGetResidualNorm(ksp->solver, &o->residual);
}

static const char *complaint(KSPConvergedReason reason) {
  switch (reason) {
    case KSP_DIVERGED_INDEFINITE_MAT: return "the operator is not positive definite";
    case KSP_DIVERGED_INDEFINITE_PC: return "the preconditioner is not positive definite";
    case KSP_DIVERGED_NANORINF: return "numbers that are not finite";
    default: return "breakdown";
  }
}

fz_status fz_mpi_ksp_solve(fz_mpi_ksp *ksp, const double *b, double *x, int max_iterations, double rtol,
                           int *iterations, double *residual, fz_error *err) {
  outcome o = {0};
  ksp->cancelled = false;
  fz_status st = fz_mpi_petsc_status(run(ksp, b, x, max_iterations, rtol, &o), "conjugate gradients", err);
  if (st != FZ_OK) return st;
  if (ksp->cancelled) return fz_fail(err, FZ_ESTOPPED, "stopped on request");
  *iterations = (int)o.iterations;
  *residual = o.b_norm > 0 ? o.residual / o.b_norm : o.residual;
  if (o.reason > 0 || o.reason == KSP_DIVERGED_ITS) return FZ_OK;
  return fz_fail(err, FZ_EDIVERGED, "conjugate gradients, iteration %d: %s", *iterations, complaint(o.reason));
}
