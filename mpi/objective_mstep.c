/* Q(.; moments) is a quadratic form in the voxels: its maximum, its curvature and steps by its inverse. */
#include <math.h>

#include "core/progress.h"
#include "mpi/fault.h"
#include "mpi/objective_private.h"

static void apply(void *context, const double *x, double *y) {
  fz_normal_apply(context, x, y);
}
static void condition(void *context, const double *r, double *z) {
  fz_normal_precondition(context, r, z);
}

fz_status fz_mpi_objective_make_solver(fz_mpi_objective *o, fz_error *err) {
  return fz_mpi_ksp_create(fz_mpi_objective_voxels(o), apply, o->normal, condition, o->normal, &o->solver, err);
}

/* The operator is positive definite up to the gridding error; where that shows, the best x so far is the answer. */
static fz_status solve(fz_mpi_objective *o, const double *b, double *x, int iterations, fz_error *err) {
  int done;
  double residual;
  for (ptrdiff_t i = 0; i < fz_mpi_objective_voxels(o); i++) x[i] *= o->mask[i];
  fz_status st = fz_mpi_ksp_solve(o->solver, b, x, iterations, 1e-6, &done, &residual, err);
  if (st == FZ_ESTOPPED) return st;
  for (ptrdiff_t i = 0; i < fz_mpi_objective_voxels(o); i++)
    if (!isfinite(x[i])) return fz_fail(err, FZ_EDIVERGED, "the M-step gave a voxel that is not a finite number");
  return st == FZ_EDIVERGED ? FZ_OK : st;
}

fz_status fz_mpi_objective_set_normal(fz_mpi_objective *o, const double *moments, double images, int class_index) {
  const fz_statistics_layout *l = &o->stage.layout;
  const double *a = moments + l->length[FZ_SECTION_B] + class_index * l->a_cube.cells;
  return fz_normal_set(o->normal, &l->a_cube, a, images, o->inverse_tau2, l->n_shells);
}

/* Shares of the posterior mass, which lacks the weights below the cutoff; no class dies out for good. */
static void set_class_prior(fz_mpi_objective *o, const double *mass) {
  double sum = 0;
  int classes = o->stage.spec.n_classes;
  for (int k = 0; k < classes; k++) sum += fmax(mass[k], 1e-6);
  for (int k = 0; k < classes; k++) o->class_prior[k] = fmax(mass[k], 1e-6) / sum;
}

static fz_status maximize(void *self, const double *moments, double images, int iterations, double *w, fz_error *err) {
  fz_mpi_objective *o = self;
  const fz_statistics_layout *l = &o->stage.layout;
  fz_progress_at(FZ_AT_SOLVE);
  set_class_prior(o, moments + l->length[FZ_SECTION_B] + l->length[FZ_SECTION_A]);
  fz_status st = FZ_OK;
  for (int k = 0; k < l->n_classes && st == FZ_OK; k++) {
    st = fz_mpi_objective_set_normal(o, moments, images, k);
    if (st == FZ_OK)
      st = fz_normal_right_side(o->normal, &l->b_cube, moments + 2 * k * l->b_cube.cells, images, o->voxels);
    if (st == FZ_OK) st = solve(o, o->voxels, w + k * fz_mpi_objective_voxels(o), iterations, err);
  }
  if (fz_mpi_fault(o->comm, "m-step")) st = FZ_ENOMEM;
  if (st == FZ_ENOMEM) fz_fail(err, st, "no memory for an M-step");
  return fz_mpi_agree(o->comm, st, err);
}

static fz_status precondition(void *self, const double *moments, int iterations, const double *g, double *step,
                              fz_error *err) {
  fz_mpi_objective *o = self;
  fz_status st = FZ_OK;
  double images = (double)o->view.n_images;
  for (int k = 0; k < o->stage.spec.n_classes && st == FZ_OK; k++) {
    double *x = step + k * fz_mpi_objective_voxels(o);
    st = fz_mpi_objective_set_normal(o, moments, images, k);
    for (ptrdiff_t i = 0; i < fz_mpi_objective_voxels(o); i++) {
      o->voxels[i] = images * g[k * fz_mpi_objective_voxels(o) + i];
      x[i] = 0;
    }
    if (st == FZ_OK) st = solve(o, o->voxels, x, iterations, err);
  }
  if (st == FZ_ENOMEM) fz_fail(err, st, "no memory for a preconditioned step");
  return fz_mpi_agree(o->comm, st, err);
}

/* N T + R is what precondition inverts; a quadratic form has one curvature, whatever w. */
static fz_status curvature(void *self, const double *moments, const double *w, const double *v, double *out,
                           fz_error *err) {
  fz_mpi_objective *o = self;
  fz_status st = FZ_OK;
  double images = (double)o->view.n_images;
  (void)w;
  for (int k = 0; k < o->stage.spec.n_classes && st == FZ_OK; k++) {
    st = fz_mpi_objective_set_normal(o, moments, images, k);
    if (st == FZ_OK)
      fz_normal_apply(o->normal, v + k * fz_mpi_objective_voxels(o), out + k * fz_mpi_objective_voxels(o));
  }
  for (ptrdiff_t i = 0; i < o->view.dim; i++) out[i] /= images;
  if (st == FZ_ENOMEM) fz_fail(err, st, "no memory for a curvature product");
  return fz_mpi_agree(o->comm, st, err);
}

void fz_mpi_objective_view_mstep(fz_mpi_objective *o) {
  o->view.maximize = maximize;
  o->view.precondition = precondition;
  o->view.curvature = curvature;
}
