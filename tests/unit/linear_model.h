/* A serial objective whose optimum is known: noisy vectors with missing coordinates.
 *  model   complete z_i ~ N(w, I), observed x_ij = z_ij + noise of variance 1/k_ij - 1 (k_ij = 0: coordinate missing),
 *          so x_ij ~ N(w_j, 1/k_ij); prior w ~ N(0, I / RIDGE)
 *  E-step  E[z_ij | x, w] = w_j + k_ij (x_ij - w_j): the moments are its means s_j, linear in the set of images
 *  F       1/N sum_ij k_ij (w_j^2 - 2 x_ij w_j)/2 + RIDGE |w|^2 / 2N, relative to w = 0
 *  EM      w <- s n / (n + RIDGE); optimum w*_j = sum_i k_ij x_ij / (sum_i k_ij + RIDGE);
 *          the error shrinks by exactly rate_j = (1 - mean k_j) N / (N + RIDGE) in each pass
 *  words   [0] images, [1] gain, [2 + j] sums of E[z_j], [2 + DIM + j] of k_ij (w_j - x_ij), the gradient where they
 *          were evaluated; fixed point
 *  scale   linear_init_scaled: all k_ij times scale_j, so that coordinates are ill-conditioned; rate_j is near 1 where
 *          scale_j is small */
#ifndef FZ_TEST_LINEAR_MODEL_H
#define FZ_TEST_LINEAR_MODEL_H
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/fixed.h"
#include "core/random.h"
#include "optim/dense_algebra.h"
#include "optim/objective.h"

enum { LINEAR_DIM = 3, LINEAR_TILES = 40, LINEAR_WORDS = 2 + 2 * LINEAR_DIM, LINEAR_MOST = LINEAR_TILES * 12 };
static const double linear_ridge = 2;

typedef struct linear_model {
  fz_objective f;
  int64_t first[LINEAR_TILES + 1]; /* images of each tile: 8 to 12 */
  double x[LINEAR_MOST][LINEAR_DIM], k[LINEAR_MOST][LINEAR_DIM];
  double optimum[LINEAR_DIM], rate[LINEAR_DIM];
  double noise[LINEAR_DIM]; /* variance over images of k (x - w*): of a batch of b images' mean step, noise / b */
  double bound;             /* of |E[z]|: beyond it evaluate says FZ_EDIVERGED */
  int64_t seen[LINEAR_TILES];
  int64_t calls, stop_at;             /* evaluate fails with FZ_ESTOPPED when calls reaches stop_at (-1: never) */
  int64_t last[LINEAR_TILES], last_n; /* tiles of the last evaluation */
} linear_model;

static inline double linear_word_scale(const linear_model *m) {
  return fz_fixed_scale(m->bound, m->f.n_images);
}
static inline double linear_slope_scale(const linear_model *m) {
  return fz_fixed_scale(2 * m->bound, m->f.n_images);
}
static inline double linear_gain_scale(const linear_model *m) {
  return fz_fixed_scale(2 * LINEAR_DIM * m->bound * m->bound, m->f.n_images);
}

static inline bool linear_add_image(const linear_model *m, int64_t i, const double *w, int64_t *words) {
  double gain = 0, mean[LINEAR_DIM], slope[LINEAR_DIM];
  for (int j = 0; j < LINEAR_DIM; j++) {
    slope[j] = m->k[i][j] * (w[j] - m->x[i][j]);
    mean[j] = w[j] - slope[j];
    gain += m->k[i][j] * (m->x[i][j] * w[j] - w[j] * w[j] / 2);
    if (!(fabs(mean[j]) < m->bound && fabs(w[j]) < m->bound)) return false;
  }
  words[0]++;
  return fz_fixed_add_f64(words + 1, &gain, 1, linear_gain_scale(m)) &&
         fz_fixed_add_f64(words + 2, mean, LINEAR_DIM, linear_word_scale(m)) &&
         fz_fixed_add_f64(words + 2 + LINEAR_DIM, slope, LINEAR_DIM, linear_slope_scale(m));
}

