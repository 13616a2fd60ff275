#include "orbit/span.h"

#include <cblas.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/memory.h"

enum { BLOCK = 64 };
#define RANK_TOLERANCE 1e-12

/* x -= B' B x for `rows` vectors x, B the first `rank` rows of the basis. */
static void remove_span(int rows, int length, const double *basis, int rank, double *x, double *coefficient) {
  if (rank == 0) return;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, rank, length, 1, x, length, basis, length, 0, coefficient,
              rank);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, length, rank, -1, coefficient, rank, basis, length, 1, x,
              length);
}

/* Of the vectors of one block always that of which most is left joins, down to `least`; the most that is left of
 * another one is returned. */
static double join_block(int rows, int length, double *x, double least, int most, double *basis, int *rank,
                         double *coefficient) {
  for (;;) {
    double left = 0;
    double *v = x;
    for (int i = 0; i < rows; i++) {
      double norm = cblas_dnrm2(length, x + (ptrdiff_t)i * length, 1);
      if (norm > left) {
        left = norm;
        v = x + (ptrdiff_t)i * length;
      }
    }
    if (left <= least) return left;
    if (++*rank > most) return left;
    double *joined = basis + (ptrdiff_t)(*rank - 1) * length;
    memcpy(joined, v, sizeof *v * (size_t)length);
    cblas_dscal(length, 1 / left, joined, 1);
    remove_span(1, length, basis, *rank - 1, joined, coefficient); /* orthogonal to full precision, however short */
    cblas_dscal(length, 1 / cblas_dnrm2(length, joined, 1), joined, 1);
    remove_span(rows, length, joined, 1, x, coefficient);
    memset(v, 0, sizeof *v * (size_t)length);
  }
}

/* One sweep over all vectors; the most that is left of one that did not join. */
static double sweep(int n, int length, const double *vector, double least, int most, double *basis, int *rank,
                    double *x, double *coefficient) {
  double left = 0;
  for (int first = 0; first < n && *rank <= most; first += BLOCK) {
    int rows = n - first < BLOCK ? n - first : BLOCK;
    memcpy(x, vector + (ptrdiff_t)first * length, sizeof *x * (size_t)rows * (size_t)length);
    for (int twice = 0; twice < 2; twice++) remove_span(rows, length, basis, *rank, x, coefficient);
    left = fmax(left, join_block(rows, length, x, least, most, basis, rank, coefficient));
  }
  return left;
}

/* A vector of which a part e is left brings rounding of 2^-53 / e with it, which others would show as new dimensions,
 * the more so the more of them are like it. So those of which much is left come first. */
fz_status fz_orthonormal_span(int n, int length, const double *vector, int most, double *basis, int *rank) {
  static const double LEAST[] = {1e-1, 1e-3, 1e-6, 1e-9, RANK_TOLERANCE};
  double *x = fz_alloc((ptrdiff_t)BLOCK * length, sizeof *x), longest = 0, left = HUGE_VAL;
  double *coefficient = fz_alloc((ptrdiff_t)BLOCK * (most + 1), sizeof *coefficient);
  fz_status st = x && coefficient ? FZ_OK : FZ_ENOMEM;
  *rank = 0;
  for (int i = 0; i < n; i++) longest = fmax(longest, cblas_dnrm2(length, vector + (ptrdiff_t)i * length, 1));
  for (int k = 0;
       k < (int)(sizeof LEAST / sizeof LEAST[0]) && st == FZ_OK && *rank <= most && left > RANK_TOLERANCE * longest;
       k++)
    left = sweep(n, length, vector, LEAST[k] * longest, most, basis, rank, x, coefficient);
  fz_free(&x);
  fz_free(&coefficient);
  return st;
}
