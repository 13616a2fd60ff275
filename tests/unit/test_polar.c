/* The polar engine: its likelihood against plain sums over the rings, its gradient against finite differences, and
 * that neither precision, nor caches, nor who does which pose block matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "estep/marginal.h"
#include "model/projector.h"

enum { M = 18, KMAX = 5, ANGLES = 40, IMAGES = 6, CLASSES = 2, VOXELS = M * M * M };
static const double SUPPORT = 0.42, PI = 3.14159265358979323846; /* boxes */

typedef struct fixture {
  fz_frequencies f;
  fz_rings rings;
  fz_quadrature q;
  fz_tile tile;
  double *voxel[CLASSES];
  double prior[CLASSES];
  fz_statistics_layout layout;
  bool modal; /* engines made for this */
} fixture;

static double ctf(double radius, double angle, int image) {
  return cos(0.7 * radius + 0.4 * cos(2 * angle - image) + image);
}

static void fill_tile(fixture *x, fz_random *r) {
  const fz_rings *norm = x->rings.norm;
  ptrdiff_t points = (ptrdiff_t)x->rings.n_rings * ANGLES / 2, more = (ptrdiff_t)norm->n_rings * ANGLES / 2;
  x->tile = (fz_tile){.n = IMAGES};
  x->tile.ring_re = fz_alloc(IMAGES * points, sizeof(double));
  x->tile.ring_im = fz_alloc(IMAGES * points, sizeof(double));
  x->tile.ring_c2 = fz_alloc(IMAGES * more, sizeof(double));
  x->tile.power = fz_alloc((ptrdiff_t)IMAGES * x->f.n_shells, sizeof(double));
  for (int i = 0; i < IMAGES; i++) {
    for (ptrdiff_t p = 0; p < points; p++) {
      double radius = x->rings.radius[p / (ANGLES / 2)], angle = 2 * PI * (double)(p % (ANGLES / 2)) / ANGLES;
      double c = ctf(radius, angle, i), w = 2 * PI * radius / ANGLES * fz_taper(radius, KMAX);
      x->tile.ring_re[i * points + p] = c * w * fz_random_normal(r);
      x->tile.ring_im[i * points + p] = c * w * fz_random_normal(r);
    }
    for (ptrdiff_t p = 0; p < more; p++) {
      double c = ctf(norm->radius[p / (ANGLES / 2)], 2 * PI * (double)(p % (ANGLES / 2)) / ANGLES, i);
      x->tile.ring_c2[i * more + p] = c * c * norm->weight[p / (ANGLES / 2)];
    }
  }
}

static void build(fixture *x) {
  x->modal = false;
  fz_random r = fz_random_stream(5, FZ_PURPOSE_TEST, 0, 0);
  fz_rotation turn = fz_rotation_random(&r);
  fz_direction_grid grid = {FZ_DIRECTIONS_HEALPIX, 1};
  assert_int_equal(fz_frequencies_init(&x->f, KMAX), FZ_OK);
  assert_int_equal(fz_rings_init(&x->rings, KMAX, ANGLES), FZ_OK);
  assert_int_equal(fz_quadrature_init(&x->q, grid, ANGLES, &turn, 1.0, 1.0, 0.8), FZ_OK);
  fill_tile(x, &r);
  for (int k = 0; k < CLASSES; k++) {
    x->voxel[k] = fz_alloc(VOXELS, sizeof(double));
    for (int v = 0; v < VOXELS; v++) {
      double radius = hypot(hypot(v % M - M / 2, v / M % M - M / 2), v / M / M - M / 2);
      x->voxel[k][v] = radius < SUPPORT * M ? 0.05 * fz_random_normal(&r) : 0;
    }
  }
  x->prior[0] = 0.6;
  x->prior[1] = 0.4;
  x->layout = fz_statistics_layout_make(M, KMAX, CLASSES, 1, x->q.n_directions, x->q.n_shifts,
                                        FZ_WANT_MOMENTS | FZ_WANT_GRADIENT, 20, 2, IMAGES);
}

