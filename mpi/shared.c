#include "mpi/shared.h"

#include <string.h>

#include "core/memory.h"
#include "core/progress.h"
#include "mpi/comm_private.h"
#include "mpi/node.h"

enum { ALIGNMENT = 64 };

/* What a rank has to say for its node: 1 on the lowest rank of each. */
static void count_nodes(fz_mpi *comm, fz_mpi_shared *s) {
  int leads = s->node->rank == 0, before = 0;
  FZ_WAIT(MPI_Allreduce(&leads, &s->nodes, 1, MPI_INT, MPI_SUM, comm->handle));
  FZ_WAIT(MPI_Exscan(&leads, &before, 1, MPI_INT, MPI_SUM, comm->handle));
  s->index = comm->rank == 0 ? 0 : before;
  fz_mpi_broadcast(s->node, &s->index, sizeof s->index);
}

void fz_mpi_shared_open(fz_mpi *comm, size_t bytes_per_rank, bool apart, fz_mpi_shared *s) {
  MPI_Win *window = fz_alloc(1, sizeof *window);
  if (!window) fz_fatal(__FILE__, __LINE__, "no memory for a shared window");
  *s = (fz_mpi_shared){.node = apart ? fz_mpi_split(comm, comm->size) : fz_mpi_node_group(comm), .window = window};
  count_nodes(comm, s);
  size_t all = bytes_per_rank * (size_t)s->node->size + ALIGNMENT;
  MPI_Aint mine = s->node->rank == 0 ? (MPI_Aint)all : 0, size;
  int unit;
  char *base;
  FZ_WAIT(MPI_Win_allocate_shared(mine, 1, MPI_INFO_NULL, s->node->handle, &base, window));
  MPI_Win_shared_query(*window, 0, &size, &unit, &base);
  /* Every rank maps whole pages, so the same bytes are aligned for all. */
  base += (ALIGNMENT - (uintptr_t)base % ALIGNMENT) % ALIGNMENT;
  if (s->node->rank == 0) memset(base, 0, all - ALIGNMENT);
  fz_mpi_barrier(s->node);
  s->bytes = base;
}

void fz_mpi_shared_close(fz_mpi_shared *s) {
  if (!s->node) return;
  FZ_WAIT(MPI_Win_free((MPI_Win *)s->window));
  fz_free(&s->window);
  fz_mpi_release(&s->node);
  *s = (fz_mpi_shared){0};
}
