#include "mpi/reduce.h"

#include <string.h>

#include "core/memory.h"
#include "core/progress.h"
#include "mpi/comm_private.h"
#include "mpi/fault.h"

enum {
  SUM_PIECE = 1 << 22,    /* int64 per all-reduce: 32 MiB */
  RANK_WORDS = 1 << 12,   /* int64 of each rank in one exchange of slices: 32 KiB are worth a message */
  STAGE_LEAST = 1 << 18,  /* of all ranks together; MPI may hold two copies of it, so no more than pays: 2 MiB */
  STAGE_MOST = 1 << 21,   /* and 16 MiB */
  STAGE_BYTES = 1 << 24,  /* the same in bytes */
  GATHER_BYTES = 1 << 24, /* above it each rank's bytes go straight to their place */
  SEND_PIECE = 1 << 30
};

static ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) {
  return a < b ? a : b;
}

static void share(ptrdiff_t n, int size, int rank, ptrdiff_t *first, ptrdiff_t *count) {
  ptrdiff_t whole = n / size, rest = n % size;
  *first = rank * whole + (rank < rest ? rank : rest);
  *count = whole + (rank < rest);
}

void fz_mpi_slice(const fz_mpi *comm, ptrdiff_t n, ptrdiff_t *first, ptrdiff_t *count) {
  share(n, comm->size, comm->rank, first, count);
}

/* No partial sum in any order can wrap when the sizes of all ranks' largest elements together stay below 2^63. */
static void refuse_overflow(fz_mpi *comm, const int64_t *x, ptrdiff_t n) {
  uint64_t largest = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    uint64_t size = x[i] < 0 ? (uint64_t)0 - (uint64_t)x[i] : (uint64_t)x[i];
    if (size > largest) largest = size;
  }
  double mine = (double)largest, total;
  FZ_WAIT(MPI_Allreduce(&mine, &total, 1, MPI_DOUBLE, MPI_SUM, comm->handle));
  if (!(total < 0x1p63)) fz_fatal(__FILE__, __LINE__, "an exact sum over ranks overflows: its bound did not hold");
}

void fz_mpi_sum_i64(fz_mpi *comm, int64_t *x, ptrdiff_t n) {
  fz_mpi_stall(comm, "reduce");
  if (comm->size == 1) return;
  refuse_overflow(comm, x, n);
  for (ptrdiff_t done = 0; done < n; done += SUM_PIECE)
    FZ_WAIT(MPI_Allreduce(MPI_IN_PLACE, x + done, (int)least(n - done, SUM_PIECE), MPI_INT64_T, MPI_SUM, comm->handle));
}

/* A stage holds `piece` words of each rank's share, so that one call moves them all with equal counts. */
static fz_status stage_create(fz_mpi *comm, ptrdiff_t n, ptrdiff_t *piece, int64_t **stage, fz_error *err) {
  ptrdiff_t words = least((ptrdiff_t)RANK_WORDS * comm->size, STAGE_MOST);
  ptrdiff_t longest = n / comm->size + (n % comm->size != 0),
            most = (words > STAGE_LEAST ? words : STAGE_LEAST) / comm->size;
  *piece = least(longest, most > 1 ? most : 1);
  *stage = fz_alloc(*piece * comm->size, sizeof **stage);
  fz_status st = *stage ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory to exchange slices between ranks");
  st = fz_mpi_agree(comm, st, err);
  if (st != FZ_OK) fz_free(stage);
  return st;
}

/* The part of rank r's share that lies in the piece starting at `offset`. */
static ptrdiff_t part_of_share(ptrdiff_t n, int size, int r, ptrdiff_t offset, ptrdiff_t piece, ptrdiff_t *from) {
  ptrdiff_t first, count;
  share(n, size, r, &first, &count);
  *from = first + offset;
  return offset < count ? least(count - offset, piece) : 0;
}

fz_status fz_mpi_reduce_scatter_i64(fz_mpi *comm, const int64_t *full, ptrdiff_t n, int64_t *slice, fz_error *err) {
  ptrdiff_t piece, from, part;
  int64_t *stage;
  if (comm->size == 1) {
    memcpy(slice, full, (size_t)n * sizeof *full);
    return FZ_OK;
  }
  refuse_overflow(comm, full, n);
  fz_status st = stage_create(comm, n, &piece, &stage, err);
  if (st != FZ_OK) return st;
  for (ptrdiff_t offset = 0; offset * comm->size < n; offset += piece) {
    memset(stage, 0, (size_t)(piece * comm->size) * sizeof *stage);
    for (int r = 0; r < comm->size; r++) {
      part = part_of_share(n, comm->size, r, offset, piece, &from);
      if (part > 0) memcpy(stage + r * piece, full + from, (size_t)part * sizeof *full);
    }
    FZ_WAIT(MPI_Reduce_scatter_block(MPI_IN_PLACE, stage, (int)piece, MPI_INT64_T, MPI_SUM, comm->handle));
    part = part_of_share(n, comm->size, comm->rank, offset, piece, &from);
    if (part > 0) memcpy(slice + offset, stage, (size_t)part * sizeof *slice); /* MPI puts it at the start */
  }
  fz_free(&stage);
  return FZ_OK;
}

