#include "orbit/orbit_model.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "core/fixed.h"
#include "core/fixed_pair.h"
#include "core/memory.h"
#include "orbit/candidates.h"
#include "orbit/posterior.h"

extern void openblas_set_num_threads(int threads) __attribute__((weak));

static const double GAIN_ROOM = 0x1p20; /* |gain| over what the truth can give */
static const double CUT_EXACT = -37;    /* exp(-37) < 2^-53 */
static const double CUT_UNDERFLOW = -700;
static const double HESSIAN_COST = 1.5; /* two score products, one softmax, one gather against one of each */
static const double ROUNDING = 2e-15;   /* of F: each image's share is rounded a few times, their sum once */

struct fz_orbit_model {
  fz_candidates c;
  int64_t n, n_tiles;
  int tile, threads, n_mass; /* numbers that stand for N: candidates or grams */
  bool estimate;
  double ridge, cut, largest_x;
  double *x;         /* [n_tiles tile][r], zero beyond n */
  double *log_prior; /* [candidates] when known */
  fz_fixed_pair gain_scale, back_scale, mass_scale;
  /* what all tiles of one evaluation share */
  double *shown;  /* [candidates][r]  M_j v */
  double *turned; /* [candidates][r]  M_j u, of a Hessian product */
  double *offset; /* [stride]  log rho_j - |M_j v|^2/2 */
  double *slant;  /* [stride]  M_j v . M_j u - u~_j */
  double *rho;    /* [candidates] softmax(rho~) or the prior */
  double *normal; /* [d][d] */
  double *scratch, *numbers;
  fz_objective view;
};

/* Numbers of one tile, and room to make them; one for each thread. */
typedef struct workspace {
  double *score, *slope; /* [tile][stride] */
  double *scratch;       /* of gather */
  double *mass;          /* [stride] */
  double *number;
  int64_t *words;
} workspace;

static ptrdiff_t numbers_of(const fz_orbit_model *m) {
  return m->c.d + m->n_mass;
}
static ptrdiff_t words_of(const fz_orbit_model *m) {
  return 1 + 2 * (1 + numbers_of(m));
}
ptrdiff_t fz_orbit_model_hessian_words(const fz_orbit_model *m) {
  return 1 + 2 * (numbers_of(m) + m->n_mass);
}

static ptrdiff_t gather_room(const fz_orbit_model *m) {
  return (ptrdiff_t)(m->tile + m->c.r) * m->c.n_slices;
}

static fz_status workspace_init(workspace *s, const fz_orbit_model *m) {
  *s = (workspace){.score = fz_alloc((ptrdiff_t)m->tile * m->c.stride, sizeof(double)),
                   .slope = fz_alloc((ptrdiff_t)m->tile * m->c.stride, sizeof(double)),
                   .scratch = fz_alloc(gather_room(m), sizeof(double)),
                   .mass = fz_alloc(m->c.stride, sizeof(double)),
                   .number = fz_alloc(fz_orbit_model_hessian_words(m), sizeof(double)),
                   .words = fz_alloc(words_of(m) + fz_orbit_model_hessian_words(m), sizeof(int64_t))};
  return s->score && s->slope && s->scratch && s->mass && s->number && s->words ? FZ_OK : FZ_ENOMEM;
}

static void workspace_clear(workspace *s) {
  fz_free(&s->score);
  fz_free(&s->slope);
  fz_free(&s->scratch);
  fz_free(&s->mass);
  fz_free(&s->number);
  fz_free(&s->words);
}

/* ---- one tile ---- */

static int images_of(const fz_orbit_model *m, int64_t tile) {
  int64_t left = m->n - tile * m->tile;
  return (int)(left < m->tile ? left : m->tile);
}
static const double *observations(const fz_orbit_model *m, int64_t tile) {
  return m->x + tile * m->tile * m->c.r;
}

/* score_ij = offset_j + factor x_i . matrix_j */
static void product(const fz_orbit_model *m, int64_t tile, const double *matrix, double factor, const double *offset,
                    double *score) {
  const fz_candidates *c = &m->c;
  for (int i = 0; i < m->tile; i++) memcpy(score + (ptrdiff_t)i * c->stride, offset, sizeof *score * (size_t)c->stride);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m->tile, c->n, c->r, factor, observations(m, tile), c->r, matrix,
              c->r, 1, score, c->stride);
}

