/* Exact exchange of integers and bytes.  Nothing here rounds, so nothing depends on the number of ranks. */
#ifndef FZ_MPI_REDUCE_H
#define FZ_MPI_REDUCE_H
#include <stdint.h>

#include "mpi/comm.h"

/** x[i] = sum of x[i] over all ranks, in place.
 *  shape   n same on all ranks, any size (sent in pieces, so the extra memory stays at some tens of MB)
 *  calls   collective
 *  fails   fatal when a sum could leave the int64 range: the sum over ranks of the largest |x| reaches 2^63, which
 *          fz_fixed_scale rules out for as long as its bound holds */
void fz_mpi_sum_i64(fz_mpi *comm, int64_t *x, ptrdiff_t n);

/** This rank's contiguous share of 0 .. n-1: shares differ by at most one, in rank order. local */
void fz_mpi_slice(const fz_mpi *comm, ptrdiff_t n, ptrdiff_t *first, ptrdiff_t *count);
/** slice = this rank's share (fz_mpi_slice) of the sum of `full` over all ranks; overflow as in fz_mpi_sum_i64.
 *  owns    nothing; full [n] borrowed, slice [count] written.  calls collective
 *  fails   FZ_ENOMEM, the same on all ranks */
fz_status fz_mpi_reduce_scatter_i64(fz_mpi *comm, const int64_t *full, ptrdiff_t n, int64_t *slice, fz_error *err);
/** full [n] = all shares in rank order, on all ranks. As above. */
fz_status fz_mpi_allgather_i64(fz_mpi *comm, const int64_t *slice, ptrdiff_t n, int64_t *full, fz_error *err);

/** All ranks' bytes, in rank order; lengths may differ.
 *  owns    *all (*n_all bytes) belongs to the caller, fz_free.  calls collective.  fails FZ_ENOMEM, same on all ranks
 */
fz_status fz_mpi_allgather_bytes(fz_mpi *comm, const void *mine, int64_t n_mine, void **all, int64_t *n_all,
                                 fz_error *err);

/** Bring a table that all ranks keep up to date: each rank has changed the records listed in `mine`.
 *  shape   table [n][record_bytes]; mine [n_mine], indices of records of which this rank holds the truth; no index may
 *          be listed on two ranks
 *  owns    nothing; afterwards all tables hold the same bytes in the listed records
 *  calls   collective; n and record_bytes same on all ranks.  fails FZ_ENOMEM, same on all ranks, table untouched */
fz_status fz_mpi_merge_records(fz_mpi *comm, void *table, size_t record_bytes, int64_t n, const int64_t *mine,
                               int64_t n_mine, fz_error *err);

#endif
