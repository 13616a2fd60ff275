#include "mpi/grid.h"

#include "core/memory.h"
#include "core/progress.h"
#include "mpi/comm_private.h"
#include "mpi/reduce.h"

/* Batches of a few sizes alternate; their rows are kept. */
enum { KEPT = 4 };

typedef struct kept_rows {
  int rows, lanes;
  fz_mpi *comm; /* of this rank's row; NULL: no rows kept here */
} kept_rows;

struct fz_mpi_grid {
  fz_mpi *comm;
  int threads;        /* of this rank */
  int fewest_threads; /* of any rank */
  int columns;        /* 0: automatic */
  kept_rows kept[KEPT];
  int next; /* to be replaced */
};

static int64_t ratio_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/* Pose blocks one after the other, were all equally dear.  A tile that is shared costs one more: each rank makes its
 * images ready, and they wait for each other. */
int64_t fz_mpi_grid_time(int ranks, int threads, int64_t tiles, int n_blocks, int rows) {
  int columns = ranks / rows;
  int64_t share = ratio_up(tiles, rows), full = (share - 1) / threads, last = share - full * threads;
  int64_t time = full * ratio_up(n_blocks, columns) + ratio_up(n_blocks, columns * (threads / last));
  return time + (columns > 1 ? full + 1 : 0);
}

int fz_mpi_grid_rows(int ranks, int threads, int64_t tiles, int n_blocks) {
  int best = ranks;
  for (int rows = ranks - 1; rows >= ratio_up(ranks, n_blocks); rows--)
    if (fz_mpi_grid_time(ranks, threads, tiles, n_blocks, rows) <
        fz_mpi_grid_time(ranks, threads, tiles, n_blocks, best))
      best = rows;
  return best;
}

static int fewest(fz_mpi *comm, int threads) {
  int least;
  FZ_WAIT(MPI_Allreduce(&threads, &least, 1, MPI_INT, MPI_MIN, comm->handle));
  return least;
}

fz_mpi_grid *fz_mpi_grid_create(fz_mpi *comm, int threads) {
  fz_mpi_grid *g = fz_alloc(1, sizeof *g);
  if (!g) fz_fatal(__FILE__, __LINE__, "no memory for the process grid");
  *g = (fz_mpi_grid){.comm = comm, .threads = threads, .fewest_threads = fewest(comm, threads)};
  return g;
}

void fz_mpi_grid_destroy(fz_mpi_grid **g) {
  if (!*g) return;
  for (int i = 0; i < KEPT; i++) fz_mpi_release(&(*g)->kept[i].comm);
  fz_free(g);
}

void fz_mpi_grid_set_columns(fz_mpi_grid *grid, int columns) {
  grid->columns = columns;
}

static kept_rows *keep(fz_mpi_grid *g, int rows) {
  for (int i = 0; i < KEPT; i++)
    if (g->kept[i].comm && g->kept[i].rows == rows) return &g->kept[i];
  kept_rows *k = &g->kept[g->next++ % KEPT];
  fz_mpi_release(&k->comm);
  k->rows = rows;
  k->comm = fz_mpi_split(g->comm, rows);
  k->lanes = fewest(k->comm, g->threads);
  return k;
}

fz_mpi_row fz_mpi_grid_arrange(fz_mpi_grid *g, int64_t tiles, int n_blocks) {
  int columns = g->columns < n_blocks ? g->columns : n_blocks, rows;
  if (columns > 0)
    rows = (int)ratio_up(g->comm->size, columns);
  else
    rows = fz_mpi_grid_rows(g->comm->size, g->fewest_threads, tiles > 0 ? tiles : 1, n_blocks);
  const kept_rows *k = keep(g, rows);
  int64_t fair = ratio_up(tiles > 0 ? tiles : 1, rows); /* else the first to draw might leave nothing for others */
  ptrdiff_t first, count;
  fz_mpi_slice(k->comm, n_blocks, &first, &count);
  return (fz_mpi_row){.comm = k->comm,
                      .lanes = fair < k->lanes ? (int)fair : k->lanes,
                      .first_block = (int)first,
                      .n_blocks = (int)count};
}

/* Bytes and places of the ranks' blocks. */
static void find_places(const fz_mpi_row *row, size_t record_bytes, int n_blocks, int *bytes, int *place) {
  int size = row->comm->size;
  FZ_ASSERT(size <= FZ_POSE_BLOCKS_MOST && record_bytes * (size_t)n_blocks < (size_t)1 << 30);
  for (int r = 0; r < size; r++) {
    ptrdiff_t first, count;
    fz_mpi other = {.rank = r, .size = size};
    fz_mpi_slice(&other, n_blocks, &first, &count);
    bytes[r] = (int)((size_t)count * record_bytes);
    place[r] = (int)((size_t)first * record_bytes);
  }
}

void fz_mpi_row_share(const fz_mpi_row *row, void *table, size_t record_bytes, int n_blocks) {
  int bytes[FZ_POSE_BLOCKS_MOST], place[FZ_POSE_BLOCKS_MOST];
  find_places(row, record_bytes, n_blocks, bytes, place);
  FZ_WAIT(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, table, bytes, place, MPI_BYTE, row->comm->handle));
}

void fz_mpi_row_collect(const fz_mpi_row *row, void *table, size_t record_bytes, int n_blocks) {
  int bytes[FZ_POSE_BLOCKS_MOST], place[FZ_POSE_BLOCKS_MOST], me = row->comm->rank;
  find_places(row, record_bytes, n_blocks, bytes, place);
  if (me == 0)
    FZ_WAIT(MPI_Gatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, table, bytes, place, MPI_BYTE, 0, row->comm->handle));
  else
    FZ_WAIT(
        MPI_Gatherv((char *)table + place[me], bytes[me], MPI_BYTE, NULL, NULL, NULL, MPI_BYTE, 0, row->comm->handle));
}
