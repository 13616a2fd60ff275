/* FSC: closed forms. A map with itself, with its negative, with independent noise, a map plus filtered noise of known
 * signal-to-noise per shell, invariance under a radial filter; the crossing; the mask; refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "core/fft.h"
#include "core/memory.h"
#include "core/random.h"
#include "metrics/fsc.h"

static fz_map noise_map(int n, uint64_t item) {
  fz_map map = {.n = n, .voxel_A = 2, .voxel = fz_alloc((ptrdiff_t)n * n * n, sizeof(float))};
  fz_random r = fz_random_stream(11, FZ_PURPOSE_TEST, 0, item);
  for (ptrdiff_t i = 0; i < (ptrdiff_t)n * n * n; i++) map.voxel[i] = (float)fz_random_normal(&r);
  return map;
}

/* Multiply Fourier coefficients at radius k by gain(k / n). */
static void filter(fz_map *map, double (*gain)(double)) {
  int n = map->n, half = n / 2 + 1;
  fz_fft *fft = fz_fft_create(3, (const int[3]){n, n, n}, 1, true);
  float complex *f = fz_alloc(fz_fft_complex_size(fft), sizeof *f);
  fz_fft_forward_float(fft, map->voxel, f);
  for (int z = 0; z < n; z++)
    for (int y = 0; y < n; y++)
      for (int x = 0; x < half; x++) {
        double kz = z < (n + 1) / 2 ? z : z - n, ky = y < (n + 1) / 2 ? y : y - n;
        double g = gain(sqrt(kz * kz + ky * ky + x * x) / n) / ((double)n * n * n);
        f[((ptrdiff_t)z * n + y) * half + x] *= (float)g;
      }
  fz_fft_backward_float(fft, f, map->voxel);
  fz_free(&f);
  fz_fft_destroy(&fft);
}

static double fall_off(double k) {
  return exp(-8 * k);
}

