#include "mpi/versions.h"

#include <fftw3-mpi.h>
#include <mpi.h>
#include <petscsys.h>
#include <stdio.h>
#include <string.h>

#include "frazil_build.h"

/* Implementations answer with a banner; its first part, up to the comma or line end, is the name and version. */
static void report_mpi(fz_version_sink sink, void *context) {
  char banner[MPI_MAX_LIBRARY_VERSION_STRING] = "", text[MPI_MAX_LIBRARY_VERSION_STRING + 64];
  int length, version, subversion;
  MPI_Get_library_version(banner, &length);
  MPI_Get_version(&version, &subversion);
  banner[strcspn(banner, ",\n")] = '\0';
  snprintf(text, sizeof text, "%s, standard %d.%d", banner, version, subversion);
  sink(context, "MPI", text);
}

void fz_mpi_versions(fz_version_sink sink, void *context) {
  report_mpi(sink, context);
  sink(context, "FFTW3-MPI", fftw_version);
  sink(context, "ScaLAPACK", FZ_BUILD_SCALAPACK);
  int major, minor, patch, release;
  char text[80];
  if (PetscGetVersionNumber(&major, &minor, &patch, &release)) return;
  snprintf(text, sizeof text, "%d.%d.%d, %s scalars", major, minor, patch,
           PetscDefined(USE_COMPLEX) ? "complex" : "real");
  sink(context, "PETSc", text);
}
