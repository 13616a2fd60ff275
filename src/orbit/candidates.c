#include "orbit/candidates.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/memory.h"
#include "orbit/span.h"

/* n vectors as n x rank coefficients of `rank` basis vectors; coefficients NULL and the vectors themselves when that
 * would not halve them. owns the caller: both */
static fz_status factor(int n, int length, const double *vector, double **part, double **basis, int *rank) {
  int most = n / 2 < length ? n / 2 : length;
  *part = NULL;
  *basis = fz_alloc((ptrdiff_t)most * length, sizeof **basis);
  fz_status st = *basis ? fz_orthonormal_span(n, length, vector, most, *basis, rank) : FZ_ENOMEM;
  if (st != FZ_OK) return st;
  bool low = *rank <= most;
  if (!low) {
    *rank = n;
    fz_free(basis);
    if (!(*basis = fz_alloc((ptrdiff_t)n * length, sizeof **basis))) return FZ_ENOMEM;
    memcpy(*basis, vector, sizeof *vector * (size_t)n * (size_t)length);
    return FZ_OK;
  }
  *part = fz_alloc((ptrdiff_t)n * *rank, sizeof **part);
  if (!*part) return FZ_ENOMEM;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, *rank, length, 1, vector, length, *basis, length, 0, *part,
              *rank);
  return FZ_OK;
}

/* compressed [n][d][r]: all columns in the basis of their span, which is left out where it is the whole space. */
static fz_status compress_rows(fz_candidates *c, const double *matrix, double sigma, double **compressed) {
  ptrdiff_t columns = (ptrdiff_t)c->n * c->d;
  c->rows = fz_alloc((ptrdiff_t)c->p * c->p, sizeof *c->rows);
  fz_status st = c->rows ? fz_orthonormal_span((int)columns, c->p, matrix, c->p - 1, c->rows, &c->r) : FZ_ENOMEM;
  if (st == FZ_OK && c->r == c->p) fz_free(&c->rows);
  *compressed = st == FZ_OK ? fz_alloc(columns * c->r, sizeof **compressed) : NULL;
  if (!*compressed) return FZ_ENOMEM;
  fz_candidates_compress(c, (int)columns, matrix, sigma, *compressed);
  for (ptrdiff_t i = 0; i < columns; i++)
    c->largest_column = fmax(c->largest_column, cblas_dnrm2(c->r, *compressed + i * c->r, 1));
  return FZ_OK;
}

static fz_status factor_slices(fz_candidates *c, const double *compressed) {
  double *slice = NULL;
  fz_status st = factor(c->n, c->d * c->r, compressed, &c->slice_part, &slice, &c->n_slices);
  if (st == FZ_OK) c->slice = fz_alloc((ptrdiff_t)c->d * c->n_slices * c->r, sizeof *c->slice);
  if (st == FZ_OK && !c->slice) st = FZ_ENOMEM;
  for (ptrdiff_t k = 0; st == FZ_OK && k < c->n_slices; k++)
    for (ptrdiff_t a = 0; a < c->d; a++)
      memcpy(c->slice + (a * c->n_slices + k) * c->r, slice + (k * c->d + a) * c->r, sizeof *slice * (size_t)c->r);
  fz_free(&slice);
  return st;
}

static fz_status factor_grams(fz_candidates *c, const double *compressed) {
  ptrdiff_t square = (ptrdiff_t)c->d * c->d, slice = (ptrdiff_t)c->d * c->r;
  double *gram = fz_alloc(c->n * square, sizeof *gram);
  if (!gram) return FZ_ENOMEM;
  for (ptrdiff_t j = 0; j < c->n; j++)
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, c->d, c->d, c->r, 1, compressed + j * slice, c->r,
                compressed + j * slice, c->r, 0, gram + j * square, c->d);
  fz_status st = factor(c->n, (int)square, gram, &c->gram_part, &c->gram, &c->n_grams);
  fz_free(&gram);
  c->largest_gram_part = c->gram_part ? 0 : 1;
  for (ptrdiff_t i = 0; c->gram_part && i < (ptrdiff_t)c->n * c->n_grams; i++)
    c->largest_gram_part = fmax(c->largest_gram_part, fabs(c->gram_part[i]));
  return st;
}