/* Posterior weights of the tile's images, rows of padding zero; gain [tile]. */
static void weigh(const fz_orbit_model *m, int64_t tile, double *weight, double *gain) {
  int images = images_of(m, tile);
  product(m, tile, m->shown, 1, m->offset, weight);
  for (int i = 0; i < images; i++) gain[i] = fz_posterior_row(m->c.stride, m->cut, weight + (ptrdiff_t)i * m->c.stride);
  ptrdiff_t used = (ptrdiff_t)images * m->c.stride;
  memset(weight + used, 0, sizeof *weight * (size_t)((ptrdiff_t)m->tile * m->c.stride - used));
}

/* N_j of the tile, or their folded form. */
static void weigh_candidates(const fz_orbit_model *m, const double *weight, double *mass, double *number) {
  memset(mass, 0, sizeof *mass * (size_t)m->c.stride);
  for (int i = 0; i < m->tile; i++)
    for (int j = 0; j < m->c.stride; j++) mass[j] += weight[(ptrdiff_t)i * m->c.stride + j];
  if (m->estimate)
    memcpy(number, mass, sizeof *mass * (size_t)m->c.n);
  else
    fz_candidates_fold(&m->c, mass, number);
}

static bool add_tile(const fz_orbit_model *m, int64_t tile, workspace *s) {
  const ptrdiff_t n = 1 + numbers_of(m);
  int64_t *high = s->words + 1, *low = high + n;
  int images = images_of(m, tile);
  double *gain = s->slope, *back = s->number, *mass = s->number + m->c.d;
  weigh(m, tile, s->score, gain);
  fz_candidates_gather(&m->c, m->tile, s->score, observations(m, tile), back, s->scratch);
  weigh_candidates(m, s->score, s->mass, mass);
  bool fits = true;
  for (int i = 0; i < images; i++) fits = fits && fz_fixed_pair_add(high, low, gain + i, 1, m->gain_scale);
  s->words[0] += images;
  return fits && fz_fixed_pair_add(high + 1, low + 1, back, m->c.d, m->back_scale) &&
         fz_fixed_pair_add(high + 1 + m->c.d, low + 1 + m->c.d, mass, m->n_mass, m->mass_scale);
}

/* ---- what tiles share ---- */

static void set_prior(fz_orbit_model *m, const double *w) {
  const double *log_prior = m->estimate ? w + m->c.d : m->log_prior;
  double most = -HUGE_VAL, sum = 0;
  for (int j = 0; j < m->c.n; j++) most = fmax(most, log_prior[j]);
  for (int j = 0; j < m->c.n; j++) sum += exp(log_prior[j] - most);
  double log_sum = most + log(sum);
  for (int j = 0; j < m->c.n; j++) {
    m->offset[j] = log_prior[j] - log_sum;
    m->rho[j] = exp(m->offset[j]);
  }
}

static fz_status prepare(fz_orbit_model *m, const double *w, fz_error *err) {
  const fz_candidates *c = &m->c;
  bool fine = true;
  for (ptrdiff_t i = 0; i < m->view.dim; i++) fine = fine && fabs(w[i]) < 1e100;
  if (!fine) return fz_fail(err, FZ_EDIVERGED, "a parameter is beyond 1e100 or not a number");
  fz_candidates_show(c, w, m->shown, m->scratch);
  set_prior(m, w);
  for (int j = 0; j < c->n; j++) {
    const double *shown = m->shown + (ptrdiff_t)j * c->r;
    m->offset[j] -= 0.5 * cblas_ddot(c->r, shown, 1, shown, 1);
  }
  for (int j = c->n; j < c->stride; j++) m->offset[j] = -HUGE_VAL;
  return FZ_OK;
}

typedef bool (*tile_adder)(const fz_orbit_model *m, int64_t tile, workspace *s, const void *context);

/* Waking a thread, and waiting for it on a busy machine, costs more than a small sum. */
static int useful_threads(const fz_orbit_model *m, int64_t n_tiles) {
  const double least = 4e6; /* operations, about a millisecond */
  double most = (double)n_tiles * m->tile * m->c.stride * (4.0 * m->c.r + 20) / least;
  int threads = m->threads < n_tiles ? m->threads : (int)n_tiles;
  if (threads > most) threads = (int)most;
  return threads > 1 ? threads : 1;
}