static void drop(fixture *x) {
  fz_free(&x->tile.ring_re);
  fz_free(&x->tile.ring_im);
  fz_free(&x->tile.ring_c2);
  fz_free(&x->tile.power);
  fz_quadrature_clear(&x->q);
  fz_rings_clear(&x->rings);
  fz_frequencies_clear(&x->f);
  for (int k = 0; k < CLASSES; k++) fz_free(&x->voxel[k]);
  assert_int_equal(fz_memory_blocks(), 0);
}

typedef fz_status (*make_engine)(const fz_engine_setup *, fz_engine *);

static fz_engine open_engine(const fixture *x, make_engine make, int keep, int threads, double cutoff) {
  fz_engine_setup setup = {.m = M,
                           .box = M,
                           .n_classes = CLASSES,
                           .slice_scale = 1.0,
                           .frequencies = &x->f,
                           .quadrature = &x->q,
                           .rings = &x->rings,
                           .support = SUPPORT,
                           .tile_capacity = IMAGES,
                           .threads = threads,
                           .cutoff = cutoff,
                           .modal = x->modal,
                           .cache_bytes = keep ? 1 << 30 : 0};
  fz_engine engine;
  assert_int_equal(make(&setup, &engine), FZ_OK);
  assert_int_equal(engine.set_volumes(engine.self, (const double *const *)x->voxel, x->prior, 0, engine.n_pose_blocks),
                   FZ_OK);
  return engine;
}

/* Sum of gains; with words given, also the statistics. */
static double gains(const fixture *x, make_engine make, int keep, int64_t *words, fz_image_posterior *posterior) {
  fz_engine engine = open_engine(x, make, keep, 1, 0);
  fz_image_posterior local[IMAGES];
  int64_t *scratch = fz_alloc(x->layout.total, sizeof *scratch);
  assert_int_equal(fz_marginal_tile(&engine, 0, &x->tile, &x->layout, scratch, posterior ? posterior : local), FZ_OK);
  fz_marginal_release(&engine, 0, &x->layout, scratch);
  engine.destroy(&engine);
  double sum = fz_statistics_scalar(&x->layout, scratch, FZ_SECTION_GAIN, 0);
  if (words) memcpy(words, scratch, sizeof *words * (size_t)x->layout.total);
  fz_free(&scratch);
  return sum;
}

typedef struct plain {
  double gain, best, moment;
  int class_index, direction, psi, shift;
} plain;

/* Score of one pose from samples of its slice: half the circle, each point counted twice. */
static double plain_score(const fixture *x, int image, int t, const float *re, const float *im, const float *norm_re,
                          const float *norm_im) {
  ptrdiff_t points = (ptrdiff_t)x->rings.n_rings * ANGLES / 2, more = (ptrdiff_t)x->rings.norm->n_rings * ANGLES / 2;
  double score = x->q.log_shift_weight[t];
  for (ptrdiff_t p = 0; p < points; p++) {
    double r = x->rings.radius[p / (ANGLES / 2)], theta = 2 * PI * (double)(p % (ANGLES / 2)) / ANGLES;
    double phase = 2 * PI / M * r * (cos(theta) * x->q.shift_x_px[t] + sin(theta) * x->q.shift_y_px[t]);
    double c = cos(phase), s = -sin(phase), sr = re[p] * c - im[p] * s, si = re[p] * s + im[p] * c;
    score += 2 * (x->tile.ring_re[image * points + p] * sr + x->tile.ring_im[image * points + p] * si);
  }
  for (ptrdiff_t p = 0; p < more; p++)
    score -= x->tile.ring_c2[image * more + p] * ((double)norm_re[p] * norm_re[p] + (double)norm_im[p] * norm_im[p]);
  return score;
}

