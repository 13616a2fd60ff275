#include "estep/outliers.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "model/preprocess.h"

enum { LEAST_IMAGES = 8 };
static const double QUIET = 0.1;
static const double NORMAL = 1.4826, WIDTHS = 10, LEAST_FACTOR = 4;

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Of n >= 1 numbers, which are sorted. */
static double median(double *x, int64_t n) {
  qsort(x, (size_t)n, sizeof *x, compare);
  return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

typedef struct spread {
  double middle, width;
} spread;

/* x [n] is overwritten */
static spread spread_of(double *x, int64_t n) {
  spread s = {.middle = median(x, n)};
  for (int64_t i = 0; i < n; i++) x[i] = fabs(x[i] - s.middle);
  s.width = NORMAL * median(x, n);
  return s;
}

static void mark_group(const fz_particles *table, int group, const fz_image_moments *moments, double *mean,
                       double *deviation, uint8_t *fault) {
  int64_t n = 0;
  for (int64_t i = 0; i < table->n; i++) {
    if (fault[i] || table->particle[i].optics != group) continue;
    mean[n] = (double)moments[i].mean;
    deviation[n++] = log((double)moments[i].deviation);
  }
  if (n < LEAST_IMAGES) return;
  spread means = spread_of(mean, n), deviations = spread_of(deviation, n);
  double far = fmax(LEAST_FACTOR * exp(deviations.middle), WIDTHS * means.width);
  double factor = fmax(log(LEAST_FACTOR), WIDTHS * deviations.width);
  for (int64_t i = 0; i < table->n; i++) {
    if (fault[i] || table->particle[i].optics != group) continue;
    double off = fabs((double)moments[i].mean - means.middle);
    double ratio = fabs(log((double)moments[i].deviation) - deviations.middle);
    if (!(off <= far) || !(ratio <= factor)) fault[i] = FZ_IMAGE_WRONG_SCALE;
  }
}

fz_status fz_outliers_least_deviation(int64_t n, const fz_image_moments *moments, const uint8_t *fault, double *least,
                                      fz_error *err) {
  double *ratio = fz_alloc((ptrdiff_t)n, sizeof *ratio), *deviation = fz_alloc((ptrdiff_t)n, sizeof *deviation);
  fz_status st = ratio && deviation ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory to compare images");
  int64_t good = 0;
  for (int64_t i = 0; st == FZ_OK && i < n; i++) {
    if (fault[i]) continue;
    deviation[good] = (double)moments[i].deviation;
    ratio[good++] = (double)moments[i].background / fmax((double)moments[i].deviation, 1e-30);
  }
  *least = st == FZ_OK && good > 0 && median(ratio, good) < QUIET ? QUIET * median(deviation, good) : 0;
  fz_free(&ratio);
  fz_free(&deviation);
  return st;
}

fz_status fz_outliers_mark(const fz_particles *table, const fz_image_moments *moments, uint8_t *fault, fz_error *err) {
  double *mean = fz_alloc((ptrdiff_t)table->n, sizeof *mean);
  double *deviation = fz_alloc((ptrdiff_t)table->n, sizeof *deviation);
  fz_status st = mean && deviation ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory to compare images");
  for (int g = 0; st == FZ_OK && g < table->n_optics; g++) mark_group(table, g, moments, mean, deviation, fault);
  fz_free(&mean);
  fz_free(&deviation);
  return st;
}
