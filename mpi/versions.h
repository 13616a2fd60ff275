/* Versions of the parallel libraries. */
#ifndef FZ_MPI_VERSIONS_H
#define FZ_MPI_VERSIONS_H
#include "core/version.h"

/** MPI and its standard, FFTW3-MPI, ScaLAPACK, PETSc.
 *  calls   local; allowed before MPI is started and after it has ended */
void fz_mpi_versions(fz_version_sink sink, void *context);

#endif
