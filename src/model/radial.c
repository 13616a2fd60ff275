#include "model/radial.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

enum { KNOTS_PER_SHELL = 2, ORDER = 4 };
static const double RIDGE = 1e-9; /* of the largest weight: splines that no coefficient meets are zero */

extern void dpbsv_(const char *uplo, const int *n, const int *kd, const int *nrhs, double *ab, const int *ldab,
                   double *b, const int *ldb, int *info, size_t);

fz_status fz_radial_init(fz_radial *r, int reach) {
  ptrdiff_t n = (ptrdiff_t)reach * reach + 1;
  *r = (fz_radial){.reach = reach,
                   .count = fz_alloc(n, sizeof *r->count),
                   .sum = fz_alloc(n, sizeof *r->sum),
                   .average = fz_alloc(n, sizeof *r->average)};
  if (r->count && r->sum && r->average) return FZ_OK;
  fz_radial_clear(r);
  return FZ_ENOMEM;
}

void fz_radial_clear(fz_radial *r) {
  fz_free(&r->count);
  fz_free(&r->sum);
  fz_free(&r->average);
}

/* The four splines that are not zero at |k|; returns the number of the first. */
static int splines_at(double k, double value[ORDER]) {
  double x = k * KNOTS_PER_SHELL, t = x - floor(x), u = 1 - t;
  value[0] = u * u * u / 6;
  value[1] = (3 * t * t * t - 6 * t * t + 4) / 6;
  value[2] = (3 * u * u * u - 6 * u * u + 4) / 6;
  value[3] = t * t * t / 6;
  return (int)floor(x);
}

fz_status fz_radial_fit(fz_radial *r) {
  int n = r->reach * KNOTS_PER_SHELL + ORDER, band = ORDER - 1, rows = ORDER, one = 1, info = 0;
  ptrdiff_t squares = (ptrdiff_t)r->reach * r->reach;
  double *a = fz_alloc((ptrdiff_t)n * rows, sizeof *a), *b = fz_alloc(n, sizeof *b), value[ORDER], largest = 0;
  fz_status st = a && b ? FZ_OK : FZ_ENOMEM;
  if (st != FZ_OK) goto done;
  for (ptrdiff_t q = 0; q <= squares; q++) {
    if (!(r->count[q] > 0)) continue;
    int first = splines_at(sqrt((double)q), value);
    for (int i = 0; i < ORDER; i++) {
      b[first + i] += value[i] * r->sum[q];
      for (int j = i; j < ORDER; j++) a[(ptrdiff_t)(first + i) * rows + j - i] += r->count[q] * value[i] * value[j];
    }
  }
  for (int i = 0; i < n; i++) largest = fmax(largest, a[(ptrdiff_t)i * rows]);
  for (int i = 0; i < n; i++) a[(ptrdiff_t)i * rows] += RIDGE * largest;
  dpbsv_("L", &n, &band, &one, a, &rows, b, &n, &info, 1);
  memset(r->average, 0, sizeof *r->average * (size_t)(squares + 1));
  for (ptrdiff_t q = 0; q <= squares && info == 0; q++) {
    int first = splines_at(sqrt((double)q), value);
    for (int i = 0; i < ORDER; i++) r->average[q] += value[i] * b[first + i];
  }
done:
  fz_free(&a);
  fz_free(&b);
  return st;
}