static inline fz_status linear_evaluate(void *self, const double *w, const int64_t *tile, int64_t n_tiles,
                                        int64_t *words, fz_error *err) {
  linear_model *m = self;
  memset(words, 0, LINEAR_WORDS * sizeof *words);
  if (m->calls++ == m->stop_at) {
    memset(words, 0x5a, LINEAR_WORDS * sizeof *words); /* what an interrupted sum leaves is not to be used */
    return fz_fail(err, FZ_ESTOPPED, "stopped");
  }
  m->last_n = n_tiles;
  for (int64_t t = 0; t < n_tiles; t++) {
    m->seen[tile[t]]++;
    m->last[t] = tile[t];
    for (int64_t i = m->first[tile[t]]; i < m->first[tile[t] + 1]; i++)
      if (!linear_add_image(m, i, w, words)) return fz_fail(err, FZ_EDIVERGED, "a sum left its bounds");
  }
  return FZ_OK;
}

static inline int64_t linear_images(const void *self, const int64_t *words) {
  (void)self;
  return words[0];
}

static inline double linear_gain(const void *self, const int64_t *words) {
  return fz_fixed_to_double(words[1], linear_gain_scale(self));
}

static inline void linear_moments(const void *self, const int64_t *words, double *mean) {
  fz_fixed_to_f64(mean, words + 2, LINEAR_DIM, linear_word_scale(self));
  for (int j = 0; j < LINEAR_DIM; j++) mean[j] /= (double)words[0];
}

static inline fz_status linear_maximize(void *self, const double *moments, double images, int iterations, double *w,
                                        fz_error *err) {
  (void)self;
  (void)iterations;
  (void)err;
  for (int j = 0; j < LINEAR_DIM; j++) w[j] = moments[j] * (images / (images + linear_ridge));
  return FZ_OK;
}

static inline fz_status linear_gradient(void *self, const int64_t *words, const double *w, double *g, fz_error *err) {
  const linear_model *m = self;
  (void)err;
  fz_fixed_to_f64(g, words + 2 + LINEAR_DIM, LINEAR_DIM, linear_slope_scale(m));
  for (int j = 0; j < LINEAR_DIM; j++) g[j] = g[j] / (double)words[0] + linear_ridge / (double)m->f.n_images * w[j];
  return FZ_OK;
}

static inline fz_status linear_precondition(void *self, const double *moments, int iterations, const double *g,
                                            double *step, fz_error *err) {
  const linear_model *m = self;
  (void)moments;
  (void)iterations;
  (void)err;
  for (int j = 0; j < LINEAR_DIM; j++) step[j] = g[j] / (1 + linear_ridge / (double)m->f.n_images);
  return FZ_OK;
}

/* Q is that of complete data: curvature 1 + RIDGE / N. */
static inline fz_status linear_curvature(void *self, const double *moments, const double *w, const double *v,
                                         double *out, fz_error *err) {
  const linear_model *m = self;
  (void)moments;
  (void)w;
  (void)err;
  for (int j = 0; j < LINEAR_DIM; j++) out[j] = v[j] * (1 + linear_ridge / (double)m->f.n_images);
  return FZ_OK;
}

static inline fz_status linear_hessian(void *self, const double *w, const int64_t *tile, int64_t n_tiles,
                                       const double *v, double *out, fz_error *err) {
  linear_model *m = self;
  double k[LINEAR_DIM] = {0}, n = 0;
  (void)w;
  if (m->calls++ == m->stop_at) return fz_fail(err, FZ_ESTOPPED, "stopped");
  for (int64_t t = 0; t < n_tiles; t++)
    for (int64_t i = m->first[tile[t]]; i < m->first[tile[t] + 1]; i++, n++)
      for (int j = 0; j < LINEAR_DIM; j++) k[j] += m->k[i][j];
  for (int j = 0; j < LINEAR_DIM; j++) out[j] = v[j] * (k[j] / n + linear_ridge / (double)m->f.n_images);
  return FZ_OK;
}

