/* Alignment: a phantom of Gaussians is moved analytically and the motion recovered; resampling against the analytic
 * map; thread counts; refusals; the simplex on a known minimum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <omp.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "metrics/align.h"
#include "metrics/fsc.h"
#include "metrics/simplex.h"

enum { BLOBS = 12 };
typedef struct blob {
  double x[3], width, height;
} blob;

static void make_blobs(int n, blob *b) {
  fz_random r = fz_random_stream(21, FZ_PURPOSE_TEST, 0, 0);
  for (int i = 0; i < BLOBS; i++) {
    /* a point of the unit sphere times at most 0.22 n: the widest blob still vanishes at the box edge */
    fz_rotation turn = fz_rotation_random(&r);
    double radius = 0.22 * n * sqrt(fz_random_uniform(&r));
    for (int d = 0; d < 3; d++) b[i].x[d] = radius * turn.m[2][d];
    b[i].width = n * (0.035 + 0.02 * fz_random_uniform(&r));
    b[i].height = 0.5 + fz_random_uniform(&r);
  }
}

/* moved(x) = phantom'(R x + t), evaluated, not interpolated */
static fz_map draw(int n, const blob *b, const fz_rigid *motion) {
  fz_map map = {.n = n, .voxel_A = 1, .voxel = fz_alloc((ptrdiff_t)n * n * n, sizeof(float))};
  for (int i = 0; i < n * n * n; i++) {
    double x[3] = {i % n - n / 2, i / n % n - n / 2, i / n / n - n / 2}, sum = 0;
    fz_rotation_apply(&motion->rotation, x, x);
    for (int d = 0; d < 3; d++) x[d] += motion->shift[d];
    if (motion->mirrored) x[0] = -x[0];
    for (int j = 0; j < BLOBS; j++) {
      double r2 = 0;
      for (int d = 0; d < 3; d++) r2 += (x[d] - b[j].x[d]) * (x[d] - b[j].x[d]);
      sum += b[j].height * exp(-r2 / (2 * b[j].width * b[j].width));
    }
    map.voxel[i] = (float)sum;
  }
  return map;
}

static const fz_rigid still = {.rotation = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}};

static double worst_difference(const fz_map *a, const fz_map *b) {
  double worst = 0;
  for (int i = 0; i < a->n * a->n * a->n; i++) worst = fmax(worst, fabs((double)a->voxel[i] - b->voxel[i]));
  return worst;
}

/* The narrowest blob, 1.1 voxels, aliases exp(-(pi 1.1)^2 / 2) = 0.003 of its spectrum at Nyquist, little of it in a
 * voxel; the widest, 1.8 voxels, is cut where it has fallen to exp(-4.5^2 / 2): 2e-3 of a height of about 1.5. */
static void resampling_is_exact(void **state) {
  (void)state;
  for (int n = 32; n <= 33; n++)
    for (int mirrored = 0; mirrored < 2; mirrored++) {
      blob b[BLOBS];
      make_blobs(n, b);
      fz_rigid motion = {
          .mirrored = mirrored, .rotation = fz_rotation_from_euler(25, 60, -100), .shift = {1.3, -0.6, 2}};
      fz_map map = draw(n, b, &still), expected = draw(n, b, &motion), moved = {0};
      assert_int_equal(fz_resample_rigid(&map, &motion, &moved, NULL), FZ_OK);
      assert_int_equal(moved.n, n);
      assert_true(moved.voxel_A == 1);
      assert_true(worst_difference(&moved, &expected) < 2e-3);
      assert_int_equal(fz_resample_rigid(&map, &still, &moved, NULL), FZ_OK);
      assert_true(worst_difference(&moved, &map) < 1e-4);
      fz_map_clear(&map);
      fz_map_clear(&expected);
      fz_map_clear(&moved);
    }
  assert_int_equal(fz_memory_blocks(), 0);
}

static void add_noise(fz_map *map, double deviation) {
  fz_random r = fz_random_stream(22, FZ_PURPOSE_TEST, 0, 0);
  for (int i = 0; i < map->n * map->n * map->n; i++) map->voxel[i] += (float)(deviation * fz_random_normal(&r));
}

