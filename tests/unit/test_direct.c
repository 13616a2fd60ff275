/* The direct engine: its likelihood against a plain sum, its gradient against finite differences. */
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

enum { M = 16, KMAX = 5, IMAGES = 6, CLASSES = 2, VOXELS = M * M * M };

typedef struct fixture {
  fz_frequencies f;
  fz_quadrature q;
  fz_tile tile;
  double *voxel[CLASSES];
  double prior[CLASSES];
  fz_statistics_layout layout;
  bool modal; /* engines made for this */
} fixture;

static void build(fixture *x) {
  x->modal = false;
  fz_random r = fz_random_stream(5, FZ_PURPOSE_TEST, 0, 0);
  fz_rotation turn = fz_rotation_random(&r);
  assert_int_equal(fz_frequencies_init(&x->f, KMAX), FZ_OK);
  assert_int_equal(fz_quadrature_init(&x->q, (fz_direction_grid){FZ_DIRECTIONS_HEALPIX, 2}, 8, &turn, 1.0, 1.0, 0.8),
                   FZ_OK);
  assert_int_equal(fz_tile_init(&x->tile, IMAGES, &x->f, NULL), FZ_OK);
  x->tile.n = IMAGES;
  for (int i = 0; i < IMAGES; i++)
    for (int p = 0; p < x->f.count; p++) {
      double c = cos(0.3 * p + i), w = x->f.weight[p], re = fz_random_normal(&r), im = fz_random_normal(&r);
      x->tile.re[i * x->f.padded + p] = c * w * re;
      x->tile.im[i * x->f.padded + p] = c * w * im;
      x->tile.c2[i * x->f.padded + p] = c * c * w;
      x->tile.power[i * x->f.n_shells + x->f.shell[p]] += w * (re * re + im * im);
    }
  for (int k = 0; k < CLASSES; k++) {
    x->voxel[k] = fz_alloc(VOXELS, sizeof(double));
    for (int v = 0; v < VOXELS; v++) x->voxel[k][v] = 0.02 * fz_random_normal(&r);
  }
  x->prior[0] = 0.6;
  x->prior[1] = 0.4;
  x->layout = fz_statistics_layout_make(M, KMAX, CLASSES, 1, x->q.n_directions, x->q.n_shifts,
                                        FZ_WANT_MOMENTS | FZ_WANT_GRADIENT, 20, 2, IMAGES);
}

static void drop(fixture *x) {
  fz_tile_clear(&x->tile);
  fz_quadrature_clear(&x->q);
  fz_frequencies_clear(&x->f);
  for (int k = 0; k < CLASSES; k++) fz_free(&x->voxel[k]);
  assert_int_equal(fz_memory_blocks(), 0);
}

typedef fz_status (*make_engine)(const fz_engine_setup *, fz_engine *);

/* Sum of gains; with words given, also the statistics. */
static double gains(const fixture *x, make_engine make, int keep, int64_t *words, fz_image_posterior *posterior) {
  fz_engine_setup setup = {.m = M,
                           .box = M,
                           .n_classes = CLASSES,
                           .slice_scale = 1.0,
                           .frequencies = &x->f,
                           .quadrature = &x->q,
                           .tile_capacity = IMAGES,
                           .threads = 1,
                           .modal = x->modal,
                           .cache_bytes = keep ? 1 << 30 : 0};
  fz_engine engine;
  fz_image_posterior local[IMAGES];
  int64_t *scratch = fz_alloc(x->layout.total, sizeof *scratch);
  assert_int_equal(make(&setup, &engine), FZ_OK);
  engine.set_volumes(engine.self, (const double *const *)x->voxel, x->prior, 0, engine.n_pose_blocks);
  assert_int_equal(fz_marginal_tile(&engine, 0, &x->tile, &x->layout, scratch, posterior ? posterior : local), FZ_OK);
  engine.destroy(&engine);
  double sum = fz_statistics_scalar(&x->layout, scratch, FZ_SECTION_GAIN, 0);
  if (words) memcpy(words, scratch, sizeof *words * (size_t)x->layout.total);
  fz_free(&scratch);
  return sum;
}

