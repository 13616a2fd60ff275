/* Importance sampling: in full it is the direct engine; its sums are unbiased, what is normalized is biased by 1/n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "estep/importance.h"
#include "estep/marginal.h"
#include "model/projector.h"

static const double WEAK = 0.03; /* signal: the posterior is spread over some hundred poses */
enum { M = 16, KMAX = 2, IMAGES = 3, CLASSES = 2, VOXELS = M * M * M };

typedef struct fixture {
  fz_frequencies f;
  fz_quadrature q;
  fz_tile tile;
  fz_pose_average average;
  double *voxel[CLASSES], prior[CLASSES];
  int classes;
  fz_statistics_layout layout;
  fz_engine engine;
} fixture;

/* Images of the first volume under noise, at poses where directions and in-plane angles are hardly correlated: near
 * the equator of the grid's frame. */
static void fill_images(fixture *x, fz_random *r, double strength) {
  fz_projector *projector = fz_projector_create(M, KMAX);
  fz_real *re = fz_alloc(x->f.padded, sizeof *re), *im = fz_alloc(x->f.padded, sizeof *im);
  fz_projector_set(projector, x->voxel[0], 1.0);
  x->tile.n = IMAGES;
  for (int i = 0; i < IMAGES; i++) {
    int direction = (int)fz_random_below(r, x->q.n_directions);
    while (fabs(x->q.tilt_deg[direction] - 90) > 12) direction = (direction + 1) % x->q.n_directions;
    int psi = (int)fz_random_below(r, x->q.n_psi);
    fz_rotation a = fz_quadrature_rotation(&x->q, direction, psi);
    fz_projector_slice(projector, &x->f, &a, re, im);
    x->tile.image[i] = (fz_tile_image){.particle = 100 + i};
    for (int p = 0; p < x->f.count; p++) {
      double w = x->f.weight[p] * strength, c = cos(0.1 * p + i);
      double xr = c * re[p] + fz_random_normal(r) / sqrt(2 * strength);
      double xi = c * im[p] + fz_random_normal(r) / sqrt(2 * strength);
      x->tile.re[i * x->f.padded + p] = c * w * xr;
      x->tile.im[i * x->f.padded + p] = c * w * xi;
      x->tile.c2[i * x->f.padded + p] = c * c * w;
      x->tile.power[i * x->f.n_shells + x->f.shell[p]] += w * (xr * xr + xi * xi);
    }
  }
  fz_free(&re);
  fz_free(&im);
  fz_projector_destroy(&projector);
}

static void build(fixture *x, int nside, int n_psi, double shift_step, int classes, double strength) {
  fz_random r = fz_random_stream(5, FZ_PURPOSE_TEST, 0, 0);
  fz_rotation turn = fz_rotation_random(&r);
  *x = (fixture){.classes = classes};
  assert_int_equal(fz_frequencies_init(&x->f, KMAX), FZ_OK);
  assert_int_equal(
      fz_quadrature_init(&x->q, (fz_direction_grid){FZ_DIRECTIONS_HEALPIX, nside}, n_psi, &turn, shift_step, 2.0, 0.8),
      FZ_OK);
  assert_int_equal(fz_tile_init(&x->tile, IMAGES, &x->f, NULL), FZ_OK);
  for (int k = 0; k < classes; k++) {
    x->voxel[k] = fz_alloc(VOXELS, sizeof(double));
    x->prior[k] = k ? 0.4 : classes == 1 ? 1 : 0.6;
    for (int z = 0, v = 0; z < M; z++)
      for (int y = 0; y < M; y++)
        for (int i = 0; i < M; i++, v++) {
          double r2 = pow(i - M / 2, 2) + pow(y - M / 2, 2) + pow(z - M / 2, 2);
          x->voxel[k][v] = 0.3 * fz_random_normal(&r) * exp(-r2 / 18);
        }
  }
  fill_images(x, &r, strength);
  x->layout = fz_statistics_layout_make(M, KMAX, classes, 1, x->q.n_directions, x->q.n_shifts,
                                        FZ_WANT_MOMENTS | FZ_WANT_GRADIENT, 40 * strength, 4 * strength, IMAGES);
}

typedef fz_status (*make_engine)(const fz_engine_setup *, fz_engine *);