/* words [n] = the sum over tiles.  Each tile is one thread's work; between tiles sums are integers. */
static fz_status add_tiles(const fz_orbit_model *m, tile_adder add, const void *context, const int64_t *tile,
                           int64_t n_tiles, int64_t *words, ptrdiff_t n, fz_error *err) {
  int threads = useful_threads(m, n_tiles), bad = 0, poor = 0;
  memset(words, 0, sizeof *words * (size_t)n);
#pragma omp parallel num_threads(threads) reduction(| : bad, poor)
  {
    workspace s;
    poor = workspace_init(&s, m) != FZ_OK;
    /* the loop is every thread's or nobody's: one that found no memory passes through without work */
#pragma omp for schedule(dynamic)
    for (int64_t t = 0; t < n_tiles; t++)
      if (!poor && !bad) bad = !add(m, tile[t], &s, context);
#pragma omp critical(fz_orbit_words)
    if (!poor) bad = !fz_fixed_add_i64(words, s.words, n) || bad;
    workspace_clear(&s);
  }
  if (poor) return fz_fail(err, FZ_ENOMEM, "no memory for tiles of %d observations and %d candidates", m->tile, m->c.n);
  if (bad) return fz_fail(err, FZ_EDIVERGED, "a sum over images left its bounds");
  return FZ_OK;
}

static bool add_moments(const fz_orbit_model *m, int64_t tile, workspace *s, const void *context) {
  (void)context;
  return add_tile(m, tile, s);
}

static fz_status evaluate(void *self, const double *w, const int64_t *tile, int64_t n_tiles, int64_t *words,
                          fz_error *err) {
  fz_orbit_model *m = self;
  fz_status st = prepare(m, w, err);
  return st == FZ_OK ? add_tiles(m, add_moments, NULL, tile, n_tiles, words, words_of(m), err) : st;
}

/* ---- readouts ---- */

static int64_t images_in(const void *self, const int64_t *words) {
  (void)self;
  return words[0];
}

static double gain_of(const void *self, const int64_t *words) {
  const fz_orbit_model *m = self;
  return fz_fixed_pair_value(words[1], words[1 + 1 + numbers_of(m)], m->gain_scale);
}

/* number[i] = a sum's value times factor */
static void read_numbers(const int64_t *high, const int64_t *low, ptrdiff_t n, fz_fixed_pair scale, double factor,
                         double *number) {
  for (ptrdiff_t i = 0; i < n; i++) number[i] = fz_fixed_pair_value(high[i], low[i], scale) * factor;
}

static void moments_of(const void *self, const int64_t *words, double *mean) {
  const fz_orbit_model *m = self;
  const int64_t *high = words + 2, *low = high + 1 + numbers_of(m);
  const double inverse = 1 / (double)words[0];
  read_numbers(high, low, m->c.d, m->back_scale, inverse, mean);
  read_numbers(high + m->c.d, low + m->c.d, m->n_mass, m->mass_scale, inverse, mean + m->c.d);
}

/* normal = sum_j mass_j M_j' M_j + ridge/images, mass as in the numbers. */
static void set_normal(fz_orbit_model *m, const double *mass, double images) {
  if (m->estimate) fz_candidates_fold(&m->c, mass, m->scratch);
  fz_candidates_curvature(&m->c, m->estimate ? m->scratch : mass, m->normal);
  for (ptrdiff_t a = 0; a < m->c.d; a++) m->normal[a * m->c.d + a] += m->ridge / images;
}

/* x <- normal^-1 x by Cholesky; normal is overwritten. */
static fz_status solve_normal(fz_orbit_model *m, double *x, fz_error *err) {
  const ptrdiff_t d = m->c.d;
  double *a = m->normal;
  for (ptrdiff_t i = 0; i < d; i++)
    for (ptrdiff_t j = 0; j <= i; j++) {
      double rest = a[i * d + j] - cblas_ddot((int)j, a + i * d, 1, a + j * d, 1);
      /* what rounding leaves of a pivot that is zero */
      if (i == j && !(rest > 1e-15 * (double)d * a[i * d + i]))
        return fz_fail(err, FZ_EDIVERGED,
                       "the images say nothing about parameter %td or a combination with it: larger batches or a ridge",
                       i);
      a[i * d + j] = i == j ? sqrt(rest) : rest / a[j * d + j];
    }
  cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)d, a, (int)d, x, 1);
  cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, (int)d, a, (int)d, x, 1);
  return FZ_OK;
}

