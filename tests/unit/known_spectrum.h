/* A symmetric matrix whose eigenpairs are known: Q diag(value) Q' with Q the product of two reflections.  A linear map,
 * no n x n numbers; it can fail, or give a NaN, when asked for a product that was chosen before. */
#ifndef FZ_TESTS_KNOWN_SPECTRUM_H
#define FZ_TESTS_KNOWN_SPECTRUM_H
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/random.h"
#include "core/status.h"

enum { SPECTRUM_MOST = 400 };

typedef struct known_spectrum {
  int n;
  double value[SPECTRUM_MOST];
  double u[SPECTRUM_MOST], v[SPECTRUM_MOST]; /* reflections I - 2 u u', I - 2 v v' */
  int calls, fail_at, spoil_at;              /* products so far; which of them fails or is spoilt, -1: none */
} known_spectrum;

static inline void spectrum_unit(fz_random *random, int n, double *u) {
  double size = 0;
  for (int i = 0; i < n; i++) {
    u[i] = fz_random_normal(random);
    size += u[i] * u[i];
  }
  for (int i = 0; i < n; i++) u[i] /= sqrt(size);
}

/** value [n], copied. */
static inline void spectrum_init(known_spectrum *s, int n, const double *value) {
  fz_random random = fz_random_stream(11, FZ_PURPOSE_TEST, (uint64_t)n, 0);
  s->n = n;
  memcpy(s->value, value, sizeof *value * (size_t)n);
  spectrum_unit(&random, n, s->u);
  spectrum_unit(&random, n, s->v);
  s->calls = 0;
  s->fail_at = s->spoil_at = -1;
}

static inline void spectrum_reflect(int n, const double *u, double *x) {
  double along = 0;
  for (int i = 0; i < n; i++) along += u[i] * x[i];
  for (int i = 0; i < n; i++) x[i] -= 2 * along * u[i];
}

static inline fz_status spectrum_apply(void *context, const double *x, double *y, fz_error *err) {
  known_spectrum *s = context;
  int call = s->calls++;
  if (call == s->fail_at) return fz_fail(err, FZ_ESTOPPED, "product %d was stopped", call);
  memcpy(y, x, sizeof *x * (size_t)s->n);
  spectrum_reflect(s->n, s->u, y);
  spectrum_reflect(s->n, s->v, y);
  for (int i = 0; i < s->n; i++) y[i] *= s->value[i];
  spectrum_reflect(s->n, s->v, y);
  spectrum_reflect(s->n, s->u, y);
  if (call == s->spoil_at) y[s->n / 2] = NAN;
  return FZ_OK;
}

/** The unit vector of value [i]. */
static inline void spectrum_vector(const known_spectrum *s, int i, double *x) {
  memset(x, 0, sizeof *x * (size_t)s->n);
  x[i] = 1;
  spectrum_reflect(s->n, s->v, x);
  spectrum_reflect(s->n, s->u, x);
}

static inline double spectrum_norm(const known_spectrum *s) {
  double most = 0;
  for (int i = 0; i < s->n; i++) most = fmax(most, fabs(s->value[i]));
  return most;
}

/** The largest of |A v - l v| over the r pairs and of |V V' - I|, the former in units of |A|. vector [r][n] */
static inline double spectrum_error(const known_spectrum *s, int r, const double *value, const double *vector) {
  known_spectrum copy = *s;
  double image[SPECTRUM_MOST], error = 0;
  copy.fail_at = copy.spoil_at = -1;
  for (int k = 0; k < r; k++) {
    const double *v = vector + (ptrdiff_t)k * s->n;
    double sum = 0;
    spectrum_apply(&copy, v, image, NULL);
    for (int i = 0; i < s->n; i++) sum += pow(image[i] - value[k] * v[i], 2);
    error = fmax(error, sqrt(sum) / spectrum_norm(s));
    for (int l = 0; l <= k; l++) {
      double product = -(k == l);
      for (int i = 0; i < s->n; i++) product += v[i] * vector[(ptrdiff_t)l * s->n + i];
      error = fmax(error, fabs(product));
    }
  }
  return error;
}

/** Part of x, of norm 1, outside the span of the unit vectors of value [first], .. value [last]. */
static inline double spectrum_outside(const known_spectrum *s, int first, int last, const double *x) {
  double v[SPECTRUM_MOST], rest[SPECTRUM_MOST], sum = 0;
  memcpy(rest, x, sizeof *x * (size_t)s->n);
  for (int i = first; i <= last; i++) {
    double along = 0;
    spectrum_vector(s, i, v);
    for (int j = 0; j < s->n; j++) along += v[j] * x[j];
    for (int j = 0; j < s->n; j++) rest[j] -= along * v[j];
  }
  for (int j = 0; j < s->n; j++) sum += rest[j] * rest[j];
  return sqrt(sum);
}

#endif
