#include "mpi/node.h"

#include "core/memory.h"
#include "core/progress.h"
#include "mpi/comm_private.h"

static void ask(fz_mpi *comm, int *rank, int *size) {
  MPI_Comm node;
  FZ_WAIT(MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node));
  MPI_Comm_rank(node, rank);
  MPI_Comm_size(node, size);
  MPI_Comm_free(&node);
}

bool fz_mpi_node_leader(fz_mpi *comm) {
  int rank, size;
  ask(comm, &rank, &size);
  return rank == 0;
}

int fz_mpi_node_ranks(fz_mpi *comm) {
  int rank, size;
  ask(comm, &rank, &size);
  return size;
}

fz_mpi *fz_mpi_node_group(fz_mpi *comm) {
  fz_mpi *group = fz_alloc(1, sizeof *group);
  if (!group) fz_fatal(__FILE__, __LINE__, "no memory for a communicator");
  FZ_WAIT(MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &group->handle));
  MPI_Comm_rank(group->handle, &group->rank);
  MPI_Comm_size(group->handle, &group->size);
  group->first = comm->first; /* ranks of a node need not be neighbours; an agreement names them in the node */
  return group;
}