static fz_status maximize(void *self, const double *moments, double images, int iterations, double *w, fz_error *err) {
  fz_orbit_model *m = self;
  (void)iterations;
  const double *mass = moments + m->c.d;
  double sum = 0;
  set_normal(m, mass, images);
  memcpy(m->numbers, moments, sizeof *moments * (size_t)m->c.d);
  fz_status st = solve_normal(m, m->numbers, err);
  if (st != FZ_OK) return st;
  memcpy(w, m->numbers, sizeof *w * (size_t)m->c.d);
  if (!m->estimate) return FZ_OK;
  /* Averages of statistics may hold masses that are slightly negative. */
  for (int j = 0; j < m->c.n; j++) sum += fmax(mass[j], 0);
  for (int j = 0; j < m->c.n; j++) w[m->c.d + j] = log(fmax(mass[j] / sum, FZ_ORBIT_SHARE_LEAST));
  return FZ_OK;
}

/* out = (diag(rho) - rho rho') u */
static void apply_prior_curvature(const fz_orbit_model *m, const double *u, double *out) {
  double mean = cblas_ddot(m->c.n, m->rho, 1, u, 1);
  for (int j = 0; j < m->c.n; j++) out[j] = m->rho[j] * (u[j] - mean);
}

static fz_status gradient(void *self, const int64_t *words, const double *w, double *g, fz_error *err) {
  fz_orbit_model *m = self;
  (void)err;
  const int d = m->c.d;
  double *mean = m->numbers;
  moments_of(m, words, mean);
  set_normal(m, mean + d, (double)m->n);
  memcpy(g, mean, sizeof *g * (size_t)d);
  cblas_dgemv(CblasRowMajor, CblasNoTrans, d, d, 1, m->normal, d, w, 1, -1, g, 1);
  if (!m->estimate) return FZ_OK;
  set_prior(m, w);
  for (int j = 0; j < m->c.n; j++) g[d + j] = m->rho[j] - mean[d + j];
  return FZ_OK;
}

static fz_status precondition(void *self, const double *moments, int iterations, const double *g, double *step,
                              fz_error *err) {
  fz_orbit_model *m = self;
  (void)iterations;
  const int d = m->c.d, n = m->c.n;
  set_normal(m, moments + d, (double)m->n);
  memcpy(step, g, sizeof *g * (size_t)d);
  fz_status st = solve_normal(m, step, err);
  if (st != FZ_OK || !m->estimate) return st;
  double mean_g = 0, mean_step = 0;
  for (int j = 0; j < n; j++) mean_g += g[d + j] / n;
  for (int j = 0; j < n; j++) {
    step[d + j] = (g[d + j] - mean_g) / fmax(moments[d + j], 1 / (double)m->n);
    mean_step += step[d + j] / n;
  }
  for (int j = 0; j < n; j++) step[d + j] -= mean_step;
  return FZ_OK;
}

static fz_status curvature(void *self, const double *moments, const double *w, const double *v, double *out,
                           fz_error *err) {
  fz_orbit_model *m = self;
  (void)err;
  const int d = m->c.d;
  set_normal(m, moments + d, (double)m->n);
  cblas_dgemv(CblasRowMajor, CblasNoTrans, d, d, 1, m->normal, d, v, 1, 0, out, 1);
  if (!m->estimate) return FZ_OK;
  set_prior(m, w);
  apply_prior_curvature(m, v + d, out + d);
  return FZ_OK;
}

static double prior_value(const void *self, const double *w) {
  const fz_orbit_model *m = self;
  return m->ridge * cblas_ddot(m->c.d, w, 1, w, 1) / (2 * (double)m->n);
}