static void with_itself(void **state) {
  (void)state;
  for (int n = 8; n <= 9; n++) {
    fz_map a = noise_map(n, 0), b = noise_map(n, 0);
    double fsc[5];
    assert_int_equal(fz_fsc_compute(&a, &b, NULL, fsc, NULL), FZ_OK);
    for (int s = 0; s < fz_fsc_shells(n); s++) assert_true(fabs(fsc[s] - 1) < 1e-12);
    for (int i = 0; i < n * n * n; i++) b.voxel[i] *= -3;
    assert_int_equal(fz_fsc_compute(&a, &b, NULL, fsc, NULL), FZ_OK);
    for (int s = 0; s < fz_fsc_shells(n); s++) assert_true(fabs(fsc[s] + 1) < 1e-6);
    fz_map_clear(&a);
    fz_map_clear(&b);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Independent noise: mean 0, variance 1 / (independent coefficients of the shell, about 2 pi s^2). */
static void independent_noise(void **state) {
  (void)state;
  enum { N = 32 };
  fz_map a = noise_map(N, 1), b = noise_map(N, 2);
  double fsc[N / 2 + 1];
  assert_int_equal(fz_fsc_compute(&a, &b, NULL, fsc, NULL), FZ_OK);
  for (int s = 2; s <= N / 2; s++) assert_true(fabs(fsc[s]) < 5 / sqrt(2 * acos(-1) * s * s));
  fz_map_clear(&a);
  fz_map_clear(&b);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Signal of gain g(k) and white noise of power 1/4 in one map: E fsc = g / sqrt(g^2 + 1/4). */
static void known_signal_to_noise(void **state) {
  (void)state;
  enum { N = 40 };
  fz_map signal = noise_map(N, 3), noisy = noise_map(N, 3), noise = noise_map(N, 4);
  filter(&noisy, fall_off);
  for (int i = 0; i < N * N * N; i++) noisy.voxel[i] += 0.5f * noise.voxel[i];
  double fsc[N / 2 + 1];
  assert_int_equal(fz_fsc_compute(&signal, &noisy, NULL, fsc, NULL), FZ_OK);
  for (int s = 4; s <= N / 2; s++) {
    double g = fall_off((double)s / N), expected = g / sqrt(g * g + 0.25);
    assert_true(fabs(fsc[s] - expected) < 0.02 + 4 / sqrt(2 * acos(-1) * s * s));
  }
  fz_map_clear(&signal);
  fz_map_clear(&noisy);
  fz_map_clear(&noise);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* A radial filter changes each shell by one factor only, apart from its slope inside the shell. */
static void radial_filter_is_invisible(void **state) {
  (void)state;
  enum { N = 32 };
  fz_map a = noise_map(N, 5), b = noise_map(N, 5);
  filter(&b, fall_off);
  double fsc[N / 2 + 1];
  assert_int_equal(fz_fsc_compute(&a, &b, NULL, fsc, NULL), FZ_OK);
  for (int s = 1; s <= N / 2; s++) assert_true(fsc[s] > 0.99 && fsc[s] < 1 + 1e-9);
  fz_map_clear(&a);
  fz_map_clear(&b);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void crossings(void **state) {
  (void)state;
  const double curve[] = {1, 0.9, 0.7, 0.3, 0.6, 0.1};
  fz_fsc_crossing c = fz_fsc_cross(curve, 10, 3, 0.5);
  assert_true(fabs(c.shell - 2.5) < 1e-12 && fabs(c.resolution_A - 12) < 1e-12 && !c.never);
  c = fz_fsc_cross(curve, 10, 3, 0.143);
  assert_true(fabs(c.shell - (4 + (0.6 - 0.143) / 0.5)) < 1e-12);
  c = fz_fsc_cross(curve, 10, 0, 0.05);
  assert_true(c.never && c.shell == 5 && c.resolution_A == 0);
  c = fz_fsc_cross(curve, 10, 3, 0.95);
  assert_true(c.shell == 1 && c.resolution_A == 30 && !c.never);
}

/* Outside the mask the maps may differ as they like; the soft edge passes 1/2 in its middle. */
static void mask_hides(void **state) {
  (void)state;
  enum { N = 24 };
  fz_map a = noise_map(N, 6), b = noise_map(N, 6), other = noise_map(N, 7);
  float *mask = fz_alloc(N * N * N, sizeof *mask);
  fz_fsc_sphere(N, 6, 4, mask);
  const float *centre = mask + (N / 2 * N + N / 2) * N + N / 2;
  assert_true(centre[6] == 1 && fabsf(centre[8] - 0.5f) < 1e-6 && centre[10] < 1e-6 && centre[11] == 0);
  for (int i = 0; i < N * N * N; i++)
    if (mask[i] == 0) b.voxel[i] = other.voxel[i];
  double fsc[N / 2 + 1];
  assert_int_equal(fz_fsc_compute(&a, &b, mask, fsc, NULL), FZ_OK);
  for (int s = 0; s <= N / 2; s++) assert_true(fabs(fsc[s] - 1) < 1e-9);
  assert_int_equal(fz_fsc_compute(&a, &b, NULL, fsc, NULL), FZ_OK);
  assert_true(fsc[N / 2] < 0.9);
  fz_free(&mask);
  fz_map_clear(&a);
  fz_map_clear(&b);
  fz_map_clear(&other);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void refusals(void **state) {
  (void)state;
  fz_map a = noise_map(8, 8), b = noise_map(9, 8), c = noise_map(8, 9);
  double fsc[5];
  fz_error err;
  assert_int_equal(fz_fsc_compute(&a, &b, NULL, fsc, &err), FZ_EINVAL);
  c.voxel[77] = NAN;
  assert_int_equal(fz_fsc_compute(&a, &c, NULL, fsc, &err), FZ_EINPUT);
  for (int i = 0; i < 512; i++) c.voxel[i] = 0;
  assert_int_equal(fz_fsc_compute(&a, &c, NULL, fsc, &err), FZ_OK);
  for (int s = 0; s < 5; s++) assert_true(fsc[s] == 0);
  fz_map_clear(&a);
  fz_map_clear(&b);
  fz_map_clear(&c);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(with_itself),
                                     cmocka_unit_test(independent_noise),
                                     cmocka_unit_test(known_signal_to_noise),
                                     cmocka_unit_test(radial_filter_is_invisible),
                                     cmocka_unit_test(crossings),
                                     cmocka_unit_test(mask_hides),
                                     cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
