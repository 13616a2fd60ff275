/* Eigenpairs of a symmetric matrix spread over a grid of ranks (ScaLAPACK).
 *  method   the matrix in 32 x 32 blocks dealt out in turn over rows x columns ranks, filled column by column as the
 *           linear map gives them, so that no rank holds it whole (but on a grid of one); all eigenpairs by pdsyevd
 *           (Householder, divide and conquer), then the r largest in size.  Of ScaLAPACK's solvers it is the one
 * without the weak spots of pdsyevx (loses orthogonality in clusters, unless given room that depends on them) and
 *           pdsyevr (fails for some matrices on some grids); its only known one, too small a workspace asked for by
 *           the library itself, is stepped around
 *  bits     depend on n and the grid, not on the number of ranks beside it, so a run has to record the grid: BLACS is
 *           told to add in an order of its own (repeatable topologies), not in one that MPI chooses
 *  cost     n products of the map on all ranks; 4 n^2 / ranks of the grid doubles there, r n on every rank; about
 *           9 n^3 operations shared by the grid */
#ifndef FZ_MPI_EIGENPAIRS_H
#define FZ_MPI_EIGENPAIRS_H
#include "mpi/comm.h"
#include "optim/algebra.h"

/** Rows and columns of the grid for matrices of n rows: near a square, of at most `ranks` ranks, and at most (n /
 * 128)^2 of them, for small pieces cost more than they bring.  local; depends on nothing else */
void fz_mpi_eigen_grid(ptrdiff_t n, int ranks, int *rows, int *columns);

/** As fz_algebra's eigenpairs; the first ranks of `comm` are the grid, `ranks` <= size.
 *  calls   collective; `matrix` is called by all ranks for every column.  value, vector: the same bits on all ranks
 *  fails   FZ_EINVAL for r outside 1 .. n, or when n is too large for the grid (some 30000 for one rank), FZ_ENOMEM,
 *          FZ_EDIVERGED for columns that are not finite or without convergence, what matrix fails with; same on all */
fz_status fz_mpi_eigenpairs(fz_mpi *comm, int ranks, ptrdiff_t n, fz_linear_map matrix, void *context, int r,
                            double *value, double *vector, fz_error *err);

#endif
