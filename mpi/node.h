/* Which ranks share a node (and so its memory and its page cache). */
#ifndef FZ_MPI_NODE_H
#define FZ_MPI_NODE_H
#include <stdbool.h>

#include "mpi/comm.h"

/** True on exactly one rank of every node. collective */
bool fz_mpi_node_leader(fz_mpi *comm);
/** Ranks on this rank's node. collective */
int fz_mpi_node_ranks(fz_mpi *comm);

/** The ranks of this rank's node, as a communicator of their own, in the order of their ranks in `comm`; faults armed
 *  in `comm` are not armed in it.  owns the caller, fz_mpi_release.  calls collective; fatal without memory */
fz_mpi *fz_mpi_node_group(fz_mpi *comm);

#endif