/* All poses in plain loops. */
static plain plain_posterior(const fixture *x, int image) {
  ptrdiff_t more = (ptrdiff_t)x->rings.norm->n_rings * ANGLES / 2;
  float *s[4];
  double total = 0;
  plain out = {.best = -1e30};
  for (int i = 0; i < 4; i++) s[i] = fz_alloc(more, sizeof *s[i]);
  for (int k = 0; k < CLASSES; k++) {
    fz_projector *projector = fz_projector_create(M, KMAX);
    fz_projector_set(projector, x->voxel[k], 1.0);
    for (int d = 0; d < x->q.n_directions; d++)
      for (int psi = 0; psi < ANGLES; psi++) {
        fz_rotation a = fz_quadrature_rotation(&x->q, d, psi);
        fz_projector_rings(projector, &x->rings, &a, s[0], s[1]);
        fz_projector_rings(projector, x->rings.norm, &a, s[2], s[3]);
        for (int t = 0; t < x->q.n_shifts; t++) {
          double score =
              log(x->prior[k] / (x->q.n_directions * ANGLES)) + plain_score(x, image, t, s[0], s[1], s[2], s[3]);
          total += exp(score);
          out.moment += exp(score) * score;
          if (score > out.best) out = (plain){0, score, out.moment, k, d, psi, t};
        }
      }
    fz_projector_destroy(&projector);
  }
  for (int i = 0; i < 4; i++) fz_free(&s[i]);
  out.gain = log(total);
  out.moment /= total;
  return out;
}

static void posterior_is_that_of_plain_sums(void **state) {
  (void)state;
  fixture x;
  build(&x);
  fz_image_posterior posterior[IMAGES];
  gains(&x, fz_engine_polar_f64, 1, NULL, posterior);
  for (int i = 0; i < 3; i++) {
    plain expected = plain_posterior(&x, i);
    assert_true(fabs(posterior[i].gain - expected.gain) < 1e-2); /* white images: what spectra leave out */
    assert_true(fabs(posterior[i].entropy - (expected.gain - expected.moment)) < 1e-2);
    assert_int_equal(posterior[i].class_index, expected.class_index);
    assert_int_equal(posterior[i].direction, expected.direction);
    assert_int_equal(posterior[i].psi, expected.psi);
    assert_int_equal(posterior[i].shift, expected.shift);
    assert_true(fabs(log(posterior[i].peak) - (expected.best - expected.gain)) < 1e-2);
  }
  drop(&x);
}

/* A change of the volume within its support: what the engine leaves out of spectra is zero there. */
static void check_gradient(make_engine make, bool modal, double step, double tolerance) {
  fixture x;
  build(&x);
  x.modal = modal;
  int64_t *words = fz_alloc(x.layout.total, sizeof *words);
  double *cell = fz_alloc(x.layout.length[FZ_SECTION_GRADIENT], sizeof *cell);
  double *gradient = fz_alloc(VOXELS, sizeof *gradient), *direction = fz_alloc(VOXELS, sizeof *direction);
  gains(&x, make, 1, words, NULL);
  fz_statistics_read(&x.layout, words, FZ_SECTION_GRADIENT, cell);
  fz_random r = fz_random_stream(6, FZ_PURPOSE_TEST, 0, 0);
  for (int k = 0; k < CLASSES; k++) {
    assert_int_equal(fz_cube_to_voxels(&x.layout.b_cube, cell + 2 * k * x.layout.b_cube.cells, 2, M, gradient), FZ_OK);
    double slope = 0, norm = 0, f[2];
    for (int v = 0; v < VOXELS; v++) norm += gradient[v] * gradient[v];
    norm = norm > 0 ? sqrt(norm / VOXELS) : 1; /* no image may prefer a class */
    for (int v = 0; v < VOXELS; v++) {
      direction[v] = x.voxel[k][v] == 0 ? 0 : gradient[v] / norm + fz_random_normal(&r);
      slope += gradient[v] * direction[v];
    }
    for (int side = 0; side < 2; side++) {
      double h = side ? -2 * step : step;
      for (int v = 0; v < VOXELS; v++) x.voxel[k][v] += h * direction[v];
      f[side] = -gains(&x, make, 1, NULL, NULL);
    }
    for (int v = 0; v < VOXELS; v++) x.voxel[k][v] += step * direction[v];
    assert_true(fabs((f[0] - f[1]) / (2 * step) - slope) <= tolerance * fabs(slope));
  }
  fz_free(&direction);
  fz_free(&gradient);
  fz_free(&cell);
  fz_free(&words);
  drop(&x);
}