/* Slices as direct Fourier sums over voxels, poses and shifts in plain loops. */
static double plain_gain(const fixture *x, int image) {
  double total = 0;
  const double pi = 3.14159265358979323846;
  double *re = fz_alloc(x->f.padded, sizeof *re), *im = fz_alloc(x->f.padded, sizeof *im);
  for (int k = 0; k < CLASSES; k++)
    for (int d = 0; d < x->q.n_directions; d++)
      for (int psi = 0; psi < x->q.n_psi; psi++) {
        fz_rotation a = fz_quadrature_rotation(&x->q, d, psi);
        for (int p = 0; p < x->f.count; p++) {
          double q[3];
          re[p] = im[p] = 0;
          for (int c = 0; c < 3; c++) q[c] = (x->f.kx[p] * a.m[0][c] + x->f.ky[p] * a.m[1][c]) * 2 * pi / M;
          for (int v = 0; v < VOXELS; v++) {
            double phase = q[0] * (v % M - M / 2) + q[1] * (v / M % M - M / 2) + q[2] * (v / M / M - M / 2);
            re[p] += x->voxel[k][v] * cos(phase);
            im[p] -= x->voxel[k][v] * sin(phase);
          }
        }
        for (int t = 0; t < x->q.n_shifts; t++) {
          double score = 0;
          for (int p = 0; p < x->f.count; p++) {
            double phase = 2 * pi / M * (x->f.kx[p] * x->q.shift_x_px[t] + x->f.ky[p] * x->q.shift_y_px[t]);
            double c = cos(phase), s = -sin(phase), sr = re[p] * c - im[p] * s, si = re[p] * s + im[p] * c;
            ptrdiff_t at = image * x->f.padded + p;
            score += x->tile.re[at] * sr + x->tile.im[at] * si - 0.5 * x->tile.c2[at] * (sr * sr + si * si);
          }
          total += x->prior[k] / (x->q.n_directions * x->q.n_psi) * exp(x->q.log_shift_weight[t] + score);
        }
      }
  fz_free(&re);
  fz_free(&im);
  return log(total);
}

static void likelihood_is_the_sum_over_poses(void **state) {
  (void)state;
  fixture x;
  build(&x);
  x.q.n_directions = 4; /* enough for the plain loops; the rest of the grid is left out on both sides */
  fz_image_posterior posterior[IMAGES];
  x.layout = fz_statistics_layout_make(M, KMAX, CLASSES, 1, 4, x.q.n_shifts, FZ_WANT_MOMENTS, 20, 2, IMAGES);
  gains(&x, fz_engine_direct_f64, 1, NULL, posterior);
  for (int i = 0; i < 2; i++) {
    double plain = plain_gain(&x, i);
    assert_true(fabs(posterior[i].gain - plain) < 2e-2 * fmax(1, fabs(plain))); /* white voxels: kernel error 5e-3 */
  }
  drop(&x);
}

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
    /* Along the gradient plus noise, so that the derivative is not small against rounding. */
    double slope = 0, norm = 0, f[2];
    for (int v = 0; v < VOXELS; v++) norm += gradient[v] * gradient[v];
    norm = sqrt(norm / VOXELS);
    for (int v = 0; v < VOXELS; v++) {
      direction[v] = gradient[v] / norm + fz_random_normal(&r);
      slope += gradient[v] * direction[v];
    }
    for (int side = 0; side < 2; side++) {
      double h = side ? -2 * step : step;
      for (int v = 0; v < VOXELS; v++) x.voxel[k][v] += h * direction[v];
      f[side] = -gains(&x, make, 1, NULL, NULL);
    }
    for (int v = 0; v < VOXELS; v++) x.voxel[k][v] += step * direction[v];
    assert_true(fabs((f[0] - f[1]) / (2 * step) - slope) < tolerance * fabs(slope));
  }
  fz_free(&direction);
  fz_free(&gradient);
  fz_free(&cell);
  fz_free(&words);
  drop(&x);
}

static void gradient_double(void **state) {
  (void)state;
  check_gradient(fz_engine_direct_f64, false, 1e-7, 1e-5);
}

static void gradient_float(void **state) {
  (void)state;
  check_gradient(fz_engine_direct_f32, false, 1e-5, 1e-3);
}

/* Slices kept or made anew give the same bits, and float agrees with double to its precision. */
static void precisions_and_caches_agree(void **state) {
  (void)state;
  fixture x;
  build(&x);
  int64_t *kept = fz_alloc(x.layout.total, sizeof *kept), *anew = fz_alloc(x.layout.total, sizeof *anew);
  fz_image_posterior single[IMAGES], twice[IMAGES];
  gains(&x, fz_engine_direct_f32, 1, kept, single);
  gains(&x, fz_engine_direct_f32, 0, anew, single);
  assert_memory_equal(kept, anew, sizeof *kept * (size_t)x.layout.total);
  gains(&x, fz_engine_direct_f64, 1, anew, twice);
  for (int i = 0; i < IMAGES; i++) {
    assert_true(fabs(single[i].gain - twice[i].gain) < 1e-4);
    assert_int_equal(single[i].direction, twice[i].direction);
    assert_int_equal(single[i].psi, twice[i].psi);
    assert_int_equal(single[i].shift, twice[i].shift);
  }
  double mass = 0;
  for (int d = 0; d < x.q.n_directions; d++) mass += fz_statistics_scalar(&x.layout, anew, FZ_SECTION_DIRECTION, d);
  assert_true(fabs(mass - IMAGES) < 1e-9);
  fz_free(&kept);
  fz_free(&anew);
  drop(&x);
}

