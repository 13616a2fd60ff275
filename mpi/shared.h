/* Memory that the ranks of a node have in common, for what must be seen without sending messages. */
#ifndef FZ_MPI_SHARED_H
#define FZ_MPI_SHARED_H
#include <stddef.h>

#include "mpi/comm.h"

typedef struct fz_mpi_shared {
  fz_mpi *node; /* the ranks that share it */
  void *bytes;  /* zeroed; the same memory on all of them */
  void *window;
  int nodes, index; /* nodes of the job, in the order of their lowest ranks; this one */
} fz_mpi_shared;

/** The ranks of each node get `bytes_per_rank` times their number, zeroed and aligned to 64 bytes.  Other threads may
 *  use it as any memory (atomic operations where several write), but make no MPI call.
 *  apart   every rank a node of its own: for tests of what happens between nodes
 *  owns    the caller, fz_mpi_shared_close.  calls collective, same arguments on all ranks; fatal without memory */
void fz_mpi_shared_open(fz_mpi *comm, size_t bytes_per_rank, bool apart, fz_mpi_shared *out);
/** collective; accepts a cleared one */
void fz_mpi_shared_close(fz_mpi_shared *shared);

#endif