/* ---- Hessian products ----
 * The complete-data gradient of image i at candidate j is g_ij = [M_j'(M_j v - x_i), rho - e_j].  With s_ij = g_ij.u up
 * to a constant of i, and delta_ij = gamma_ij (s_ij - sum_k gamma_ik s_ik), the posterior covariance of g_i times u is
 * sum_j delta_ij g_ij: the sums of an E-step with delta in place of gamma. */

typedef struct slope_scales {
  fz_fixed_pair back, mass;
} slope_scales;

/* gamma -> delta, row by row; slope holds s. */
static void turn_into_covariance(const fz_orbit_model *m, const double *slope, double *weight) {
  for (int i = 0; i < m->tile; i++) {
    double *gamma = weight + (ptrdiff_t)i * m->c.stride, mean = 0;
    const double *s = slope + (ptrdiff_t)i * m->c.stride;
    for (int j = 0; j < m->c.n; j++) mean += gamma[j] * s[j];
    for (int j = 0; j < m->c.n; j++) gamma[j] *= s[j] - mean;
  }
}

/* Numbers: delta's b and masses, then gamma's masses. */
static bool add_slopes(const fz_orbit_model *m, int64_t tile, workspace *s, const void *context) {
  const slope_scales *scale = context;
  const ptrdiff_t d = m->c.d, n = numbers_of(m);
  int64_t *high = s->words + 1, *low = high + n + m->n_mass;
  weigh(m, tile, s->score, s->slope);
  weigh_candidates(m, s->score, s->mass, s->number + n);
  product(m, tile, m->turned, -1, m->slant, s->slope);
  turn_into_covariance(m, s->slope, s->score);
  fz_candidates_gather(&m->c, m->tile, s->score, observations(m, tile), s->number, s->scratch);
  weigh_candidates(m, s->score, s->mass, s->number + d);
  s->words[0] += images_of(m, tile);
  return fz_fixed_pair_add(high, low, s->number, d, scale->back) &&
         fz_fixed_pair_add(high + d, low + d, s->number + d, m->n_mass, scale->mass) &&
         fz_fixed_pair_add(high + n, low + n, s->number + n, m->n_mass, m->mass_scale);
}

/* M_j u, s_ij without the images' part, and how large delta can be; the same wherever w and u are the same. */
static slope_scales set_slopes(fz_orbit_model *m, const double *u) {
  const fz_candidates *c = &m->c;
  double most = 0;
  fz_candidates_show(c, u, m->turned, m->scratch);
  for (int j = 0; j < c->n; j++) {
    const double *turned = m->turned + (ptrdiff_t)j * c->r;
    m->slant[j] = cblas_ddot(c->r, m->shown + (ptrdiff_t)j * c->r, 1, turned, 1) - (m->estimate ? u[c->d + j] : 0);
    most = fmax(most, fabs(m->slant[j]) + m->largest_x * cblas_dnrm2(c->r, turned, 1));
  }
  const double back = c->largest_column * m->largest_x, mass = m->estimate ? 1 : c->largest_gram_part;
  const int64_t terms = m->n_tiles * m->tile;
  return (slope_scales){.back = fz_fixed_pair_scale(2.1 * most * back, terms),
                        .mass = fz_fixed_pair_scale(2.1 * most * mass, terms)};
}

static fz_status set_direction(fz_orbit_model *m, const double *w, const double *v, slope_scales *scale,
                               fz_error *err) {
  for (ptrdiff_t i = 0; i < m->view.dim; i++)
    if (!(fabs(v[i]) < 1e100)) return fz_fail(err, FZ_EDIVERGED, "a direction is not finite");
  fz_status st = prepare(m, w, err);
  if (st == FZ_OK) *scale = set_slopes(m, v);
  return st;
}

fz_status fz_orbit_model_hessian_sum(fz_orbit_model *m, const double *w, const double *v, const int64_t *tile,
                                     int64_t n_tiles, int64_t *words, fz_error *err) {
  slope_scales scale;
  fz_status st = set_direction(m, w, v, &scale, err);
  if (st != FZ_OK) return st;
  return add_tiles(m, add_slopes, &scale, tile, n_tiles, words, fz_orbit_model_hessian_words(m), err);
}

