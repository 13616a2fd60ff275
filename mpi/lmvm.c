#include "mpi/lmvm.h"

#include <math.h>
#include <petscksp.h>

#include "core/memory.h"
#include "mpi/petsc.h"
#include "optim/bfgs.h"

typedef struct start_map {
  fz_linear_map map;
  void *context;
  bool called;
  fz_status st;
  fz_error *err;
} start_map;

struct fz_mpi_lmvm {
  ptrdiff_t n;
  int capacity;
  double scale; /* PETSc holds the pairs (s, scale y), so its matrix is H / scale */
  Mat matrix, size_only;
  PC start_solver;
  Vec point, gradient; /* what MatLMVMUpdate takes differences of */
  Vec in, out;         /* no memory of their own: the caller's arrays are placed into them */
  start_map *start;    /* during fz_mpi_lmvm_apply */
};

/* PETSc clears the matrix after more than half its capacity of refused updates; two in a row are needed here. */
enum { LEAST_CAPACITY = 4 };

static PetscErrorCode apply_start(PC pc, Vec in, Vec out) {
  fz_mpi_lmvm *h;
  const PetscScalar *x;
  PetscScalar *y;
  PetscCall(PCShellGetContext(pc, &h));
  start_map *start = h->start;
  if (start->map) {
    PetscCall(VecGetArrayRead(in, &x));
    PetscCall(VecGetArrayWrite(out, &y));
    start->called = true;
    start->st = start->map(start->context, x, y, start->err);
    PetscCall(VecRestoreArrayWrite(out, &y));
    PetscCall(VecRestoreArrayRead(in, &x));
  } else {
    PetscCall(VecCopy(in, out));
  }
  return VecScale(out, 1 / h->scale);
}

static PetscErrorCode set_up_start(fz_mpi_lmvm *h, PetscInt n) {
  /* A preconditioner wants to know a matrix, be it for its size only. */
  PetscCall(MatCreateShell(PETSC_COMM_SELF, n, n, n, n, NULL, &h->size_only));
  PetscCall(PCCreate(PETSC_COMM_SELF, &h->start_solver));
  PetscCall(PCSetType(h->start_solver, PCSHELL));
  PetscCall(PCSetOperators(h->start_solver, h->size_only, h->size_only));
  PetscCall(PCShellSetContext(h->start_solver, h));
  return PCShellSetApply(h->start_solver, apply_start);
}

static PetscErrorCode set_up(fz_mpi_lmvm *h, PetscInt n) {
  PetscCall(KSPInitializePackage()); /* which registers the type */
  PetscCall(VecCreateSeq(PETSC_COMM_SELF, n, &h->point));
  PetscCall(VecDuplicate(h->point, &h->gradient));
  PetscCall(VecCreateSeqWithArray(PETSC_COMM_SELF, 1, n, NULL, &h->in));
  PetscCall(VecCreateSeqWithArray(PETSC_COMM_SELF, 1, n, NULL, &h->out));
  PetscCall(MatCreate(PETSC_COMM_SELF, &h->matrix));
  PetscCall(MatSetSizes(h->matrix, n, n, n, n));
  PetscCall(MatSetType(h->matrix, MATLMVMBFGS));
  PetscCall(MatLMVMSetHistorySize(h->matrix, PetscMax(h->capacity, LEAST_CAPACITY)));
  PetscCall(MatLMVMSymBroydenSetScaleType(h->matrix, MAT_LMVM_SYMBROYDEN_SCALE_NONE));
  PetscCall(MatSetUp(h->matrix));
  PetscCall(MatLMVMAllocate(h->matrix, h->point, h->gradient));
  PetscCall(set_up_start(h, n));
  return MatLMVMSetJ0PC(h->matrix, h->start_solver);
}

fz_status fz_mpi_lmvm_create(ptrdiff_t n, int capacity, fz_mpi_lmvm **out, fz_error *err) {
  *out = NULL;
  if (n < 1 || n > PETSC_MAX_INT)
    return fz_fail(err, FZ_EINVAL, "a quasi-Newton matrix for vectors of %td numbers: this PETSc takes 1 to %ld", n,
                   (long)PETSC_MAX_INT);
  if (capacity < 1) return fz_fail(err, FZ_EINVAL, "a quasi-Newton matrix needs room for at least one pair");
  fz_status st = fz_mpi_petsc_start(err);
  if (st != FZ_OK) return st;
  fz_mpi_lmvm *h = fz_alloc(1, sizeof *h);
  if (!h) return fz_fail(err, FZ_ENOMEM, "no memory for a quasi-Newton matrix");
  *h = (fz_mpi_lmvm){.n = n, .capacity = capacity, .scale = 1};
  st = fz_mpi_petsc_status(set_up(h, (PetscInt)n), "cannot set up a quasi-Newton matrix", err);
  if (st != FZ_OK) fz_mpi_lmvm_destroy(&h);
  *out = h;
  return st;
}

