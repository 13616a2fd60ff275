#include "mpi/eigenpairs.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/memory.h"
#include "core/progress.h"
#include "mpi/comm_private.h"
#include "mpi/fault.h"
#include "optim/eigen_order.h"

/* BLACS and ScaLAPACK bring no headers. */
extern int Csys2blacs_handle(MPI_Comm comm);
extern void Cfree_blacs_system_handle(int handle);
extern void Cblacs_gridinit(int *context, char *order, int rows, int columns);
extern void Cblacs_gridinfo(int context, int *rows, int *columns, int *row, int *column);
extern void Cblacs_gridexit(int context);
extern void Cblacs_set(int context, int what, int *value);
extern int numroc_(const int *n, const int *block, const int *process, const int *first, const int *processes);
extern void pdsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *ia, const int *ja,
                     const int *desca, double *w, double *z, const int *iz, const int *jz, const int *descz,
                     double *work, const int *lwork, int *iwork, const int *liwork, int *info, size_t, size_t);

enum { BLOCK = 32, LEAST_ROWS = 128, REPEATABLE = 15, COHERENT = 16, REDUCE_PIECE = 1 << 26 };

typedef struct process_grid {
  MPI_Comm members; /* MPI_COMM_NULL outside the grid */
  int handle, context;
  int rows, columns, row, column; /* row, column: this rank's */
} process_grid;

typedef struct spread_matrix {
  int n, rows, columns; /* rows, columns: how many of them are here */
  double *a, *z;        /* [columns][rows] the matrix, its eigenvectors */
  double *w;            /* [n] */
  double *work;
  int *iwork;
  int lwork, liwork;
} spread_matrix;

void fz_mpi_eigen_grid(ptrdiff_t n, int ranks, int *rows, int *columns) {
  ptrdiff_t most = n / LEAST_ROWS;
  if (most < 1) most = 1;
  if (most * most < ranks) ranks = (int)(most * most);
  *rows = 1;
  while ((*rows + 1) * (*rows + 1) <= ranks) ++*rows;
  *columns = ranks / *rows;
}

static void grid_open(fz_mpi *comm, int rows, int columns, process_grid *g) {
  int rank = fz_mpi_rank(comm), yes = 1;
  *g = (process_grid){.rows = rows, .columns = columns, .row = -1, .column = -1};
  FZ_WAIT(MPI_Comm_split(fz_mpi_handle(comm), rank < rows * columns ? 0 : MPI_UNDEFINED, rank, &g->members));
  if (g->members == MPI_COMM_NULL) return;
  char order[] = "Row";
  g->handle = g->context = Csys2blacs_handle(g->members);
  Cblacs_gridinit(&g->context, order, rows, columns);
  Cblacs_set(g->context, REPEATABLE, &yes);
  Cblacs_set(g->context, COHERENT, &yes);
  Cblacs_gridinfo(g->context, &rows, &columns, &g->row, &g->column);
}

/* Not Cblacs_exit: other contexts may be alive, and MPI is not BLACS's to end. */
static void grid_close(process_grid *g) {
  if (g->members == MPI_COMM_NULL) return;
  Cblacs_gridexit(g->context);
  Cfree_blacs_system_handle(g->handle);
  MPI_Comm_free(&g->members);
}

static int local_count(int n, int process, int processes) {
  const int block = BLOCK, first = 0;
  return numroc_(&n, &block, &process, &first, &processes);
}
static bool is_mine(ptrdiff_t index, int process, int processes) {
  return index / BLOCK % processes == process;
}
static ptrdiff_t local_index(ptrdiff_t index, int processes) {
  return index / BLOCK / processes * BLOCK + index % BLOCK;
}

/* What pdsyevd asks for, and what the routines below it need where that is more (pdstedc hands its workspace on to
 * pdlasrt, pdsyevd to pdormtr, neither having counted it). */