static void gradient_double(void **state) {
  (void)state;
  check_gradient(fz_engine_polar_f64, false, 1e-6, 1e-4); /* spectra end where they are below 1e-4 */
}

static void gradient_float(void **state) {
  (void)state;
  check_gradient(fz_engine_polar_f32, false, 2e-6, 2e-3);
}

/* The moments give the gradient of the quadratic surrogate at the same posterior: sum A |S|^2 - 2 Re B S. */
static void residual_is_that_of_the_moments(void **state) {
  (void)state;
  fixture x;
  build(&x);
  int64_t *words = fz_alloc(x.layout.total, sizeof *words);
  double expected = 0, shell[KMAX + 2];
  gains(&x, fz_engine_polar_f64, 1, words, NULL);
  fz_statistics_read(&x.layout, words, FZ_SECTION_RESIDUAL, shell);
  double *cell = fz_alloc(x.layout.length[FZ_SECTION_GRADIENT], sizeof *cell), *g = fz_alloc(VOXELS, sizeof *g);
  double *b = fz_alloc(VOXELS, sizeof *b);
  fz_statistics_read(&x.layout, words, FZ_SECTION_GRADIENT, cell);
  for (int k = 0; k < CLASSES; k++) { /* <g, U> = A|S|^2 - B.S and <b, U> = B.S, so their difference is the residual */
    assert_int_equal(fz_cube_to_voxels(&x.layout.b_cube, cell + 2 * k * x.layout.b_cube.cells, 2, M, g), FZ_OK);
    double *cells = fz_alloc(x.layout.length[FZ_SECTION_B], sizeof *cells);
    fz_statistics_read(&x.layout, words, FZ_SECTION_B, cells);
    assert_int_equal(fz_cube_to_voxels(&x.layout.b_cube, cells + 2 * k * x.layout.b_cube.cells, 2, M, b), FZ_OK);
    for (int v = 0; v < VOXELS; v++) expected += (g[v] - b[v]) * x.voxel[k][v];
    fz_free(&cells);
  }
  double residual = 0;
  for (int s = 0; s < KMAX + 2; s++) residual += shell[s];
  assert_true(fabs(residual - expected) < 1e-3 * fabs(expected));
  fz_free(&b);
  fz_free(&g);
  fz_free(&cell);
  fz_free(&words);
  drop(&x);
}

/* Slices kept or made anew give the same bits, and float agrees with double to its precision. */
static void precisions_and_caches_agree(void **state) {
  (void)state;
  fixture x;
  build(&x);
  int64_t *kept = fz_alloc(x.layout.total, sizeof *kept), *anew = fz_alloc(x.layout.total, sizeof *anew);
  fz_image_posterior single[IMAGES], twice[IMAGES];
  gains(&x, fz_engine_polar_f32, 1, kept, single);
  gains(&x, fz_engine_polar_f32, 0, anew, single);
  assert_memory_equal(kept, anew, sizeof *kept * (size_t)x.layout.total);
  gains(&x, fz_engine_polar_f64, 1, anew, twice);
  for (int i = 0; i < IMAGES; i++) {
    assert_true(fabs(single[i].gain - twice[i].gain) < 1e-4);
    assert_int_equal(single[i].direction, twice[i].direction);
    assert_int_equal(single[i].psi, twice[i].psi);
    assert_int_equal(single[i].shift, twice[i].shift);
  }
  double mass = 0, classes = 0, shifts = 0;
  for (int d = 0; d < x.q.n_directions; d++) mass += fz_statistics_scalar(&x.layout, anew, FZ_SECTION_DIRECTION, d);
  for (int k = 0; k < CLASSES; k++) classes += fz_statistics_scalar(&x.layout, anew, FZ_SECTION_CLASS, k);
  for (int t = 0; t < x.q.n_shifts; t++) shifts += fz_statistics_scalar(&x.layout, anew, FZ_SECTION_SHIFT, t);
  assert_true(fabs(mass - IMAGES) < 1e-6 && fabs(classes - IMAGES) < 1e-6 && fabs(shifts - IMAGES) < 1e-6);
  fz_free(&kept);
  fz_free(&anew);
  drop(&x);
}

