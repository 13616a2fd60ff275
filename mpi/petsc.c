#include "mpi/petsc.h"

#include "mpi/comm_private.h"

static void stop(void) {
  PetscPopErrorHandler();
  PetscFinalize();
}

fz_status fz_mpi_petsc_status(PetscErrorCode code, const char *what, fz_error *err) {
  if (code == 0) return FZ_OK;
  const char *text = NULL;
  PetscErrorMessage(code, &text, NULL);
  return fz_fail(err, code == PETSC_ERR_MEM ? FZ_ENOMEM : FZ_EINTERNAL, "PETSc: %s: %s", what, text ? text : "unknown");
}

fz_status fz_mpi_petsc_start(fz_error *err) {
  PetscBool running = PETSC_FALSE;
  PetscInitialized(&running);
  if (running) return FZ_OK;
  char name[] = "frazil", no_signals[] = "-no_signal_handler", no_file[] = "-skip_petscrc";
  char *arguments[] = {name, no_signals, no_file, NULL}, **argv = arguments;
  int argc = 3;
  /* Its world is this process: starting it is then no collective call and may wait until somebody needs it. */
  PETSC_COMM_WORLD = MPI_COMM_SELF;
  PetscErrorCode code = PetscInitialize(&argc, &argv, NULL, NULL);
  if (code == 0) code = PetscPushErrorHandler(PetscReturnErrorHandler, NULL);
  if (code == 0) fz_mpi_on_finish(stop);
  return fz_mpi_petsc_status(code, "cannot start", err);
}