static fz_engine open_engine(const fixture *x, int threads, double cutoff) {
  fz_engine_setup setup = {.m = M,
                           .box = M,
                           .n_classes = CLASSES,
                           .slice_scale = 1.0,
                           .frequencies = &x->f,
                           .quadrature = &x->q,
                           .tile_capacity = IMAGES,
                           .threads = threads,
                           .cutoff = cutoff,
                           .modal = x->modal,
                           .cache_bytes = 1 << 30};
  fz_engine engine;
  assert_int_equal(fz_engine_direct_f32(&setup, &engine), FZ_OK);
  assert_int_equal(engine.set_volumes(engine.self, (const double *const *)x->voxel, x->prior, 0, engine.n_pose_blocks),
                   FZ_OK);
  return engine;
}

/* Pose blocks dealt out to threads, last one first, add up to the bits of one thread that does them all in order. */
static void check_shared_blocks(bool modal) {
  enum { THREADS = 3 };
  fixture x;
  build(&x);
  x.modal = modal;
  fz_engine engine = open_engine(&x, THREADS, log((double)CLASSES * x.q.n_directions * 8 * x.q.n_shifts) + 7);
  int blocks = engine.n_pose_blocks;
  int64_t *together = fz_alloc(x.layout.total, sizeof *together), *apart = fz_alloc(x.layout.total, sizeof *apart);
  fz_image_posterior expected[IMAGES], got[IMAGES];
  fz_pose_total total[FZ_POSE_BLOCKS_MOST * IMAGES];
  fz_pose_part part[FZ_POSE_BLOCKS_MOST * IMAGES];
  double gain[IMAGES], block_gain[IMAGES];
  assert_true(blocks > THREADS);
  assert_int_equal(fz_marginal_tile(&engine, 0, &x.tile, &x.layout, together, expected), FZ_OK);
  for (int t = 0; t < THREADS; t++) engine.load(engine.self, t, &x.tile);
  for (int b = blocks - 1; b >= 0; b--) engine.totals(engine.self, b % THREADS, &x.tile, b, total + b * IMAGES);
  assert_int_equal(fz_marginal_gains(&engine, total, IMAGES, gain), FZ_OK);
  for (int b = blocks - 1; b >= 0; b--) {
    fz_marginal_block_gains(&engine, total, IMAGES, gain, b, block_gain);
    engine.moments(engine.self, b % THREADS, &x.tile, b, block_gain, &x.layout, apart, part + b * IMAGES);
  }
  fz_marginal_posterior(gain, part, blocks, IMAGES, got);
  fz_marginal_add_tile(&x.tile, gain, &x.layout, apart);
  assert_memory_equal(apart, together, sizeof *apart * (size_t)x.layout.total);
  assert_memory_equal(got, expected, sizeof got);
  for (int i = 0; i < IMAGES; i++) {
    double mass = 0;
    for (int b = 0; b < blocks; b++) mass += part[b * IMAGES + i].mass;
    assert_true(mass > 0.998 && mass < 1 + 1e-5);
    assert_true(expected[i].direction >= 0 && expected[i].peak <= 1 + 1e-6 && expected[i].entropy >= 0);
  }
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
  check_modes(fz_engine_direct_f64, 1e-9);
  check_modes(fz_engine_direct_f32, 1e-4);
}

/* The statistics of one best pose per image are the slope of the sum of best scores. */
static void modal_gradient(void **state) {
  (void)state;
  check_gradient(fz_engine_direct_f64, true, 1e-7, 1e-5);
}

/* Before an empty map all rotations are equal, in all pose blocks: each image still counts once. */
static void equal_poses_count_once(void **state) {
  (void)state;
  make_engine make[] = {fz_engine_direct_f64, fz_engine_direct_f32};
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
  fz_engine engine = open_engine(&x, 1, 0);
  int64_t *words = fz_alloc(x.layout.total, sizeof *words);
  fz_image_posterior posterior[IMAGES];
  x.tile.re[2 * x.f.padded] = NAN;
  assert_int_equal(fz_marginal_tile(&engine, 0, &x.tile, &x.layout, words, posterior), FZ_EDIVERGED);
  for (ptrdiff_t i = 0; i < x.layout.total; i++) assert_int_equal(words[i], 0);
  engine.destroy(&engine);
  fz_free(&words);
  drop(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(likelihood_is_the_sum_over_poses),
                                     cmocka_unit_test(gradient_double),
                                     cmocka_unit_test(gradient_float),
                                     cmocka_unit_test(precisions_and_caches_agree),
                                     cmocka_unit_test(pose_blocks_can_be_shared),
                                     cmocka_unit_test(modes_are_the_best_poses),
                                     cmocka_unit_test(modal_gradient),
                                     cmocka_unit_test(equal_poses_count_once),
                                     cmocka_unit_test(a_score_that_is_no_number_is_told)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
