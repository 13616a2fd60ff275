#include "orbit/span.h"

#include <cblas.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/memory.h"

enum { BLOCK = 64 };
static const double RANK_TOLERANCE = 1e-12;

/* x -= B' B x for `rows` vectors x, B the first `rank` rows of the basis. */
static void remove_span(int rows, int length, const double *basis, int rank, double *x, double *coefficient) {
  if (rank == 0) return;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, rank, length, 1, x, length, basis, length, 0, coefficient,
              rank);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, length, rank, -1, coefficient, rank, basis, length, 1, x,
              length);
}

/* Vectors of one block join one after the other. */
static void join_block(int rows, int length, double *x, double least, int most, double *basis, int *rank,
                       double *coefficient) {
  int before = *rank;
  for (int i = 0; i < rows && *rank <= most; i++) {
    double *v = x + (ptrdiff_t)i * length;
    for (int twice = 0; twice < 2; twice++)
      remove_span(1, length, basis + (ptrdiff_t)before * length, *rank - before, v, coefficient);
    double norm = cblas_dnrm2(length, v, 1);
    if (norm <= least) continue;
    if (*rank < most) {
      cblas_dscal(length, 1 / norm, v, 1);
      remove_span(1, length, basis, *rank, v, coefficient); /* a short remainder is made orthogonal to full precision */
      cblas_dscal(length, 1 / cblas_dnrm2(length, v, 1), v, 1);
      memcpy(basis + (ptrdiff_t)*rank * length, v, sizeof *v * (size_t)length);
    }
    ++*rank;
  }
}

fz_status fz_orthonormal_span(int n, int length, const double *vector, int most, double *basis, int *rank) {
  double *x = fz_alloc((ptrdiff_t)BLOCK * length, sizeof *x), longest = 0;
  double *coefficient = fz_alloc((ptrdiff_t)BLOCK * (most + 1), sizeof *coefficient);
  fz_status st = x && coefficient ? FZ_OK : FZ_ENOMEM;
  *rank = 0;
  for (int i = 0; i < n; i++) longest = fmax(longest, cblas_dnrm2(length, vector + (ptrdiff_t)i * length, 1));
  for (int first = 0; first < n && st == FZ_OK && *rank <= most; first += BLOCK) {
    int rows = n - first < BLOCK ? n - first : BLOCK;
    memcpy(x, vector + (ptrdiff_t)first * length, sizeof *x * (size_t)rows * (size_t)length);
    for (int twice = 0; twice < 2; twice++) remove_span(rows, length, basis, *rank, x, coefficient);
    join_block(rows, length, x, RANK_TOLERANCE * longest, most, basis, rank, coefficient);
  }
  fz_free(&x);
  fz_free(&coefficient);
  return st;
}