static void open_engine(fixture *x, make_engine make, const fz_proposal_options *options, double cutoff) {
  fz_engine_setup setup = {.m = M,
                           .box = M,
                           .n_classes = x->classes,
                           .slice_scale = 1.0,
                           .frequencies = &x->f,
                           .quadrature = &x->q,
                           .tile_capacity = IMAGES,
                           .threads = 1,
                           .cutoff = cutoff,
                           .cache_bytes = 1 << 30,
                           .seed = 8,
                           .proposal = *options,
                           .average = &x->average};
  assert_int_equal(make(&setup, &x->engine), FZ_OK);
  x->engine.set_volumes(x->engine.self, (const double *const *)x->voxel, x->prior, 0, x->engine.n_pose_blocks);
}

static void drop(fixture *x) {
  fz_tile_clear(&x->tile);
  fz_quadrature_clear(&x->q);
  fz_frequencies_clear(&x->f);
  for (int k = 0; k < x->classes; k++) fz_free(&x->voxel[k]);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void evaluate(fixture *x, int64_t *words, fz_image_posterior *posterior) {
  memset(words, 0, sizeof *words * (size_t)x->layout.total);
  assert_int_equal(fz_marginal_tile(&x->engine, 0, &x->tile, &x->layout, words, posterior), FZ_OK);
}

/* An image without a past is summed over every pose: the direct engine does nothing else. */
static void first_visits_are_exhaustive(void **state) {
  (void)state;
  fixture x;
  fz_proposal_options o = fz_proposal_options_default();
  fz_image_posterior direct[IMAGES], first[IMAGES], second[IMAGES];
  build(&x, 3, 16, 1.0, CLASSES, WEAK);
  int64_t *words[3];
  for (int i = 0; i < 3; i++) words[i] = fz_alloc(x.layout.total, sizeof **words);
  open_engine(&x, fz_engine_direct_f64, &o, 0);
  evaluate(&x, words[0], direct);
  x.engine.destroy(&x.engine);
  open_engine(&x, fz_engine_importance_f64, &o, 0);
  evaluate(&x, words[1], first);
  assert_int_equal(x.tile.image[0].memory.visits, 1);
  x.engine.destroy(&x.engine);
  for (int i = 0; i < IMAGES; i++) x.tile.image[i].memory = (fz_pose_memory){0};
  open_engine(&x, fz_engine_importance_f32, &o, 0);
  evaluate(&x, words[2], second);
  x.engine.destroy(&x.engine);
  for (int i = 0; i < IMAGES; i++) {
    assert_true(fabs(first[i].gain - direct[i].gain) < 1e-9 && fabs(second[i].gain - direct[i].gain) < 1e-4);
    assert_true(fabs(first[i].entropy - direct[i].entropy) < 1e-9);
    assert_true(fabs(first[i].peak - direct[i].peak) < 1e-9);
    assert_int_equal(first[i].direction, direct[i].direction);
    assert_int_equal(first[i].psi, direct[i].psi);
    assert_int_equal(first[i].shift, direct[i].shift);
    assert_int_equal(first[i].class_index, direct[i].class_index);
  }
  for (fz_section s = 0; s < FZ_SECTIONS; s++) {
    double largest = 0, apart[2] = {0};
    for (ptrdiff_t i = 0; i < x.layout.length[s]; i++) {
      double a = fz_statistics_scalar(&x.layout, words[0], s, i);
      largest = fmax(largest, fabs(a));
      for (int k = 0; k < 2; k++)
        apart[k] = fmax(apart[k], fabs(fz_statistics_scalar(&x.layout, words[1 + k], s, i) - a));
    }
    assert_true(largest > 0);
    assert_true(apart[0] < 1e-9 * largest && apart[1] < 1e-4 * largest);
  }
  for (int i = 0; i < 3; i++) fz_free(&words[i]);
  drop(&x);
}

/* One image only: the likelihood and the sums that it normalizes, as linear functionals of the words: random signs. */
enum { FUNCTIONALS = 8, ALL = 3 * FUNCTIONALS + 1 };
static const fz_section NUMERATORS[] = {FZ_SECTION_B, FZ_SECTION_A, FZ_SECTION_GRADIENT};

static uint8_t *draw_signs(const fixture *x) {
  fz_random r = fz_random_stream(77, FZ_PURPOSE_TEST, 0, 0);
  uint8_t *signs = fz_alloc(x->layout.total, 1);
  for (ptrdiff_t i = 0; i < x->layout.total; i++) signs[i] = (uint8_t)fz_random_below(&r, 256);
  return signs;
}

static void project(const fixture *x, const uint8_t *signs, const int64_t *words, double likelihood, double *out) {
  memset(out, 0, sizeof *out * ALL);
  for (int s = 0; s < 3; s++)
    for (ptrdiff_t i = 0; i < x->layout.length[NUMERATORS[s]]; i++) {
      ptrdiff_t at = x->layout.offset[NUMERATORS[s]] + i;
      double value = (double)words[at] / x->layout.scale[NUMERATORS[s]] * likelihood;
      if (!words[at]) continue;
      for (int k = 0; k < FUNCTIONALS; k++) out[s * FUNCTIONALS + k] += signs[at] >> k & 1 ? value : -value;
    }
  out[ALL - 1] = likelihood;
}

/* A fresh sample for the first image, which remembers `memory`. */
static double sample(fixture *x, const fz_pose_memory *memory, int draw, int64_t *words) {
  fz_image_posterior posterior[IMAGES];
  x->tile.image[0].memory = *memory;
  x->tile.image[0].particle = draw;
  evaluate(x, words, posterior);
  return posterior[0].gain;
}

/* 1000 draws, 25 two-sided z-tests: the largest of 25 normal deviates is above 4.1 once in a thousand times. */
static void check_sums(bool independent) {
  enum { DRAWS = 1000 };
  fixture x;
  fz_proposal_options o = {10, 16, 16, 0.2, 2, 0.7, 0, independent};
  double exact[ALL], value[ALL], sum[ALL] = {0}, squares[ALL] = {0};
  fz_pose_memory memory = {0};
  build(&x, 3, 24, 0.5, CLASSES, WEAK);
  x.tile.n = 1;
  uint8_t *signs = draw_signs(&x);
  int64_t *words = fz_alloc(x.layout.total, sizeof *words);
  open_engine(&x, fz_engine_importance_f64, &o, 0);
  double gain = sample(&x, &memory, 0, words);
  memory = x.tile.image[0].memory;
  memory.visits = 4;
  project(&x, signs, words, 1, exact);
  for (int i = 0; i < DRAWS; i++) {
    double log_likelihood = sample(&x, &memory, i, words);
    project(&x, signs, words, exp(log_likelihood - gain), value);
    for (int k = 0; k < ALL; k++) {
      sum[k] += value[k];
      squares[k] += value[k] * value[k];
    }
  }
  double error = 0;
  for (int k = 0; k < ALL; k++) {
    double mean = sum[k] / DRAWS;
    error = sqrt((squares[k] / DRAWS - mean * mean) / DRAWS);
    assert_true(fabs(mean - exact[k]) < 4.1 * error);
  }
  assert_true(error > 1e-3 && error < 0.03); /* of the likelihood: it was sampled, and a bias of 12 % would be seen */
  x.engine.destroy(&x.engine);
  fz_free(&words);
  fz_free(&signs);
  drop(&x);
}

static void sums_are_unbiased(void **state) {
  (void)state;
  check_sums(true);
  check_sums(false);
}

/* Biases of log L^ and of the normalized gradient.  E L^ = L and E (L^ g^) = L g, so (L^ - L)/L and (L^ g^ - L^ g)/L
 * have mean zero: taking them off leaves the means and removes nearly all of the noise.  The norm of the gradient's
 * bias is the root of the inner product of two independent estimates. */
static void find_biases(fixture *x, const fz_pose_memory *memory, double gain, const double *g, int draws,
                        int64_t *words, double *half[2], double *log_bias, double *gradient_bias) {
  const fz_statistics_layout *l = &x->layout;
  ptrdiff_t n = l->length[FZ_SECTION_GRADIENT];
  double product = 0;
  *log_bias = 0;
  for (int h = 0; h < 2; h++) memset(half[h], 0, sizeof **half * (size_t)n);
  for (int i = 0; i < draws; i++) {
    double excess = sample(x, memory, i, words) - gain, ratio = exp(excess);
    *log_bias += (excess - (ratio - 1)) / draws;
    const int64_t *word = words + l->offset[FZ_SECTION_GRADIENT];
    for (ptrdiff_t c = 0; c < n; c++)
      half[i & 1][c] += ((double)word[c] / l->scale[FZ_SECTION_GRADIENT] - g[c]) * (1 - ratio) * 2 / draws;
  }
  for (ptrdiff_t c = 0; c < n; c++) product += half[0][c] * half[1][c];
  *gradient_bias = sqrt(fmax(product, 1e-30));
}

/* Slope of log y over log n by least squares. */
static double slope_of(const double *n, const double *y, int points) {
  double mx = 0, my = 0, xx = 0, xy = 0;
  for (int i = 0; i < points; i++) {
    mx += log(n[i]) / points;
    my += log(y[i]) / points;
  }
  for (int i = 0; i < points; i++) {
    xx += (log(n[i]) - mx) * (log(n[i]) - mx);
    xy += (log(n[i]) - mx) * (log(y[i]) - my);
  }
  return xy / xx;
}

static void biases_fall_as_one_over_samples(void **state) {
  (void)state;
  enum { SIZES = 3 };
  static const double size[SIZES] = {24, 48, 96};
  static const int draws[SIZES] = {700, 500, 300};
  fixture x;
  fz_proposal_options all = fz_proposal_options_default();
  fz_pose_memory memory = {0};
  double of_log[SIZES], of_gradient[SIZES], *half[2];
  build(&x, 5, 160, 0.2, 1, 2 * WEAK);
  x.layout = fz_statistics_layout_make(M, KMAX, 1, 1, x.q.n_directions, x.q.n_shifts, FZ_WANT_GRADIENT, 1, 1, IMAGES);
  x.tile.n = 1;
  int64_t *words = fz_alloc(x.layout.total, sizeof *words);
  double *g = fz_alloc(x.layout.length[FZ_SECTION_GRADIENT], sizeof *g);
  for (int h = 0; h < 2; h++) half[h] = fz_alloc(x.layout.length[FZ_SECTION_GRADIENT], sizeof *half[h]);
  open_engine(&x, fz_engine_importance_f64, &all, 0);
  double gain = sample(&x, &memory, 0, words);
  fz_statistics_read(&x.layout, words, FZ_SECTION_GRADIENT, g);
  memory = x.tile.image[0].memory;
  memory.visits = 4;
  x.engine.destroy(&x.engine);
  for (int i = 0; i < SIZES; i++) {
    fz_proposal_options o = {10, (int)size[i], (int)size[i], 0.3, 4, 0.7, 0, true};
    double even_log, even_gradient;
    open_engine(&x, fz_engine_importance_f64, &o, 0);
    find_biases(&x, &memory, gain, g, draws[i], words, half, &of_log[i], &of_gradient[i]);
    of_log[i] = -of_log[i]; /* the logarithm is concave */
    x.engine.destroy(&x.engine);
    assert_true(of_log[i] > 0);
    /* Evenly spread draws, the default, have no such law; here they do better at every size. */
    o.independent = false;
    open_engine(&x, fz_engine_importance_f64, &o, 0);
    find_biases(&x, &memory, gain, g, draws[i] / 4, words, half, &even_log, &even_gradient);
    x.engine.destroy(&x.engine);
    print_message("%g draws per factor: bias of log-likelihood %.2g, of gradient %.2g; spread evenly %.2g, %.2g\n",
                  size[i], of_log[i], of_gradient[i], -even_log, even_gradient);
    assert_true(fabs(even_log) < 0.7 * of_log[i] && even_gradient < 0.7 * of_gradient[i]);
  }
  double slope[] = {slope_of(size, of_log, SIZES), slope_of(size, of_gradient, SIZES)};
  print_message("bias over samples per factor: slope %.3f (log-likelihood), %.3f (gradient)\n", slope[0], slope[1]);
  for (int k = 0; k < 2; k++) assert_true(fabs(slope[k] + 1) < 0.2);
  for (int h = 0; h < 2; h++) fz_free(&half[h]);
  fz_free(&g);
  fz_free(&words);
  drop(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(first_visits_are_exhaustive), cmocka_unit_test(sums_are_unbiased),
                                     cmocka_unit_test(biases_fall_as_one_over_samples)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