fz_status fz_mpi_allgather_i64(fz_mpi *comm, const int64_t *slice, ptrdiff_t n, int64_t *full, fz_error *err) {
  ptrdiff_t piece, from, part;
  int64_t *stage;
  if (comm->size == 1) {
    memcpy(full, slice, (size_t)n * sizeof *full);
    return FZ_OK;
  }
  fz_status st = stage_create(comm, n, &piece, &stage, err);
  if (st != FZ_OK) return st;
  for (ptrdiff_t offset = 0; offset * comm->size < n; offset += piece) {
    part = part_of_share(n, comm->size, comm->rank, offset, piece, &from);
    if (part > 0) memcpy(stage + comm->rank * piece, slice + offset, (size_t)part * sizeof *slice);
    FZ_WAIT(MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, stage, (int)piece, MPI_INT64_T, comm->handle));
    for (int r = 0; r < comm->size; r++) {
      part = part_of_share(n, comm->size, r, offset, piece, &from);
      if (part > 0) memcpy(full + from, stage + r * piece, (size_t)part * sizeof *full);
    }
  }
  fz_free(&stage);
  return FZ_OK;
}

static void broadcast_from(fz_mpi *comm, char *bytes, int64_t n, int root) {
  for (int64_t done = 0; done < n; done += SEND_PIECE)
    FZ_WAIT(MPI_Bcast(bytes + done, (int)least(n - done, SEND_PIECE), MPI_BYTE, root, comm->handle));
}

/* Lengths [size] to offsets [size + 1]. */
static void running_sum(const int64_t *length, int size, int64_t *offset) {
  offset[0] = 0;
  for (int r = 0; r < size; r++) offset[r + 1] = offset[r] + length[r];
}

static void gather_at_offsets(fz_mpi *comm, char *all, const int64_t *offset, int *counts, int *places) {
  if (offset[comm->size] > GATHER_BYTES) {
    for (int r = 0; r < comm->size; r++) broadcast_from(comm, all + offset[r], offset[r + 1] - offset[r], r);
    return;
  }
  for (int r = 0; r < comm->size; r++) {
    counts[r] = (int)(offset[r + 1] - offset[r]);
    places[r] = (int)offset[r];
  }
  FZ_WAIT(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, counts, places, MPI_BYTE, comm->handle));
}

fz_status fz_mpi_allgather_bytes(fz_mpi *comm, const void *mine, int64_t n_mine, void **all, int64_t *n_all,
                                 fz_error *err) {
  FZ_ASSERT(n_mine >= 0);
  fz_status st = FZ_OK;
  char *out = NULL;
  *all = NULL;
  int64_t *length = fz_alloc(comm->size, sizeof *length), *offset = fz_alloc(comm->size + 1, sizeof *offset);
  int *counts = fz_alloc(2 * comm->size, sizeof *counts);
  if (!length || !offset || !counts) st = fz_fail(err, FZ_ENOMEM, "no memory for %d rank lengths", comm->size);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  FZ_WAIT(MPI_Allgather(&n_mine, 1, MPI_INT64_T, length, 1, MPI_INT64_T, comm->handle));
  running_sum(length, comm->size, offset);
  out = fz_alloc(offset[comm->size], 1);
  if (!out) st = fz_fail(err, FZ_ENOMEM, "no memory for %lld bytes of all ranks", (long long)offset[comm->size]);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  if (n_mine > 0) memcpy(out + offset[comm->rank], mine, (size_t)n_mine);
  gather_at_offsets(comm, out, offset, counts, counts + comm->size);
  *n_all = offset[comm->size];
  *all = out;
  out = NULL;
done:
  fz_free(&out);
  fz_free(&counts);
  fz_free(&offset);
  fz_free(&length);
  return st;
}

fz_status fz_mpi_merge_records(fz_mpi *comm, void *table, size_t record_bytes, int64_t n, const int64_t *mine,
                               int64_t n_mine, fz_error *err) {
  FZ_ASSERT(record_bytes > 0 && record_bytes < STAGE_BYTES && n_mine >= 0 && n_mine <= n);
  for (int64_t i = 0; i < n_mine; i++) FZ_ASSERT(mine[i] >= 0 && mine[i] < n);
  if (comm->size == 1) return FZ_OK;
  int64_t longest;
  FZ_WAIT(MPI_Allreduce(&n_mine, &longest, 1, MPI_INT64_T, MPI_MAX, comm->handle));
  /* A slot is (index, record); each round every rank sends the same number of slots, -1 marking an empty one. */
  ptrdiff_t slot = (ptrdiff_t)(sizeof(int64_t) + record_bytes), fit = STAGE_BYTES / slot / comm->size;
  ptrdiff_t slots = least((ptrdiff_t)longest, fit > 1 ? fit : 1);
  char *rows = table, *stage = fz_alloc(slots * comm->size, (size_t)slot);
  fz_status st = stage ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory to exchange records between ranks");
  st = fz_mpi_agree(comm, st, err);
  for (int64_t done = 0; st == FZ_OK && done < longest; done += slots) {
    for (ptrdiff_t s = 0; s < slots; s++) {
      char *at = stage + (comm->rank * slots + s) * slot;
      int64_t index = done + s < n_mine ? mine[done + s] : -1;
      memcpy(at, &index, sizeof index);
      if (index >= 0) memcpy(at + sizeof index, rows + (size_t)index * record_bytes, record_bytes);
    }
    FZ_WAIT(MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, stage, (int)(slots * slot), MPI_BYTE, comm->handle));
    for (ptrdiff_t s = 0; s < slots * comm->size; s++) {
      int64_t index;
      memcpy(&index, stage + s * slot, sizeof index);
      if (index >= 0) memcpy(rows + (size_t)index * record_bytes, stage + s * slot + sizeof index, record_bytes);
    }
  }
  fz_free(&stage);
  return st;
}