static int64_t workspace_size(int64_t n, int64_t rows, int64_t columns) {
  int64_t own = 6 * n + 1 + 2 * rows * columns, reduce = 3 * n + BLOCK * (rows + 3);
  int64_t sort = rows * (BLOCK + columns), back = (rows + columns) * BLOCK + 2 * BLOCK * BLOCK;
  int64_t most = own > reduce ? own : reduce;
  if (sort > most) most = sort;
  if (back > most) most = back;
  return most + 4 * n;
}

static fz_status spread_alloc(spread_matrix *m, ptrdiff_t n, const process_grid *g, fz_error *err) {
  *m = (spread_matrix){.n = (int)n};
  m->w = fz_alloc(n, sizeof(double));
  if (g->members != MPI_COMM_NULL) {
    m->rows = local_count(m->n, g->row, g->rows);
    m->columns = local_count(m->n, g->column, g->columns);
    m->lwork = (int)workspace_size(n, m->rows, m->columns);
    m->liwork = 7 * m->n + 8 * g->columns + 2;
  }
  m->a = fz_alloc((ptrdiff_t)m->rows * m->columns, sizeof(double));
  m->z = fz_alloc((ptrdiff_t)m->rows * m->columns, sizeof(double));
  m->work = fz_alloc(m->lwork, sizeof(double));
  m->iwork = fz_alloc(m->liwork, sizeof(int));
  if (m->w && m->a && m->z && m->work && m->iwork) return FZ_OK;
  return fz_fail(err, FZ_ENOMEM, "no memory for this rank's %d x %d part of a matrix of %td rows", m->rows, m->columns,
                 n);
}

static void spread_free(spread_matrix *m) {
  fz_free(&m->w);
  fz_free(&m->a);
  fz_free(&m->z);
  fz_free(&m->work);
  fz_free(&m->iwork);
}

static void keep_my_part(spread_matrix *m, const process_grid *g, ptrdiff_t j, const double *column) {
  if (g->members == MPI_COMM_NULL || !is_mine(j, g->column, g->columns)) return;
  double *to = m->a + local_index(j, g->columns) * m->rows;
  for (ptrdiff_t i = 0; i < m->n; i++)
    if (is_mine(i, g->row, g->rows)) to[local_index(i, g->rows)] = column[i];
}

static fz_status fill(spread_matrix *m, const process_grid *g, fz_linear_map matrix, void *context, double *unit,
                      double *column, fz_error *err) {
  for (ptrdiff_t j = 0; j < m->n; j++) {
    unit[j] = 1;
    fz_status st = matrix(context, unit, column, err);
    if (st != FZ_OK) return st;
    unit[j] = 0;
    for (ptrdiff_t i = 0; i < m->n; i++)
      if (!isfinite(column[i]))
        return fz_fail(err, FZ_EDIVERGED, "column %td of a matrix whose eigenvectors are wanted is not finite", j + 1);
    keep_my_part(m, g, j, column);
  }
  return FZ_OK;
}

static fz_status decompose(spread_matrix *m, const process_grid *g, fz_error *err) {
  if (g->members == MPI_COMM_NULL) return FZ_OK;
  const int one = 1, lead = m->rows > 1 ? m->rows : 1;
  const int descriptor[9] = {1, g->context, m->n, m->n, BLOCK, BLOCK, 0, 0, lead};
  int info = 0;
  pdsyevd_("V", "L", &m->n, m->a, &one, &one, descriptor, m->w, m->z, &one, &one, descriptor, m->work, &m->lwork,
           m->iwork, &m->liwork, &info, 1, 1);
  FZ_ASSERT(info >= 0);
  if (info == 0) return FZ_OK;
  return fz_fail(err, FZ_EDIVERGED, "the eigenvectors of a %d x %d matrix were not found", m->n, m->n);
}