/* Pose blocks dealt out to threads, last one first, add up to the bits of one thread that does them all in order. */
static void check_shared_blocks(bool modal) {
  enum { THREADS = 2 };
  fixture x;
  build(&x);
  x.modal = modal;
  fz_engine engine = open_engine(&x, fz_engine_polar_f32, 1, THREADS, 12);
  int blocks = engine.n_pose_blocks;
  int64_t *together = fz_alloc(x.layout.total, sizeof *together), *apart = fz_alloc(x.layout.total, sizeof *apart);
  fz_image_posterior expected[IMAGES], got[IMAGES];
  fz_pose_total total[FZ_POSE_BLOCKS_MOST * IMAGES];
  fz_pose_part part[FZ_POSE_BLOCKS_MOST * IMAGES];
  double gain[IMAGES], block_gain[IMAGES];
  assert_true(blocks >= THREADS);
  assert_int_equal(fz_marginal_tile(&engine, 0, &x.tile, &x.layout, together, expected), FZ_OK);
  fz_marginal_release(&engine, 0, &x.layout, together);
  for (int t = 0; t < THREADS; t++) engine.load(engine.self, t, &x.tile);
  for (int b = blocks - 1; b >= 0; b--) engine.totals(engine.self, b % THREADS, &x.tile, b, total + b * IMAGES);
  assert_int_equal(fz_marginal_gains(&engine, total, IMAGES, gain), FZ_OK);
  for (int b = blocks - 1; b >= 0; b--) {
    fz_marginal_block_gains(&engine, total, IMAGES, gain, b, block_gain);
    engine.moments(engine.self, b % THREADS, &x.tile, b, block_gain, &x.layout, apart, part + b * IMAGES);
  }
  fz_marginal_posterior(gain, part, blocks, IMAGES, got);
  for (int b = blocks - 1; b >= 0; b--) engine.release(engine.self, b % THREADS, b, &x.layout, apart);
  fz_marginal_add_tile(&x.tile, gain, &x.layout, apart);
  assert_memory_equal(apart, together, sizeof *apart * (size_t)x.layout.total);
  assert_memory_equal(got, expected, sizeof got);
  engine.destroy(&engine);
  fz_free(&together);
  fz_free(&apart);
  drop(&x);
}

static void pose_blocks_can_be_shared(void **state) {
  (void)state;
  check_shared_blocks(false);
  check_shared_blocks(true);
}

