/* Pairs for quasi-Newton matrices, and the matrix itself written out: n x n numbers, one rank-one update at a time. */
#ifndef FZ_TESTS_QUASI_NEWTON_PAIRS_H
#define FZ_TESTS_QUASI_NEWTON_PAIRS_H
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/random.h"
#include "core/status.h"

enum { PAIRS_N = 20, PAIRS_MOST = 8 };

typedef struct quasi_newton_pairs {
  double s[PAIRS_MOST][PAIRS_N], y[PAIRS_MOST][PAIRS_N];
  const double *s_at[PAIRS_MOST], *y_at[PAIRS_MOST];
} quasi_newton_pairs;

/** y = D s, D the diagonal 1 .. 10 (turned: with some entries of the other sign), so that y.s is well away from 0. */
static inline void pairs_init(quasi_newton_pairs *p, bool turned) {
  fz_random random = fz_random_stream(12, FZ_PURPOSE_TEST, turned, 0);
  for (int k = 0; k < PAIRS_MOST; k++) {
    p->s_at[k] = p->s[k];
    p->y_at[k] = p->y[k];
    for (int i = 0; i < PAIRS_N; i++) {
      double d = 1 + 9.0 * i / (PAIRS_N - 1);
      p->s[k][i] = fz_random_normal(&random);
      p->y[k][i] = (turned && k % 2 ? -d : d) * p->s[k][i];
    }
  }
}

static inline double pairs_dot(const double *x, const double *y) {
  double sum = 0;
  for (int i = 0; i < PAIRS_N; i++) sum += x[i] * y[i];
  return sum;
}

static inline double pairs_distance(const double *x, const double *y) {
  double sum = 0;
  for (int i = 0; i < PAIRS_N; i++) sum += (x[i] - y[i]) * (x[i] - y[i]);
  return sqrt(sum);
}

/** A symmetric positive definite start, values 0.5 to 2: 0.5 I + 1.5 q q' with |q| = 1. */
static inline fz_status pairs_initial(void *context, const double *x, double *y, fz_error *err) {
  (void)err;
  int *calls = context;
  double along = 0;
  if (calls) ++*calls;
  for (int i = 0; i < PAIRS_N; i++) along += x[i] / sqrt(PAIRS_N);
  for (int i = 0; i < PAIRS_N; i++) y[i] = 0.5 * x[i] + 1.5 * along / sqrt(PAIRS_N);
  return FZ_OK;
}

/** out = H g by the definition: H <- (I - s y'/y's) H (I - y s'/y's) + s s'/y's, with or without the start above. */
static inline void pairs_by_definition(const quasi_newton_pairs *p, int n_pairs, bool initial, const double *g,
                                       double *out) {
  static double h[PAIRS_N][PAIRS_N], left[PAIRS_N][PAIRS_N];
  for (int i = 0; i < PAIRS_N; i++) {
    double unit[PAIRS_N] = {0};
    unit[i] = 1;
    memcpy(h[i], unit, sizeof unit);
    if (initial) pairs_initial(NULL, unit, h[i], NULL);
  }
  for (int k = 0; k < n_pairs; k++) {
    const double *s = p->s[k], *y = p->y[k];
    double ys = pairs_dot(y, s);
    for (int j = 0; j < PAIRS_N; j++) {
      double column = 0; /* (y' H)_j */
      for (int i = 0; i < PAIRS_N; i++) column += y[i] * h[i][j];
      for (int i = 0; i < PAIRS_N; i++) left[i][j] = h[i][j] - s[i] * column / ys;
    }
    for (int i = 0; i < PAIRS_N; i++) {
      double row = pairs_dot(left[i], y); /* (.. H y)_i */
      for (int j = 0; j < PAIRS_N; j++) h[i][j] = left[i][j] - row * s[j] / ys + s[i] * s[j] / ys;
    }
  }
  for (int i = 0; i < PAIRS_N; i++) out[i] = pairs_dot(h[i], g);
}

#endif
