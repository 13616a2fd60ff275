/* Start and end of PETSc, for the solvers of mpi/ only. */
#ifndef FZ_MPI_PETSC_H
#define FZ_MPI_PETSC_H
#include <petscsys.h>

#include "core/status.h"

/** Start PETSc unless it runs already: quiet, without its signal handlers, option files and command line; errors are
 *  returned. local.  fails FZ_EINTERNAL */
fz_status fz_mpi_petsc_start(fz_error *err);
/** Turn a PETSc code into ours: "what: PETSc's text". */
fz_status fz_mpi_petsc_status(PetscErrorCode code, const char *what, fz_error *err);

#endif
