/* The parts of mpi/objective.c: opening, scoring and words; objective_mstep.c: maxima of Q and its curvature;
 * objective_derivatives.c: slopes of F. */
#ifndef FZ_MPI_OBJECTIVE_PRIVATE_H
#define FZ_MPI_OBJECTIVE_PRIVATE_H
#include "model/normal.h"
#include "mpi/algebra.h"
#include "mpi/estep.h"
#include "mpi/ksp.h"
#include "mpi/objective.h"

struct fz_mpi_objective {
  fz_mpi *comm;
  fz_stage stage;
  fz_mpi_estep *estep;
  fz_normal *normal;
  fz_mpi_ksp *solver;
  fz_mpi_algebra *algebra;
  double *mask;           /* [m]^3 */
  double *inverse_tau2;   /* [stage shells] */
  double *class_prior;    /* [n_classes] */
  double *masked;         /* [n_classes][m]^3 the volumes scored */
  const double **volume;  /* [n_classes] in masked */
  double *cells, *voxels; /* scratch */
  fz_objective view;
};

static inline ptrdiff_t fz_mpi_objective_voxels(const fz_mpi_objective *o) {
  return (ptrdiff_t)o->stage.m * o->stage.m * o->stage.m;
}

/** The solver of the M-step, on o->normal.  calls local.  fails FZ_ENOMEM and as fz_mpi_ksp_create */
fz_status fz_mpi_objective_make_solver(fz_mpi_objective *o, fz_error *err);
/** Put what each part gives into o->view. */
void fz_mpi_objective_view_mstep(fz_mpi_objective *o);
void fz_mpi_objective_view_derivatives(fz_mpi_objective *o);

/** The normal operator of one class at `moments`, of so many images, with the prior once. local. fails FZ_ENOMEM */
fz_status fz_mpi_objective_set_normal(fz_mpi_objective *o, const double *moments, double images, int class_index);

#endif