static inline double linear_prior(const void *self, const double *w) {
  const linear_model *m = self;
  double sum = 0;
  for (int j = 0; j < LINEAR_DIM; j++) sum += w[j] * w[j];
  return linear_ridge * sum / 2 / (double)m->f.n_images;
}

static inline void linear_share(const void *self, ptrdiff_t *first, ptrdiff_t *count) {
  (void)self;
  *first = 0;
  *count = LINEAR_WORDS;
}

static inline fz_status linear_collect(void *self, const int64_t *share, int64_t *words, fz_error *err) {
  (void)self;
  (void)err;
  memcpy(words, share, LINEAR_WORDS * sizeof *words);
  return FZ_OK;
}

/* F from its definition, in plain doubles. */
static inline double linear_value(const linear_model *m, const double *w) {
  double sum = 0;
  for (int64_t i = 0; i < m->f.n_images; i++)
    for (int j = 0; j < LINEAR_DIM; j++) sum += m->k[i][j] * (w[j] * w[j] / 2 - m->x[i][j] * w[j]);
  return sum / (double)m->f.n_images + linear_prior(m, w);
}

static inline void linear_solve(linear_model *m) {
  const double n = (double)m->f.n_images;
  for (int j = 0; j < LINEAR_DIM; j++) {
    double k = 0, kx = 0, square = 0;
    for (int64_t i = 0; i < m->f.n_images; i++) {
      k += m->k[i][j];
      kx += m->k[i][j] * m->x[i][j];
    }
    m->optimum[j] = kx / (k + linear_ridge);
    m->rate[j] = (1 - k / n) * n / (n + linear_ridge);
    for (int64_t i = 0; i < m->f.n_images; i++) square += pow(m->k[i][j] * (m->x[i][j] - m->optimum[j]), 2);
    m->noise[j] = square / n;
  }
}

static inline void linear_init_scaled(linear_model *m, double bound, const double *scale) {
  static const double truth[LINEAR_DIM] = {1.5, -2, 0.25}, weight[5] = {0, 0.4, 0.4, 0.8, 0.8};
  *m = (linear_model){.bound = bound, .stop_at = -1};
  for (int t = 0; t < LINEAR_TILES; t++) m->first[t + 1] = m->first[t] + 8 + t % 5;
  m->f = (fz_objective){.self = m,
                        .dim = LINEAR_DIM,
                        .n_words = LINEAR_WORDS,
                        .n_moments = LINEAR_DIM,
                        .n_tiles = LINEAR_TILES,
                        .n_images = m->first[LINEAR_TILES],
                        .evaluate = linear_evaluate,
                        .images = linear_images,
                        .gain = linear_gain,
                        .moments = linear_moments,
                        .maximize = linear_maximize,
                        .gradient = linear_gradient,
                        .precondition = linear_precondition,
                        .curvature = linear_curvature,
                        .hessian = linear_hessian,
                        .hessian_cost = 1,
                        .prior = linear_prior,
                        .share = linear_share,
                        .collect = linear_collect,
                        .algebra = fz_dense_algebra()};
  for (int64_t i = 0; i < m->f.n_images; i++) {
    fz_random r = fz_random_stream(11, FZ_PURPOSE_TEST, 0, (uint64_t)i);
    for (int j = 0; j < LINEAR_DIM; j++) {
      double k = m->k[i][j] = scale[j] * weight[fz_random_below(&r, 5)], deviate = fz_random_normal(&r);
      m->x[i][j] = k > 0 ? truth[j] + deviate / sqrt(k) : 0;
    }
  }
  linear_solve(m);
}

static inline void linear_init(linear_model *m, double bound) {
  linear_init_scaled(m, bound, (const double[LINEAR_DIM]){1, 1, 1});
}

#endif
