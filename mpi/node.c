#include "mpi/node.h"

#include "mpi/comm_private.h"

static void ask(fz_mpi *comm, int *rank, int *size) {
  MPI_Comm node;
  MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node);
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
