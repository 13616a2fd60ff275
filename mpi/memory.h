/* How much memory the processes of the job really took. */
#ifndef FZ_MPI_MEMORY_H
#define FZ_MPI_MEMORY_H
#include <stdint.h>

#include "mpi/comm.h"

/** The largest resident set this process ever had, in bytes. local */
int64_t fz_mpi_memory_peak_bytes(void);
/** The same of the rank that took most. collective, same on all ranks */
int64_t fz_mpi_memory_peak_bytes_max(fz_mpi *comm);

#endif