/* reference(x) = phantom'(R x + t) and map = phantom + noise: the motion to find is (R, t) itself. */
static void motion_is_recovered(void **state) {
  (void)state;
  for (int mirrored = 0; mirrored < 2; mirrored++) {
    int n = 36 + mirrored;
    blob b[BLOBS];
    make_blobs(n, b);
    fz_rigid g = {.mirrored = mirrored, .rotation = fz_rotation_from_euler(-50, 110, 20), .shift = {2.2, -3.1, 0.7}};
    fz_map map = draw(n, b, &still), reference = draw(n, b, &g), moved = {0};
    add_noise(&map, 0.05);
    fz_align_options options = fz_align_default(n);
    options.step_deg = 18;
    fz_align_result result;
    assert_int_equal(fz_align_find(&map, &reference, &options, &result, NULL), FZ_OK);
    assert_int_equal(result.best, mirrored);
    const fz_align_hand *hand = &result.hand[mirrored];
    assert_true(hand->correlation[FZ_ALIGN_MIDDLE] > 0.95);
    assert_true(result.hand[!mirrored].correlation[FZ_ALIGN_MIDDLE] < 0.9 * hand->correlation[FZ_ALIGN_MIDDLE]);
    assert_true(fz_rotation_distance(&hand->motion.rotation, &g.rotation) < 0.5 * acos(-1) / 180);
    for (int d = 0; d < 3; d++) assert_true(fabs(hand->motion.shift[d] - g.shift[d]) < 0.1);
    assert_int_equal(fz_resample_rigid(&map, &hand->motion, &moved, NULL), FZ_OK);
    double fsc[21];
    assert_int_equal(fz_fsc_compute(&moved, &reference, NULL, fsc, NULL), FZ_OK);
    assert_true(fz_fsc_cross(fsc, n, 1, 0.5).shell > 8);
    fz_map_clear(&map);
    fz_map_clear(&reference);
    fz_map_clear(&moved);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

static void one_hand_only_and_threads(void **state) {
  (void)state;
  enum { N = 24 };
  blob b[BLOBS];
  make_blobs(N, b);
  fz_rigid g = {.rotation = fz_rotation_from_euler(10, 20, 30), .shift = {1, 0, -1}};
  fz_map map = draw(N, b, &still), reference = draw(N, b, &g);
  fz_align_options options = fz_align_default(N);
  options.try_same = false;
  options.step_deg = 30;
  fz_align_result one, three;
  int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  assert_int_equal(fz_align_find(&map, &reference, &options, &one, NULL), FZ_OK);
  omp_set_num_threads(3);
  assert_int_equal(fz_align_find(&map, &reference, &options, &three, NULL), FZ_OK);
  omp_set_num_threads(threads);
  assert_true(one.best == 1 && one.hand[1].tried && !one.hand[0].tried);
  assert_memory_equal(one.hand[1].correlation, three.hand[1].correlation, sizeof one.hand[1].correlation);
  assert_memory_equal(&one.hand[1].motion.rotation, &three.hand[1].motion.rotation, sizeof(fz_rotation));
  assert_memory_equal(one.hand[1].motion.shift, three.hand[1].motion.shift, sizeof one.hand[1].motion.shift);
  fz_map_clear(&map);
  fz_map_clear(&reference);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void refusals(void **state) {
  (void)state;
  blob b[BLOBS];
  make_blobs(16, b);
  fz_map map = draw(16, b, &still), small = draw(8, b, &still), constant = draw(16, b, &still);
  memset(constant.voxel, 0, 16 * 16 * 16 * sizeof(float));
  fz_align_options options = fz_align_default(16);
  fz_align_result result;
  assert_int_equal(fz_align_find(&map, &small, &options, &result, NULL), FZ_EINVAL);
  assert_int_equal(fz_align_find(&small, &small, &options, &result, NULL), FZ_EINVAL);
  assert_int_equal(fz_align_find(&constant, &map, &options, &result, NULL), FZ_EINPUT);
  assert_int_equal(fz_align_find(&map, &constant, &options, &result, NULL), FZ_EINPUT);
  map.voxel[5] = INFINITY;
  assert_int_equal(fz_align_find(&map, &map, &options, &result, NULL), FZ_EINPUT);
  map.voxel[5] = 0;
  options.shells[FZ_ALIGN_FINE] = 7;
  assert_int_equal(fz_align_find(&map, &map, &options, &result, NULL), FZ_EINVAL);
  fz_map_clear(&map);
  fz_map_clear(&small);
  fz_map_clear(&constant);
  assert_int_equal(fz_memory_blocks(), 0);
}

static double valley(const double *x, void *context) {
  (void)context;
  return 100 * pow(x[1] - x[0] * x[0], 2) + pow(1 - x[0], 2) + 3; /* Rosenbrock: minimum 3 at (1, 1) */
}

static void simplex(void **state) {
  (void)state;
  double x[2] = {-1.2, 1};
  double f = fz_simplex_minimize(2, valley, NULL, x, (double[2]){0.5, 0.5}, 1e-8, 1e-14, 1000);
  assert_true(fabs(f - 3) < 1e-10 && fabs(x[0] - 1) < 1e-6 && fabs(x[1] - 1) < 1e-6);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(resampling_is_exact), cmocka_unit_test(motion_is_recovered),
                                     cmocka_unit_test(one_hand_only_and_threads), cmocka_unit_test(refusals),
                                     cmocka_unit_test(simplex)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