fz_status fz_candidates_init(fz_candidates *c, int n, int p, int d, const double *matrix, double sigma, fz_error *err) {
  *c = (fz_candidates){.n = n, .p = p, .d = d, .stride = (n + 7) / 8 * 8};
  if (n < 1 || p < 1 || d < 1 || !(sigma > 0) || (double)n * d > 1e9)
    return fz_fail(err, FZ_EINVAL, "%d candidates of %d numbers from %d parameters, noise %g", n, p, d, sigma);
  bool zero = true;
  for (ptrdiff_t i = 0; i < (ptrdiff_t)n * d * p; i++) {
    zero = zero && matrix[i] == 0;
    if (!isfinite(matrix[i])) return fz_fail(err, FZ_EINVAL, "a candidate's matrix holds a number that is not finite");
  }
  if (zero) return fz_fail(err, FZ_EINVAL, "no candidate shows anything");
  double *compressed = NULL;
  fz_status st = compress_rows(c, matrix, sigma, &compressed);
  if (st == FZ_OK) st = factor_slices(c, compressed);
  if (st == FZ_OK) st = factor_grams(c, compressed);
  fz_free(&compressed);
  if (st == FZ_OK) return st;
  fz_candidates_clear(c);
  return fz_fail(err, st, "no memory for %d candidates of %d x %d numbers", n, p, d);
}

void fz_candidates_clear(fz_candidates *c) {
  fz_free(&c->rows);
  fz_free(&c->slice_part);
  fz_free(&c->slice);
  fz_free(&c->gram_part);
  fz_free(&c->gram);
}

void fz_candidates_compress(const fz_candidates *c, int count, const double *x, double sigma, double *compressed) {
  if (c->rows)
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, count, c->r, c->p, 1 / sigma, x, c->p, c->rows, c->p, 0,
                compressed, c->r);
  else
    for (ptrdiff_t i = 0; i < (ptrdiff_t)count * c->p; i++) compressed[i] = x[i] / sigma;
}

void fz_candidates_show(const fz_candidates *c, const double *v, double *shown, double *scratch) {
  const int length = c->n_slices * c->r;
  cblas_dgemv(CblasRowMajor, CblasTrans, c->d, length, 1, c->slice, length, v, 1, 0, c->slice_part ? scratch : shown,
              1);
  if (c->slice_part)
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, c->n, c->r, c->n_slices, 1, c->slice_part, c->n_slices,
                scratch, c->r, 0, shown, c->r);
}

void fz_candidates_gather(const fz_candidates *c, int count, const double *weight, const double *x, double *back,
                          double *scratch) {
  double *part = scratch, *sum = scratch + (ptrdiff_t)count * c->n_slices;
  if (c->slice_part)
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, count, c->n_slices, c->n, 1, weight, c->stride,
                c->slice_part, c->n_slices, 0, part, c->n_slices);
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, c->n_slices, c->r, count, 1, c->slice_part ? part : weight,
              c->slice_part ? c->n_slices : c->stride, x, c->r, 0, sum, c->r);
  cblas_dgemv(CblasRowMajor, CblasNoTrans, c->d, c->n_slices * c->r, 1, c->slice, c->n_slices * c->r, sum, 1, 0, back,
              1);
}

void fz_candidates_fold(const fz_candidates *c, const double *mass, double *folded) {
  if (c->gram_part)
    cblas_dgemv(CblasRowMajor, CblasTrans, c->n, c->n_grams, 1, c->gram_part, c->n_grams, mass, 1, 0, folded, 1);
  else
    memcpy(folded, mass, sizeof *mass * (size_t)c->n);
}

void fz_candidates_curvature(const fz_candidates *c, const double *folded, double *a) {
  cblas_dgemv(CblasRowMajor, CblasTrans, c->n_grams, c->d * c->d, 1, c->gram, c->d * c->d, folded, 1, 0, a, 1);
}
