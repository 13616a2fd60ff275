/* Centring: a blob off the middle is found and moved there; plane waves and whole voxels move as they must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "core/memory.h"
#include "core/random.h"
#include "model/centring.h"

static const double PI = 3.14159265358979323846;
enum { MOST = 25 };
static const int sizes[] = {24, MOST};

static double blob_at(int m, int z, int y, int x, const double *c) {
  double dx = x - m / 2 - c[0], dy = y - m / 2 - c[1], dz = z - m / 2 - c[2];
  return 3 * exp(-(dx * dx + dy * dy + dz * dz) / (2 * 1.6 * 1.6));
}

static double wave_at(int m, int z, int y, int x, const double *c) {
  return cos(2 * PI * (4 * (x - c[0]) - 3 * (y - c[1]) + 2 * (z - c[2])) / m + 0.4) + 0.25;
}

typedef double shape(int m, int z, int y, int x, const double *c);

static double *make(int m, shape *f, const double *c) {
  double *v = fz_alloc((ptrdiff_t)m * m * m, sizeof *v);
  for (int i = 0; i < m * m * m; i++) v[i] = f(m, i / (m * m), i / m % m, i % m, c);
  return v;
}

static double difference(int m, const double *a, const double *b) {
  double most = 0;
  for (int i = 0; i < m * m * m; i++) most = fmax(most, fabs(a[i] - b[i]));
  return most;
}

static void blob_is_found_and_moved(void **state) {
  (void)state;
  const double off[] = {0.37, -1.62, 0.05}, middle[3] = {0};
  for (int k = 0; k < 2; k++) {
    int m = sizes[k];
    double *v = make(m, blob_at, off), *truth = make(m, blob_at, middle), centre[3];
    fz_centring_find(m, v, centre);
    for (int c = 0; c < 3; c++) assert_true(fabs(centre[c] - off[c]) < 1e-6);
    assert_int_equal(fz_centring_shift(m, centre, v), FZ_OK);
    assert_true(difference(m, v, truth) < 1e-4);
    fz_centring_find(m, v, centre);
    for (int c = 0; c < 3; c++) assert_true(fabs(centre[c]) < 1e-5);
    /* Dark particles are found as bright ones are. */
    for (int i = 0; i < m * m * m; i++) v[i] = -truth[i];
    fz_centring_find(m, v, centre);
    for (int c = 0; c < 3; c++) assert_true(fabs(centre[c]) < 1e-6);
    fz_free(&v);
    fz_free(&truth);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

static void a_wave_moves_by_its_phase(void **state) {
  (void)state;
  const double from[] = {0.5, 2.25, -1.3}, to[] = {0, 0, 0};
  for (int k = 0; k < 2; k++) {
    int m = sizes[k];
    double *v = make(m, wave_at, from), *truth = make(m, wave_at, to);
    assert_int_equal(fz_centring_shift(m, from, v), FZ_OK);
    assert_true(difference(m, v, truth) < 1e-10);
    fz_free(&v);
    fz_free(&truth);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* The last frequency of an even box has no sign: its wave keeps its place and gets smaller. */
static void the_last_frequency(void **state) {
  (void)state;
  enum { N = 8 };
  double *v = fz_alloc(N * N * N, sizeof *v);
  for (int i = 0; i < N * N * N; i++) v[i] = (i / (N * N) % 2 ? -1 : 1) * cos(2 * PI * 3 * (i % N) / N);
  assert_int_equal(fz_centring_shift(N, (double[3]){0, 0, 0.3}, v), FZ_OK);
  for (int i = 0; i < N * N * N; i++)
    assert_true(fabs(v[i] - cos(0.3 * PI) * (i / (N * N) % 2 ? -1 : 1) * cos(2 * PI * 3 * (i % N) / N)) < 1e-12);
  fz_free(&v);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* White noise, which has power at the highest frequencies too: whole voxels are a roll. */
static void whole_voxels_roll(void **state) {
  (void)state;
  const int by[] = {3, -5, 1};
  for (int k = 0; k < 2; k++) {
    int m = sizes[k];
    fz_random r = fz_random_stream(7, FZ_PURPOSE_TEST, 0, 0);
    double *v = make(m, blob_at, (double[3]){0}), *rolled = fz_alloc((ptrdiff_t)m * m * m, sizeof *rolled);
    for (int i = 0; i < m * m * m; i++) v[i] = fz_random_normal(&r);
    for (int z = 0, i = 0; z < m; z++)
      for (int y = 0; y < m; y++)
        for (int x = 0; x < m; x++, i++)
          rolled[i] = v[((z + by[2] + m) % m * m + (y + by[1] + m) % m) * m + (x + by[0] + m) % m];
    assert_int_equal(fz_centring_shift(m, (double[3]){by[0], by[1], by[2]}, v), FZ_OK);
    assert_true(difference(m, v, rolled) < 1e-10);
    fz_free(&v);
    fz_free(&rolled);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* There and back by parts of a voxel: of an odd box nothing is lost; of an even one no more than its last frequency, at
 * most 3 / m of white noise, and the mean stays. */
static void there_and_back(void **state) {
  (void)state;
  const double there[] = {0.3, -0.7, 1.5}, back[] = {-0.3, 0.7, -1.5};
  for (int k = 0; k < 2; k++) {
    int m = sizes[k], size = m * m * m;
    fz_random r = fz_random_stream(8, FZ_PURPOSE_TEST, 0, 0);
    double *v = fz_alloc(size, sizeof *v), *was = fz_alloc(size, sizeof *was), lost = 0, mean = 0;
    for (int i = 0; i < size; i++) v[i] = was[i] = fz_random_normal(&r);
    assert_int_equal(fz_centring_shift(m, there, v), FZ_OK);
    assert_true(difference(m, v, was) > 1);
    assert_int_equal(fz_centring_shift(m, back, v), FZ_OK);
    for (int i = 0; i < size; i++) {
      lost += (v[i] - was[i]) * (v[i] - was[i]) / size;
      mean += (v[i] - was[i]) / size;
    }
    assert_true(fabs(mean) < 1e-12);
    assert_true(m % 2 ? lost < 1e-20 : lost < 3.0 / m);
    fz_free(&v);
    fz_free(&was);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

static void empty_map(void **state) {
  (void)state;
  double v[6 * 6 * 6] = {0}, centre[3] = {1, 2, 3};
  fz_centring_find(6, v, centre);
  for (int c = 0; c < 3; c++) assert_true(centre[c] == 0);
  double *w = fz_alloc(6 * 6 * 6, sizeof *w);
  assert_int_equal(fz_centring_shift(6, (double[3]){0.5, 1, -2}, w), FZ_OK);
  for (int i = 0; i < 6 * 6 * 6; i++) assert_true(w[i] == 0);
  fz_free(&w);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blob_is_found_and_moved), cmocka_unit_test(a_wave_moves_by_its_phase),
      cmocka_unit_test(the_last_frequency),      cmocka_unit_test(whole_voxels_roll),
      cmocka_unit_test(there_and_back),          cmocka_unit_test(empty_map)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
