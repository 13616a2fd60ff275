/* The process grid of an E-step: rows of ranks.  A row draws tiles, its ranks share the pose blocks of each.
 *  With one rank in a row every rank works on tiles of its own, which is best while there are many of them; longer rows
 *  keep all ranks busy when a batch has few. */
#ifndef FZ_MPI_GRID_H
#define FZ_MPI_GRID_H
#include "estep/pose_blocks.h"
#include "mpi/comm.h"

typedef struct fz_mpi_grid fz_mpi_grid;

/* This rank's row. */
typedef struct fz_mpi_row {
  fz_mpi *comm;
  int lanes; /* tiles that it draws at a time: the fewest threads of any of its ranks, and no more than its share */
  int first_block, n_blocks; /* pose blocks of this rank: fz_mpi_slice */
} fz_mpi_row;

/** Time of a batch on so many rows, counted in pose blocks one after the other.  As fz_mpi_grid_rows */
int64_t fz_mpi_grid_time(int ranks, int threads, int64_t tiles, int n_blocks, int rows);
/** How many rows finish a batch soonest, counted in pose blocks one after the other; more rows when that is equal.
 *  ranks, tiles, n_blocks >= 1; threads of each rank.  calls local */
int fz_mpi_grid_rows(int ranks, int threads, int64_t tiles, int n_blocks);

/** owns the caller.  calls collective; fatal without memory */
fz_mpi_grid *fz_mpi_grid_create(fz_mpi *comm, int threads);
void fz_mpi_grid_destroy(fz_mpi_grid **grid);
/** At most so many ranks share a tile, in every batch; 0: by fz_mpi_grid_rows.  calls local, same on all ranks */
void fz_mpi_grid_set_columns(fz_mpi_grid *grid, int columns);
/** The row for a batch of `tiles` tiles; valid until the next call.  calls collective, same arguments on all ranks */
fz_mpi_row fz_mpi_grid_arrange(fz_mpi_grid *grid, int64_t tiles, int n_blocks);

/** Exchange in a row: table [n_blocks][record_bytes], of which each rank has filled its own blocks.  Afterwards all
 *  ranks hold all of it (share), or the row's rank 0 does (collect).  calls collective in the row */
void fz_mpi_row_share(const fz_mpi_row *row, void *table, size_t record_bytes, int n_blocks);
void fz_mpi_row_collect(const fz_mpi_row *row, void *table, size_t record_bytes, int n_blocks);

#endif