fz_status fz_orbit_model_hessian_finish(fz_orbit_model *m, const double *w, const double *v, const int64_t *words,
                                        double *out, fz_error *err) {
  const int d = m->c.d;
  const ptrdiff_t n = numbers_of(m);
  const int64_t *high = words + 1, *low = high + n + m->n_mass;
  const double inverse = 1 / (double)words[0];
  double *number = m->numbers;
  slope_scales scale;
  fz_status st = set_direction(m, w, v, &scale, err);
  if (st != FZ_OK) return st;
  read_numbers(high, low, d, scale.back, inverse, number);
  read_numbers(high + d, low + d, m->n_mass, scale.mass, inverse, number + d);
  read_numbers(high + n, low + n, m->n_mass, m->mass_scale, inverse, number + n);
  set_normal(m, number + n, (double)m->n);
  cblas_dgemv(CblasRowMajor, CblasNoTrans, d, d, 1, m->normal, d, v, 1, 0, out, 1);
  cblas_daxpy(d, 1, number, 1, out, 1);
  set_normal(m, number + d, HUGE_VAL);
  cblas_dgemv(CblasRowMajor, CblasNoTrans, d, d, -1, m->normal, d, w, 1, 1, out, 1);
  if (!m->estimate) return FZ_OK;
  apply_prior_curvature(m, v + d, out + d);
  cblas_daxpy(m->c.n, 1, number + d, 1, out + d, 1);
  return FZ_OK;
}

static fz_status hessian(void *self, const double *w, const int64_t *tile, int64_t n_tiles, const double *v,
                         double *out, fz_error *err) {
  fz_orbit_model *m = self;
  int64_t *words = fz_alloc(fz_orbit_model_hessian_words(m), sizeof *words);
  if (!words) return fz_fail(err, FZ_ENOMEM, "no memory for a Hessian product");
  fz_status st = fz_orbit_model_hessian_sum(m, w, v, tile, n_tiles, words, err);
  if (st == FZ_OK) st = fz_orbit_model_hessian_finish(m, w, v, words, out, err);
  fz_free(&words);
  return st;
}

/* ---- serial shares ---- */

static void share(const void *self, ptrdiff_t *first, ptrdiff_t *count) {
  *first = 0;
  *count = words_of(self);
}

static fz_status collect(void *self, const int64_t *slice, int64_t *words, fz_error *err) {
  (void)err;
  memcpy(words, slice, sizeof *words * (size_t)words_of(self));
  return FZ_OK;
}

/* ---- life ---- */

static void fill_view(fz_orbit_model *m) {
  m->view = (fz_objective){.self = m,
                           .dim = m->c.d + (m->estimate ? m->c.n : 0),
                           .n_words = words_of(m),
                           .n_moments = numbers_of(m),
                           .n_tiles = m->n_tiles,
                           .n_images = m->n,
                           .rounding = ROUNDING,
                           .evaluate = evaluate,
                           .images = images_in,
                           .gain = gain_of,
                           .moments = moments_of,
                           .maximize = maximize,
                           .gradient = gradient,
                           .precondition = precondition,
                           .curvature = curvature,
                           .hessian = hessian,
                           .hessian_cost = HESSIAN_COST,
                           .prior = prior_value,
                           .share = share,
                           .collect = collect};
}

static void set_scales(fz_orbit_model *m) {
  const int64_t terms = m->n_tiles * m->tile;
  for (int64_t i = 0; i < m->n; i++) m->largest_x = fmax(m->largest_x, cblas_dnrm2(m->c.r, m->x + i * m->c.r, 1));
  m->gain_scale = fz_fixed_pair_scale(GAIN_ROOM * (1 + m->largest_x * m->largest_x), terms);
  m->back_scale = fz_fixed_pair_scale(1.1 * m->c.largest_column * m->largest_x, terms);
  m->mass_scale = fz_fixed_pair_scale(1.1 * (m->estimate ? 1 : m->c.largest_gram_part), terms);
}

