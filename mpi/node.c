#include "mpi/node.h"

#include "mpi/comm_private.h"

bool fz_mpi_node_leader(fz_mpi *comm) {
  MPI_Comm node;
  int rank;
  MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &rank);
  MPI_Comm_free(&node);
  return rank == 0;
}
