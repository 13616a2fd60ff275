/* What hides behind fz_mpi; for mpi/ and for the HDF5 wrapper in io/ only. */
#ifndef FZ_MPI_COMM_PRIVATE_H
#define FZ_MPI_COMM_PRIVATE_H
#include <mpi.h>

#include "mpi/comm.h"

struct fz_mpi {
  MPI_Comm handle; /* a duplicate of the world: our messages never meet those of a library */
  int rank, size;
  int first;           /* rank in the whole job of the group's rank 0; 0 for the whole */
  char fault_site[32]; /* mpi/fault.h; "" = none */
  int fault_rank;
};

/** The raw communicator, borrowed. */
MPI_Comm fz_mpi_handle(const fz_mpi *comm);

/** Have a library ended by fz_mpi_finish, before MPI is; one hook, the PETSc wrapper's. */
void fz_mpi_on_finish(void (*hook)(void));

#endif
