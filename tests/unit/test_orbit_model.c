/* The finite latent linear-Gaussian model against its definition, and its derivatives against differences: on windowed
 * alignment, where nothing can be compressed, and on candidates that span little, where everything is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/fixed_pair.h"
#include "core/memory.h"
#include "core/random.h"
#include "orbit/candidates.h"
#include "orbit/mra.h"
#include "orbit/posterior.h"

/* A problem and all that is needed to compute its F from the definition. */
typedef struct problem {
  int q, p, d, n;
  bool estimate;
  double sigma, ridge;
  double *matrix, *x, *prior; /* [q][d][p], [n][p], [q] */
  fz_orbit_model *model;
  const fz_objective *f;
  int64_t *tile, *words;
  double *w;
} problem;

static void open_model(problem *t, int tile, int threads) {
  fz_error err = {0};
  fz_orbit_spec spec = {t->q,     t->p,     t->d,        t->matrix, t->n, t->x,
                        t->sigma, t->prior, t->estimate, t->ridge,  tile, threads};
  if (fz_orbit_model_create(&spec, &t->model, &err) != FZ_OK) fail_msg("%s", err.text);
  t->f = fz_orbit_model_view(t->model, NULL);
  t->tile = fz_alloc(t->f->n_tiles, sizeof *t->tile);
  t->words = fz_alloc(t->f->n_words, sizeof *t->words);
  t->w = fz_alloc(t->f->dim, sizeof *t->w);
  for (int64_t i = 0; i < t->f->n_tiles; i++) t->tile[i] = i;
  fz_random r = fz_random_stream(3, FZ_PURPOSE_TEST, 1, 0);
  for (ptrdiff_t i = 0; i < t->f->dim; i++) t->w[i] = (i < t->d ? 0.3 : 1) * fz_random_normal(&r);
}

static void allocate(problem *t) {
  t->matrix = fz_alloc((ptrdiff_t)t->q * t->d * t->p, sizeof(double));
  t->x = fz_alloc((ptrdiff_t)t->n * t->p, sizeof(double));
  t->prior = fz_alloc(t->q, sizeof(double));
}

/* Windowed alignment with the thesis' signal. */
static problem alignment(bool estimate, double ridge, int n, int tile, int threads) {
  double signal[16], density[16];
  fz_mra_spec mra = fz_mra_thesis(signal, density, 4);
  mra.n = n;
  problem t = {.q = 16, .p = 12, .d = 16, .n = n, .estimate = estimate, .sigma = mra.sigma, .ridge = ridge};
  allocate(&t);
  fz_mra_matrix(16, 12, t.matrix);
  fz_mra_simulate(&mra, t.x, NULL);
  memcpy(t.prior, density, sizeof density);
  open_model(&t, tile, threads);
  return t;
}

/* Candidates M_j = U (cos(j) B_0 + sin(j) B_1 + B_2): 30 of 20 x 5 numbers, but rank 6 in rows, 3 in slices and 5 in
 * grams (1, cos, sin, cos 2, sin 2; the products of B are generic). */
enum { ROWS = 6, SLICES = 3, GRAMS = 5 };
static problem compressible(bool estimate, int tile, int threads) {
  problem t = {.q = 30, .p = 20, .d = 5, .n = 61, .estimate = estimate, .sigma = 0.5, .ridge = 3};
  double u[20][ROWS], b[SLICES][5][ROWS];
  fz_random r = fz_random_stream(5, FZ_PURPOSE_TEST, 0, 0);
  for (int i = 0; i < 20; i++)
    for (int j = 0; j < ROWS; j++) u[i][j] = fz_random_normal(&r) / 3;
  for (int k = 0; k < SLICES; k++)
    for (int a = 0; a < 5; a++)
      for (int j = 0; j < ROWS; j++) b[k][a][j] = fz_random_normal(&r) / 3;
  allocate(&t);
  for (int q = 0; q < t.q; q++) {
    t.prior[q] = (q + 1) / 465.0;
    for (int a = 0; a < t.d; a++)
      for (int i = 0; i < t.p; i++)
        for (int j = 0; j < ROWS; j++)
          t.matrix[(q * t.d + a) * t.p + i] += u[i][j] * (cos(q) * b[0][a][j] + sin(q) * b[1][a][j] + b[2][a][j]);
  }
  for (int i = 0; i < t.n; i++)
    for (int k = 0; k < t.p; k++) {
      t.x[i * t.p + k] = t.sigma * fz_random_normal(&r);
      for (int a = 0; a < t.d; a++) t.x[i * t.p + k] += t.matrix[(i % t.q * t.d + a) * t.p + k] * (a - 2);
    }
  open_model(&t, tile, threads);
  return t;
}