void fz_mpi_lmvm_destroy(fz_mpi_lmvm **h) {
  if (!*h) return;
  if ((*h)->matrix) MatLMVMClearJ0((*h)->matrix); /* or its hold on the preconditioner stays */
  MatDestroy(&(*h)->matrix);
  PCDestroy(&(*h)->start_solver);
  MatDestroy(&(*h)->size_only);
  VecDestroy(&(*h)->out);
  VecDestroy(&(*h)->in);
  VecDestroy(&(*h)->gradient);
  VecDestroy(&(*h)->point);
  fz_free(h);
}

/* point = s or 0, gradient = factor y or 0; then PETSc is told. */
static PetscErrorCode go_to(fz_mpi_lmvm *h, const double *s, const double *y, double factor) {
  PetscScalar *to;
  PetscCall(VecGetArrayWrite(h->point, &to));
  for (ptrdiff_t i = 0; i < h->n; i++) to[i] = s ? s[i] : 0;
  PetscCall(VecRestoreArrayWrite(h->point, &to));
  PetscCall(VecGetArrayWrite(h->gradient, &to));
  for (ptrdiff_t i = 0; i < h->n; i++) to[i] = y ? factor * y[i] : 0;
  PetscCall(VecRestoreArrayWrite(h->gradient, &to));
  return MatLMVMUpdate(h->matrix, h->point, h->gradient);
}

/* PETSc takes differences from the point before and refuses those with s.y <= 0, but goes to the point in any case.  So
 * the way from (s, y) back to (0, 0) leads over (0, 2y): the differences (-s, y) and (0, -2y) are refused, the next
 * pair is taken from (0, 0) without rounding. */
static PetscErrorCode feed(fz_mpi_lmvm *h, int n_pairs, const double *const *s, const double *const *y,
                           bool *all_taken) {
  PetscInt taken_before, taken;
  PetscCall(MatLMVMGetUpdateCount(h->matrix, &taken_before));
  PetscCall(MatLMVMReset(h->matrix, PETSC_FALSE));
  PetscCall(go_to(h, NULL, NULL, 0));
  for (int i = 0; i < n_pairs; i++) {
    PetscCall(go_to(h, s[i], y[i], h->scale));
    PetscCall(go_to(h, NULL, y[i], 2 * h->scale));
    PetscCall(go_to(h, NULL, NULL, 0));
  }
  PetscCall(MatLMVMGetUpdateCount(h->matrix, &taken));
  *all_taken = taken - taken_before == n_pairs;
  return 0;
}

/* The power of two that brings the smallest s.y / s.s into [1, 2). */
static double scale_of(ptrdiff_t n, int n_pairs, const double *const *s, const double *const *y) {
  double least = HUGE_VAL;
  for (int i = 0; i < n_pairs; i++) {
    double ys = 0, ss = 0;
    for (ptrdiff_t j = 0; j < n; j++) {
      ys += s[i][j] * y[i][j];
      ss += s[i][j] * s[i][j];
    }
    least = fmin(least, ys / ss);
  }
  return n_pairs ? ldexp(1, -ilogb(fmin(fmax(least, 0x1p-1000), 0x1p1000))) : 1;
}

fz_status fz_mpi_lmvm_set(fz_mpi_lmvm *h, int n_pairs, const double *const *s, const double *const *y, fz_error *err) {
  fz_status st = fz_bfgs_check(h->n, h->capacity, false, n_pairs, s, y, err);
  if (st != FZ_OK) return st;
  bool all_taken = false;
  h->scale = scale_of(h->n, n_pairs, s, y);
  st = fz_mpi_petsc_status(feed(h, n_pairs, s, y, &all_taken), "cannot set a quasi-Newton matrix", err);
  if (st == FZ_OK && !all_taken) st = fz_fail(err, FZ_EINTERNAL, "PETSc refused a pair of positive curvature");
  return st;
}

fz_status fz_mpi_lmvm_apply(fz_mpi_lmvm *h, fz_linear_map initial, void *context, const double *g, double *out,
                            fz_error *err) {
  start_map start = {.map = initial, .context = context, .st = FZ_OK, .err = err};
  h->start = &start;
  VecPlaceArray(h->in, g);
  VecPlaceArray(h->out, out);
  PetscErrorCode code = MatSolve(h->matrix, h->in, h->out);
  VecResetArray(h->out);
  VecResetArray(h->in);
  h->start = NULL;
  if (code && initial && !start.called) fz_fatal(__FILE__, __LINE__, "PETSc failed in the middle of a collective call");
  if (start.st != FZ_OK) return start.st;
  fz_status st = fz_mpi_petsc_status(code, "quasi-Newton step", err);
  for (ptrdiff_t i = 0; i < h->n && st == FZ_OK; i++) {
    out[i] *= h->scale;
    if (!isfinite(out[i])) st = fz_fail(err, FZ_EDIVERGED, "a quasi-Newton step is not a finite number");
  }
  return st;
}