/* Each number comes from one rank, the others hold zero bits: nothing is rounded, not even the sign of a zero lost. */
static void join(fz_mpi *comm, double *x, ptrdiff_t n) {
  for (ptrdiff_t done = 0; done < n; done += REDUCE_PIECE) {
    int piece = (int)(n - done < REDUCE_PIECE ? n - done : REDUCE_PIECE);
    FZ_WAIT(MPI_Allreduce(MPI_IN_PLACE, x + done, piece, MPI_UINT64_T, MPI_BOR, fz_mpi_handle(comm)));
  }
}

/* The values were found by all of the grid; rank 0's count. */
static void collect(fz_mpi *comm, spread_matrix *m, const process_grid *g, const ptrdiff_t *chosen, int r,
                    double *vector) {
  memset(vector, 0, sizeof *vector * (size_t)m->n * (size_t)r);
  for (int k = 0; k < r && g->members != MPI_COMM_NULL; k++) {
    if (!is_mine(chosen[k], g->column, g->columns)) continue;
    const double *from = m->z + local_index(chosen[k], g->columns) * m->rows;
    for (ptrdiff_t i = 0; i < m->n; i++)
      if (is_mine(i, g->row, g->rows)) vector[k * (ptrdiff_t)m->n + i] = from[local_index(i, g->rows)];
  }
  join(comm, vector, (ptrdiff_t)r * m->n);
  for (int k = 0; k < r; k++) fz_eigen_turn(m->n, vector + k * (ptrdiff_t)m->n);
}

static fz_status check(ptrdiff_t n, int rows, int columns, int r, fz_error *err) {
  if (r < 1 || r > n)
    return fz_fail(err, FZ_EINVAL, "%d eigenpairs of a %td x %td matrix: choose 1 to %td of them", r, n, n, n);
  /* Fortran counts with 32 bits */
  int64_t high = n / rows + BLOCK, wide = n / columns + BLOCK;
  if (n > INT32_MAX / 16 || high * wide > INT32_MAX / 2 - 16 * (int64_t)n)
    return fz_fail(err, FZ_EINVAL, "eigenvectors of %td numbers are too many for a grid of %d x %d ranks: use more", n,
                   rows, columns);
  return FZ_OK;
}

fz_status fz_mpi_eigenpairs(fz_mpi *comm, int ranks, ptrdiff_t n, fz_linear_map matrix, void *context, int r,
                            double *value, double *vector, fz_error *err) {
  int rows, columns;
  fz_mpi_eigen_grid(n, ranks, &rows, &columns);
  FZ_ASSERT(rows * columns <= fz_mpi_size(comm));
  fz_status st = check(n, rows, columns, r, err);
  if (st != FZ_OK) return st;
  process_grid grid;
  spread_matrix m;
  grid_open(comm, rows, columns, &grid);
  st = spread_alloc(&m, n, &grid, err);
  double *unit = fz_alloc(n, sizeof *unit), *column = fz_alloc(n, sizeof *column);
  ptrdiff_t *chosen = fz_alloc(r, sizeof *chosen);
  if (st == FZ_OK && (!unit || !column || !chosen || fz_mpi_fault(comm, "eigenpairs")))
    st = fz_fail(err, FZ_ENOMEM, "no memory for eigenvectors of %td numbers", n);
  st = fz_mpi_agree(comm, st, err);
  if (st == FZ_OK) st = fz_mpi_agree(comm, fill(&m, &grid, matrix, context, unit, column, err), err);
  if (st == FZ_OK) st = fz_mpi_agree(comm, decompose(&m, &grid, err), err);
  if (st == FZ_OK) {
    fz_mpi_broadcast(comm, m.w, sizeof *m.w * (size_t)n);
    fz_eigen_choose(n, m.w, r, chosen);
    for (int k = 0; k < r; k++) value[k] = m.w[chosen[k]];
    collect(comm, &m, &grid, chosen, r, vector);
  }
  fz_free(&chosen);
  fz_free(&column);
  fz_free(&unit);
  spread_free(&m);
  grid_close(&grid);
  return st;
}