static void close_problem(problem *t) {
  fz_free(&t->matrix);
  fz_free(&t->x);
  fz_free(&t->prior);
  fz_free(&t->tile);
  fz_free(&t->words);
  fz_free(&t->w);
  fz_orbit_model_destroy(&t->model);
}

static void drop(problem *t) {
  close_problem(t);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void evaluate(problem *t, const double *w) {
  fz_error err = {0};
  if (t->f->evaluate(t->f->self, w, t->tile, t->f->n_tiles, t->words, &err) != FZ_OK) fail_msg("%s", err.text);
  assert_int_equal(t->f->images(t->f->self, t->words), t->n);
}

static double value(problem *t, const double *w) {
  evaluate(t, w);
  return -t->f->gain(t->f->self, t->words) / t->n + t->f->prior(t->f->self, w);
}

/* ---- the definition, in long doubles ---- */

static void log_prior_of(const problem *t, const double *w, long double *log_prior) {
  long double sum = 0;
  for (int j = 0; j < t->q; j++) sum += log_prior[j] = t->estimate ? expl(w[t->d + j]) : t->prior[j];
  for (int j = 0; j < t->q; j++) log_prior[j] = logl(log_prior[j] / sum);
}

/* Weights gamma [q] of image i, and its gain. */
static long double brute_posterior(const problem *t, const double *w, int i, long double *gamma) {
  long double most = -HUGE_VALL, sum = 0;
  log_prior_of(t, w, gamma);
  for (int j = 0; j < t->q; j++) {
    for (int k = 0; k < t->p; k++) {
      long double m = 0;
      for (int a = 0; a < t->d; a++) m += (long double)t->matrix[(j * t->d + a) * t->p + k] * w[a];
      gamma[j] += (t->x[i * t->p + k] * m - m * m / 2) / ((long double)t->sigma * t->sigma);
    }
    most = gamma[j] > most ? gamma[j] : most;
  }
  for (int j = 0; j < t->q; j++) sum += gamma[j] = expl(gamma[j] - most);
  for (int j = 0; j < t->q; j++) gamma[j] /= sum;
  return most + logl(sum);
}

static long double brute_value(const problem *t, const double *w) {
  long double sum = 0, square = 0, gamma[64];
  for (int i = 0; i < t->n; i++) sum += brute_posterior(t, w, i, gamma);
  for (int a = 0; a < t->d; a++) square += (long double)w[a] * w[a];
  return -sum / t->n + t->ridge * square / 2 / t->n;
}

/* The thesis' formulas: v = (sum gamma M'M / sigma^2 + ridge)^-1 (sum gamma M'x / sigma^2), rho~ = log shares; by
 * elimination with pivots. */
static void brute_em(const problem *t, const double *w, double *next) {
  long double a[16][17] = {{0}}, share[64] = {0}, gamma[64];
  for (int i = 0; i < t->n; i++) {
    brute_posterior(t, w, i, gamma);
    for (int j = 0; j < t->q; j++) {
      share[j] += gamma[j] / t->n;
      const double *m = t->matrix + (ptrdiff_t)j * t->d * t->p;
      for (int r = 0; r < t->d; r++)
        for (int k = 0; k < t->p; k++) {
          a[r][t->d] += gamma[j] * m[r * t->p + k] * t->x[i * t->p + k];
          for (int c = 0; c < t->d; c++) a[r][c] += gamma[j] * m[r * t->p + k] * m[c * t->p + k];
        }
    }
  }
  for (int r = 0; r < t->d; r++) a[r][r] += t->ridge * t->sigma * t->sigma;
  for (int c = 0; c < t->d; c++)
    for (int r = 0; r < t->d; r++)
      if (r != c) {
        long double factor = a[r][c] / a[c][c];
        for (int k = c; k <= t->d; k++) a[r][k] -= factor * a[c][k];
      }
  for (int r = 0; r < t->d; r++) next[r] = (double)(a[r][t->d] / a[r][r]);
  for (int j = 0; t->estimate && j < t->q; j++) next[t->d + j] = (double)logl(share[j]);
}

/* ---- tests ---- */

typedef void (*check)(problem *t);

/* Every check on both kinds of problem, with the density known and estimated, tiles that do not divide the images. */
static void on_all(check c) {
  for (int estimate = 0; estimate < 2; estimate++) {
    problem a = alignment(estimate, 0.5, 205, 20, 1), b = compressible(estimate, 7, 1);
    c(&a);
    c(&b);
    close_problem(&a);
    close_problem(&b);
    assert_int_equal(fz_memory_blocks(), 0);
  }
}

/* Scores are some 30 in size and made of sums of 20 products, whose roundings are common to all images when they are
 * those of M_j v: 30 * 20 * 2^-53 = 6e-14 at most, and far less at random. */
static void check_value(problem *t) {
  assert_true(fabsl(value(t, t->w) - brute_value(t, t->w)) < 1e-14L);
  double slack = fabs((double)brute_value(t, t->w));
  assert_true(slack > 0.1 && slack < 100);
}

/* b and A are sums of 200 terms, A's condition is below 100; the density's logarithm keeps the share's relative error.
 */
static void check_em(problem *t) {
  double next[128], want[128];
  fz_error err = {0};
  double *moments = fz_alloc(t->f->n_moments, sizeof *moments);
  evaluate(t, t->w);
  t->f->moments(t->f->self, t->words, moments);
  memcpy(next, t->w, sizeof *next * (size_t)t->f->dim);
  assert_int_equal(t->f->maximize(t->f->self, moments, t->n, 1, next, &err), FZ_OK);
  brute_em(t, t->w, want);
  for (ptrdiff_t i = 0; i < t->f->dim; i++) assert_true(fabs(next[i] - want[i]) < 1e-11);
  fz_free(&moments);
}

static void check_em_descends(problem *t) {
  fz_error err = {0};
  double *moments = fz_alloc(t->f->n_moments, sizeof *moments), before = value(t, t->w), first = before, now = before;
  for (int pass = 0; pass < 60; pass++) {
    t->f->moments(t->f->self, t->words, moments);
    assert_int_equal(t->f->maximize(t->f->self, moments, t->n, 1, t->w, &err), FZ_OK);
    now = value(t, t->w);
    assert_true(now <= before + 4e-15 * fabs(before));
    before = now;
  }
  assert_true(now < first - 0.1);
  fz_free(&moments);
}

static void direction(const problem *t, uint64_t item, double *u) {
  fz_random r = fz_random_stream(6, FZ_PURPOSE_TEST, 0, item);
  for (ptrdiff_t i = 0; i < t->f->dim; i++) u[i] = fz_random_normal(&r);
}

static double dot(ptrdiff_t n, const double *x, const double *y) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

static void gradient_at(problem *t, const double *w, double *g) {
  fz_error err = {0};
  evaluate(t, w);
  assert_int_equal(t->f->gradient(t->f->self, t->words, w, g, &err), FZ_OK);
}

static void moved(const problem *t, double step, const double *u, double *w) {
  for (ptrdiff_t i = 0; i < t->f->dim; i++) w[i] = t->w[i] + step * u[i];
}

/* Fourth-order differences at step h: error h^4 times fifth derivatives, and 1e-14 / h. */
static void check_gradient(problem *t) {
  double g[128], u[128], w[128], f[4];
  const double h = 2e-4, at[] = {-2, -1, 1, 2};
  gradient_at(t, t->w, g);
  for (int k = 0; k < 5; k++) {
    direction(t, (uint64_t)k, u);
    for (int i = 0; i < 4; i++) {
      moved(t, h * at[i], u, w);
      f[i] = value(t, w);
    }
    double slope = (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * h);
    assert_true(fabs(slope - dot(t->f->dim, g, u)) < 1e-8 * (1 + fabs(slope)));
  }
}

static void check_hessian(problem *t) {
  double g[4][128], u[128], w[128], out[128];
  const double h = 2e-4, at[] = {-2, -1, 1, 2};
  fz_error err = {0};
  for (int k = 0; k < 5; k++) {
    direction(t, (uint64_t)k, u);
    for (int i = 0; i < 4; i++) {
      moved(t, h * at[i], u, w);
      gradient_at(t, w, g[i]);
    }
    assert_int_equal(t->f->hessian(t->f->self, t->w, t->tile, t->f->n_tiles, u, out, &err), FZ_OK);
    double scale = sqrt(dot(t->f->dim, out, out));
    for (ptrdiff_t i = 0; i < t->f->dim; i++)
      assert_true(fabs((8 * (g[2][i] - g[1][i]) - (g[3][i] - g[0][i])) / (12 * h) - out[i]) < 1e-7 * scale);
  }
}

/* -dQ/dw at moments s is [A(s) v - b(s) + ridge v/N, rho - shares(s)]: its difference along u is the curvature's. */
static void check_curvature(problem *t) {
  double u[128], w[128], out[128], g[2][128];
  const double h = 1e-5;
  fz_error err = {0};
  double *moments = fz_alloc(t->f->n_moments, sizeof *moments);
  evaluate(t, t->w);
  t->f->moments(t->f->self, t->words, moments);
  direction(t, 1, u);
  /* Fisher: `gradient` of these words at another w is that of Q at these moments */
  for (int side = 0; side < 2; side++) {
    moved(t, side ? h : -h, u, w);
    assert_int_equal(t->f->gradient(t->f->self, t->words, w, g[side], &err), FZ_OK);
  }
  assert_int_equal(t->f->curvature(t->f->self, moments, t->w, u, out, &err), FZ_OK);
  double scale = sqrt(dot(t->f->dim, out, out));
  for (ptrdiff_t i = 0; i < t->f->dim; i++) assert_true(fabs((g[1][i] - g[0][i]) / (2 * h) - out[i]) < 1e-8 * scale);
  fz_free(&moments);
}

/* Curvature less Hessian is a covariance; both are symmetric. */
static void check_curvature_bounds_hessian(problem *t) {
  double u[128], v[128], c[128], hu[128], hv[128];
  fz_error err = {0};
  double *moments = fz_alloc(t->f->n_moments, sizeof *moments), smallest = HUGE_VAL;
  evaluate(t, t->w);
  t->f->moments(t->f->self, t->words, moments);
  for (int k = 0; k < 40; k++) {
    direction(t, (uint64_t)k, u);
    direction(t, (uint64_t)k + 100, v);
    assert_int_equal(t->f->curvature(t->f->self, moments, t->w, u, c, &err), FZ_OK);
    assert_int_equal(t->f->hessian(t->f->self, t->w, t->tile, t->f->n_tiles, u, hu, &err), FZ_OK);
    assert_int_equal(t->f->hessian(t->f->self, t->w, t->tile, t->f->n_tiles, v, hv, &err), FZ_OK);
    double size = dot(t->f->dim, c, u), left = size - dot(t->f->dim, hu, u);
    smallest = fmin(smallest, left / size);
    assert_true(fabs(dot(t->f->dim, hu, v) - dot(t->f->dim, hv, u)) < 1e-12 * size);
  }
  assert_true(smallest > 0);
  fz_free(&moments);
}

/* precondition is the inverse of curvature at the M-step's density, on gradients, which sum to zero over rho~. */
static void check_precondition(problem *t) {
  double g[128], step[128], back[128], w[128];
  fz_error err = {0};
  double *moments = fz_alloc(t->f->n_moments, sizeof *moments), sum = 0;
  gradient_at(t, t->w, g);
  t->f->moments(t->f->self, t->words, moments);
  memcpy(w, t->w, sizeof *w * (size_t)t->f->dim);
  assert_int_equal(t->f->maximize(t->f->self, moments, t->n, 1, w, &err), FZ_OK);
  assert_int_equal(t->f->precondition(t->f->self, moments, 1, g, step, &err), FZ_OK);
  assert_int_equal(t->f->curvature(t->f->self, moments, w, step, back, &err), FZ_OK);
  bool floored = false;
  for (int j = 0; t->estimate && j < t->q; j++) floored = floored || moments[t->d + j] < 1.0 / t->n;
  for (ptrdiff_t i = 0; i < (floored ? t->d : t->f->dim); i++) assert_true(fabs(back[i] - g[i]) < 1e-11);
  for (int j = 0; t->estimate && j < t->q; j++) sum += g[t->d + j];
  assert_true(fabs(sum) < 1e-14);
  fz_free(&moments);
}

/* The words of a batch and of the rest add up to those of all, in any order, with any number of threads. */
static void check_sums(problem *t) {
  int64_t *part = fz_alloc(t->f->n_words, sizeof *part), *sum = fz_alloc(t->f->n_words, sizeof *sum);
  fz_error err = {0};
  evaluate(t, t->w);
  for (int64_t i = t->f->n_tiles - 1; i >= 0; i--) {
    assert_int_equal(t->f->evaluate(t->f->self, t->w, &i, 1, part, &err), FZ_OK);
    for (ptrdiff_t k = 0; k < t->f->n_words; k++) sum[k] += part[k];
  }
  assert_memory_equal(sum, t->words, sizeof *sum * (size_t)t->f->n_words);
  assert_int_equal(t->f->evaluate(t->f->self, t->w, NULL, 0, part, &err), FZ_OK);
  for (ptrdiff_t k = 0; k < t->f->n_words; k++) assert_int_equal(part[k], 0);
  fz_free(&part);
  fz_free(&sum);
}

static void value_is_its_definition(void **state) {
  (void)state;
  on_all(check_value);
}
static void em_is_its_closed_form(void **state) {
  (void)state;
  on_all(check_em);
}
static void em_never_lowers_the_likelihood(void **state) {
  (void)state;
  on_all(check_em_descends);
}
static void gradient_is_the_slope(void **state) {
  (void)state;
  on_all(check_gradient);
}
static void hessian_is_the_slope_of_the_gradient(void **state) {
  (void)state;
  on_all(check_hessian);
}
static void curvature_is_that_of_q(void **state) {
  (void)state;
  on_all(check_curvature);
}
static void curvature_bounds_the_hessian(void **state) {
  (void)state;
  on_all(check_curvature_bounds_hessian);
}
static void precondition_inverts_the_curvature(void **state) {
  (void)state;
  on_all(check_precondition);
}
static void sums_do_not_depend_on_order(void **state) {
  (void)state;
  on_all(check_sums);
}

static void threads_do_not_change_bits(void **state) {
  (void)state;
  problem one = alignment(true, 0, 500, 16, 1);
  int64_t *words = fz_alloc(one.f->n_words, sizeof *words);
  double u[32], h[2][32], step[2][32];
  fz_error err = {0};
  for (int threads = 1; threads <= 2; threads++) {
    problem t = alignment(true, 0, 20000, 16, threads);
    direction(&t, 1, u);
    evaluate(&t, t.w);
    assert_int_equal(t.f->hessian(t.f->self, t.w, t.tile, t.f->n_tiles, u, h[threads - 1], &err), FZ_OK);
    assert_int_equal(t.f->gradient(t.f->self, t.words, t.w, step[threads - 1], &err), FZ_OK);
    if (threads == 1) memcpy(words, t.words, sizeof *words * (size_t)t.f->n_words);
    assert_memory_equal(words, t.words, sizeof *words * (size_t)t.f->n_words);
    close_problem(&t);
  }
  assert_memory_equal(h[0], h[1], sizeof h[0]);
  assert_memory_equal(step[0], step[1], sizeof step[0]);
  fz_free(&words);
  drop(&one);
}

/* Two limbs hold a mean of F to far below an ulp; one limb with the same room would not hold 1e-14. */
static void two_limbs_hold_the_mean(void **state) {
  (void)state;
  enum { N = 3000 };
  const double bound = 0x1p20 * 500;
  fz_fixed_pair scale = fz_fixed_pair_scale(bound, N);
  fz_random r = fz_random_stream(8, FZ_PURPOSE_TEST, 0, 0);
  int64_t high = 0, low = 0;
  long double sum = 0;
  for (int i = 0; i < N; i++) {
    double x = 20 * fz_random_normal(&r) - 7;
    sum += x;
    assert_true(fz_fixed_pair_add(&high, &low, &x, 1, scale));
  }
  long double held = (long double)high / scale.high + (long double)low / scale.low;
  assert_true(fabsl(held - sum) / N < 1e-17L);
  assert_true(fabsl((long double)high / scale.high - sum) / N > 1e-14L);
  assert_true(fabsl(fz_fixed_pair_value(high, low, scale) - sum) <= 0x1p-52L * fabsl(sum));
  double nan = NAN, huge = HUGE_VAL;
  assert_false(fz_fixed_pair_add(&high, &low, &nan, 1, scale));
  assert_false(fz_fixed_pair_add(&high, &low, &huge, 1, scale));
}

/* Against long doubles: the sum of 16 exponentials, each within a few 2^-53 of itself. */
static void softmax_is_exact(void **state) {
  (void)state;
  fz_random r = fz_random_stream(9, FZ_PURPOSE_TEST, 0, 0);
  for (int trial = 0; trial < 2000; trial++) {
    double score[24], kept[24];
    long double sum = 0, most = -HUGE_VALL;
    for (int j = 0; j < 24; j++) kept[j] = score[j] = j < 19 ? -700 * pow(fz_random_uniform(&r), 6) + trial : -HUGE_VAL;
    for (int j = 0; j < 19; j++) most = kept[j] > most ? kept[j] : most;
    for (int j = 0; j < 19; j++) sum += expl(kept[j] - most);
    double log_sum = fz_posterior_row(24, -690, score);
    assert_true(fabsl(log_sum - (most + logl(sum))) < 4 * 0x1p-53 * (2 + trial));
    for (int j = 0; j < 24; j++) {
      long double want = j < 19 && kept[j] - most >= -690 ? expl(kept[j] - most) / sum : 0;
      /* scores less the largest are rounded once */
      assert_true(fabsl(score[j] - want) <= (8 + (j < 19 ? most - kept[j] : 0)) * 0x1p-53L * want);
    }
  }
}

static void compression_finds_the_ranks(void **state) {
  (void)state;
  problem t = compressible(false, 7, 1);
  fz_candidates c;
  fz_error err = {0};
  assert_int_equal(fz_candidates_init(&c, t.q, t.p, t.d, t.matrix, t.sigma, &err), FZ_OK);
  assert_int_equal(c.r, ROWS);
  assert_int_equal(c.n_slices, SLICES);
  assert_int_equal(c.n_grams, GRAMS);
  fz_candidates_clear(&c);
  drop(&t);
  t = alignment(false, 0, 20, 20, 1);
  assert_int_equal(fz_candidates_init(&c, t.q, t.p, t.d, t.matrix, t.sigma, &err), FZ_OK);
  assert_int_equal(c.r, 12);
  assert_int_equal(c.n_slices, 16);
  assert_null(c.rows);
  assert_null(c.slice_part);
  fz_candidates_clear(&c);
  drop(&t);
}

static void nonsense_is_refused(void **state) {
  (void)state;
  problem t = alignment(true, 0, 40, 20, 1);
  fz_error err = {0};
  t.w[3] = NAN;
  assert_int_equal(t.f->evaluate(t.f->self, t.w, t.tile, 2, t.words, &err), FZ_EDIVERGED);
  for (int i = 0; i < t.d; i++) t.w[i] = 1e8;
  assert_int_equal(t.f->evaluate(t.f->self, t.w, t.tile, 2, t.words, &err), FZ_EDIVERGED);
  fz_orbit_model *model;
  fz_orbit_spec spec = {t.q, t.p, t.d, t.matrix, t.n, t.x, 0, t.prior, false, 0, 20, 1};
  assert_int_equal(fz_orbit_model_create(&spec, &model, &err), FZ_EINVAL);
  spec.sigma = 1;
  t.x[7] = NAN;
  assert_int_equal(fz_orbit_model_create(&spec, &model, &err), FZ_EINVAL);
  assert_null(model);
  /* no image has a weight: nothing is known of v */
  double moments[32] = {0}, w[32] = {0};
  assert_int_equal(t.f->maximize(t.f->self, moments, 40, 1, w, &err), FZ_EDIVERGED);
  drop(&t);
}

/* ---- alignment ---- */

static void shifted_truths_are_the_same(void **state) {
  (void)state;
  double signal[16], density[16], w[32], error;
  fz_mra_spec mra = fz_mra_thesis(signal, density, 4);
  double square = 0, sum = 0;
  for (int i = 0; i < 16; i++) {
    square += signal[i] * signal[i];
    sum += density[i];
  }
  assert_true(fabs(square - 1) < 1e-15 && fabs(sum - 1) < 1e-15);
  problem t = alignment(true, 0, 200, 20, 1);
  double f[16];
  for (int s = 0; s < 16; s++) {
    for (int i = 0; i < 16; i++) {
      w[i] = signal[(i - s + 16) % 16];
      w[16 + i] = log(density[(i + s) % 16]) + 3;
    }
    assert_true(fz_mra_error(&mra, w, &error) < 1e-15 && error < 1e-14);
    f[s] = value(&t, w);
    assert_true(fabs(f[s] - f[0]) < 1e-14);
  }
  w[0] += 0.01;
  assert_true(fabs(fz_mra_error(&mra, w, NULL) - 0.01) < 1e-15);
  drop(&t);
}

/* Means over the shifts drawn: frequencies within 5 standard deviations of the density, noise of variance sigma^2. */
static void simulation_follows_its_model(void **state) {
  (void)state;
  double signal[16], density[16], variance = 0;
  fz_mra_spec mra = fz_mra_thesis(signal, density, 12);
  double *x = fz_alloc(mra.n * 12, sizeof *x), count[16] = {0};
  int *shift = fz_alloc(mra.n, sizeof *shift);
  fz_mra_simulate(&mra, x, shift);
  for (int64_t i = 0; i < mra.n; i++) {
    count[shift[i]]++;
    for (int k = 0; k < 12; k++) variance += pow(x[i * 12 + k] - signal[(k - shift[i] + 16) % 16], 2);
  }
  for (int l = 0; l < 16; l++)
    assert_true(fabs(count[l] - density[l] * (double)mra.n) < 1 + 5 * sqrt(density[l] * (double)mra.n));
  variance /= (double)mra.n * 12;
  assert_true(fabs(variance / 0.04 - 1) < 5 * sqrt(2.0 / (3000 * 12)));
  fz_free(&x);
  fz_free(&shift);
}

/* EM on the thesis' problem from noise: the estimate is as near to the truth as 3000 images tell (their maximum of the
 * likelihood, found to 1e-14 from six starts, is 0.080 and 0.12 away). */
static void em_solves_the_thesis_problem(void **state) {
  (void)state;
  double signal[16], density[16], error, w[32], *moments;
  fz_mra_spec mra = fz_mra_thesis(signal, density, 1);
  fz_orbit_model *model;
  fz_error err = {0};
  assert_int_equal(fz_mra_open(&mra, true, 20, 1, &model, &err), FZ_OK);
  const fz_objective *f = fz_orbit_model_view(model, NULL);
  int64_t tile[150], *words = fz_alloc(f->n_words, sizeof *words);
  moments = fz_alloc(f->n_moments, sizeof *moments);
  assert_int_equal(f->n_tiles, 150);
  for (int i = 0; i < 150; i++) tile[i] = i;
  fz_mra_start(16, 2, true, w);
  for (int pass = 0; pass < 800; pass++) {
    assert_int_equal(f->evaluate(f->self, w, tile, 150, words, &err), FZ_OK);
    f->moments(f->self, words, moments);
    assert_int_equal(f->maximize(f->self, moments, 3000, 1, w, &err), FZ_OK);
  }
  assert_true(fz_mra_error(&mra, w, &error) < 0.1);
  assert_true(error < 0.2);
  fz_free(&words);
  fz_free(&moments);
  fz_orbit_model_destroy(&model);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(value_is_its_definition),
                                     cmocka_unit_test(em_is_its_closed_form),
                                     cmocka_unit_test(em_never_lowers_the_likelihood),
                                     cmocka_unit_test(gradient_is_the_slope),
                                     cmocka_unit_test(hessian_is_the_slope_of_the_gradient),
                                     cmocka_unit_test(curvature_is_that_of_q),
                                     cmocka_unit_test(curvature_bounds_the_hessian),
                                     cmocka_unit_test(precondition_inverts_the_curvature),
                                     cmocka_unit_test(sums_do_not_depend_on_order),
                                     cmocka_unit_test(threads_do_not_change_bits),
                                     cmocka_unit_test(two_limbs_hold_the_mean),
                                     cmocka_unit_test(softmax_is_exact),
                                     cmocka_unit_test(compression_finds_the_ranks),
                                     cmocka_unit_test(nonsense_is_refused),
                                     cmocka_unit_test(shifted_truths_are_the_same),
                                     cmocka_unit_test(simulation_follows_its_model),
                                     cmocka_unit_test(em_solves_the_thesis_problem)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