/* Modal: the best of the poses that marginalization weighs, with the whole weight of the image, exactly. */
static void check_modes(make_engine make, double tolerance) {
  fixture x;
  build(&x);
  int64_t *words = fz_alloc(x.layout.total, sizeof *words);
  fz_image_posterior all[IMAGES], mode[IMAGES];
  int direction[IMAGES] = {0};
  double sum = 0;
  gains(&x, make, 1, NULL, all);
  x.modal = true;
  double gain = gains(&x, make, 1, words, mode);
  for (int i = 0; i < IMAGES; i++) {
    assert_true(fabs(mode[i].gain - (all[i].gain + log(all[i].peak))) < tolerance);
    assert_true(mode[i].peak == 1 && mode[i].entropy == 0);
    assert_int_equal(mode[i].class_index, all[i].class_index);
    assert_int_equal(mode[i].direction, all[i].direction);
    assert_int_equal(mode[i].psi, all[i].psi);
    assert_int_equal(mode[i].shift, all[i].shift);
    sum += mode[i].gain;
  }
  assert_true(fabs(sum - gain) < 1e-6);
  for (int i = 0; i < IMAGES; i++) {
    for (int j = 0; j < IMAGES; j++) direction[i] += mode[j].direction == mode[i].direction;
    assert_true(fz_statistics_scalar(&x.layout, words, FZ_SECTION_DIRECTION, mode[i].direction) == direction[i]);
  }
  double classes = 0, shifts = 0;
  for (int k = 0; k < CLASSES; k++) classes += fz_statistics_scalar(&x.layout, words, FZ_SECTION_CLASS, k);
  for (int t = 0; t < x.q.n_shifts; t++) shifts += fz_statistics_scalar(&x.layout, words, FZ_SECTION_SHIFT, t);
  assert_true(classes == IMAGES && shifts == IMAGES);
  fz_free(&words);
  drop(&x);
}

static void modes_are_the_best_poses(void **state) {
  (void)state;
  check_modes(fz_engine_polar_f64, 1e-9);
  check_modes(fz_engine_polar_f32, 1e-4);
}

/* The statistics of one best pose per image are the slope of the sum of best scores. */
static void modal_gradient(void **state) {
  (void)state;
  check_gradient(fz_engine_polar_f64, true, 1e-6, 1e-4);
}

/* Before an empty map all rotations are equal, in all pose blocks: each image still counts once. */
static void equal_poses_count_once(void **state) {
  (void)state;
  make_engine make[] = {fz_engine_polar_f64, fz_engine_polar_f32};
  for (int precision = 0; precision < 2; precision++) {
    fixture x;
    build(&x);
    x.modal = true;
    for (int k = 0; k < CLASSES; k++) memset(x.voxel[k], 0, sizeof(double) * VOXELS);
    int64_t *words = fz_alloc(x.layout.total, sizeof *words);
    fz_image_posterior mode[IMAGES];
    gains(&x, make[precision], 1, words, mode);
    assert_true(fz_statistics_scalar(&x.layout, words, FZ_SECTION_DIRECTION, 0) == IMAGES);
    assert_true(fz_statistics_scalar(&x.layout, words, FZ_SECTION_CLASS, 0) == IMAGES);
    for (int i = 0; i < IMAGES; i++) {
      assert_true(mode[i].class_index == 0 && mode[i].direction == 0 && mode[i].psi == 0);
      assert_true(mode[i].shift == x.q.n_shifts / 2 && mode[i].peak == 1);
    }
    fz_free(&words);
    drop(&x);
  }
}

static void a_score_that_is_no_number_is_told(void **state) {
  (void)state;
  fixture x;
  build(&x);
  x.voxel[0][VOXELS / 2] = x.voxel[1][VOXELS / 2] = NAN;
  fz_engine engine = open_engine(&x, fz_engine_polar_f32, 1, 1, 12);
  int64_t *words = fz_alloc(x.layout.total, sizeof *words);
  fz_image_posterior posterior[IMAGES];
  assert_int_equal(fz_marginal_tile(&engine, 0, &x.tile, &x.layout, words, posterior), FZ_EDIVERGED);
  engine.destroy(&engine);
  fz_free(&words);
  drop(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(posterior_is_that_of_plain_sums),
      cmocka_unit_test(gradient_double),
      cmocka_unit_test(gradient_float),
      cmocka_unit_test(residual_is_that_of_the_moments),
      cmocka_unit_test(precisions_and_caches_agree),
      cmocka_unit_test(pose_blocks_can_be_shared),
      cmocka_unit_test(modes_are_the_best_poses),
      cmocka_unit_test(modal_gradient),
      cmocka_unit_test(equal_poses_count_once),
      cmocka_unit_test(a_score_that_is_no_number_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