static fz_status allocate(fz_orbit_model *m) {
  const fz_candidates *c = &m->c;
  const ptrdiff_t shown = (ptrdiff_t)c->n * c->r;
  ptrdiff_t scratch = (ptrdiff_t)c->n_slices * c->r;
  if (scratch < c->n_grams) scratch = c->n_grams;
  m->x = fz_alloc(m->n_tiles * m->tile * c->r, sizeof(double));
  m->log_prior = fz_alloc(c->n, sizeof(double));
  m->shown = fz_alloc(shown, sizeof(double));
  m->turned = fz_alloc(shown, sizeof(double));
  m->offset = fz_alloc(c->stride, sizeof(double));
  m->slant = fz_alloc(c->stride, sizeof(double));
  m->rho = fz_alloc(c->n, sizeof(double));
  m->normal = fz_alloc((ptrdiff_t)c->d * c->d, sizeof(double));
  m->scratch = fz_alloc(scratch, sizeof(double));
  m->numbers = fz_alloc(numbers_of(m) + m->n_mass, sizeof(double));
  return m->x && m->log_prior && m->shown && m->turned && m->offset && m->slant && m->rho && m->normal && m->scratch &&
                 m->numbers
             ? FZ_OK
             : FZ_ENOMEM;
}

static fz_status check_spec(const fz_orbit_spec *s, fz_error *err) {
  if (s->n < 1 || s->tile < 1 || s->threads < 1 || !(s->ridge >= 0))
    return fz_fail(err, FZ_EINVAL, "an orbit model of %lld observations in tiles of %d, %d threads, ridge %g",
                   (long long)s->n, s->tile, s->threads, s->ridge);
  for (int64_t i = 0; i < s->n * s->p; i++)
    if (!isfinite(s->x[i])) return fz_fail(err, FZ_EINVAL, "an observation holds a number that is not finite");
  for (int j = 0; s->prior && !s->estimate_prior && j < s->n_candidates; j++)
    if (!(s->prior[j] > 0 && s->prior[j] <= 1)) return fz_fail(err, FZ_EINVAL, "prior %d is %g", j, s->prior[j]);
  return FZ_OK;
}

fz_status fz_orbit_model_create(const fz_orbit_spec *spec, fz_orbit_model **out, fz_error *err) {
  *out = NULL;
  fz_status st = check_spec(spec, err);
  if (st != FZ_OK) return st;
  if (openblas_set_num_threads) openblas_set_num_threads(1); /* tiles are the parallelism, and the bits depend on it */
  fz_orbit_model *m = *out = fz_alloc(1, sizeof *m);
  if (!m) return fz_fail(err, FZ_ENOMEM, "no memory for an orbit model");
  *m = (fz_orbit_model){.n = spec->n,
                        .n_tiles = (spec->n + spec->tile - 1) / spec->tile,
                        .tile = spec->tile,
                        .threads = spec->threads,
                        .estimate = spec->estimate_prior,
                        .ridge = spec->ridge};
  st = fz_candidates_init(&m->c, spec->n_candidates, spec->p, spec->d, spec->matrix, spec->sigma, err);
  if (st == FZ_OK) {
    m->n_mass = m->estimate ? m->c.n : m->c.n_grams;
    m->cut = m->estimate ? CUT_UNDERFLOW : CUT_EXACT - log(m->c.n);
    st = allocate(m);
    if (st != FZ_OK) fz_fail(err, st, "no memory for %lld observations", (long long)m->n);
  }
  if (st != FZ_OK) {
    fz_orbit_model_destroy(out);
    return st;
  }
  fz_candidates_compress(&m->c, (int)m->n, spec->x, spec->sigma, m->x);
  for (int j = 0; j < m->c.n; j++) m->log_prior[j] = spec->prior ? log(spec->prior[j]) : 0;
  set_scales(m);
  fill_view(m);
  return FZ_OK;
}

void fz_orbit_model_destroy(fz_orbit_model **m) {
  if (!*m) return;
  fz_candidates_clear(&(*m)->c);
  fz_free(&(*m)->x);
  fz_free(&(*m)->log_prior);
  fz_free(&(*m)->shown);
  fz_free(&(*m)->turned);
  fz_free(&(*m)->offset);
  fz_free(&(*m)->slant);
  fz_free(&(*m)->rho);
  fz_free(&(*m)->normal);
  fz_free(&(*m)->scratch);
  fz_free(&(*m)->numbers);
  fz_free(m);
}

const fz_objective *fz_orbit_model_view(fz_orbit_model *m, const fz_algebra *algebra) {
  m->view.algebra = algebra;
  return &m->view;
}
