/* Rotational averages: what splines hold is returned as it is, a map's averages nearly so, and noise is averaged out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "core/memory.h"
#include "core/random.h"
#include "model/radial.h"

static const double PI = 3.14159265358979323846;
enum { REACH = 20 };

/* Splines are piecewise cubic: these two are held exactly. */
static double constant(double k) {
  (void)k;
  return -3;
}
static double cubic(double k) {
  return 1 + 0.5 * k - 0.2 * k * k + 0.01 * k * k * k;
}
/* Transforms of a ball's surface and of a Gaussian in a box of 1, the former as wide as the box's 0.8. */
static double surface(double k) {
  double x = 2 * PI * 0.4 * k;
  return x > 0 ? sin(x) / x : 1;
}
static double gaussian(double k) {
  return exp(-0.02 * k * k);
}

/* All k of the lattice in the ball, with noise of this deviation. */
static void fill(fz_radial *r, double (*f)(double), double deviation) {
  fz_random random = fz_random_stream(3, FZ_PURPOSE_TEST, 0, 0);
  assert_int_equal(fz_radial_init(r, REACH), FZ_OK);
  for (int z = -REACH; z <= REACH; z++)
    for (int y = -REACH; y <= REACH; y++)
      for (int x = -REACH; x <= REACH; x++) {
        int q = x * x + y * y + z * z;
        if (q > REACH * REACH) continue;
        r->count[q]++;
        r->sum[q] += f(sqrt(q)) + (deviation > 0 ? deviation * fz_random_normal(&random) : 0);
      }
}

/* The largest error from k = first to the edge of the ball. */
static double error_of(double (*f)(double), double deviation, int first) {
  double error = 0;
  fz_radial r;
  fill(&r, f, deviation);
  assert_int_equal(fz_radial_fit(&r), FZ_OK);
  for (int q = first * first; q <= REACH * REACH; q++) error = fmax(error, fabs(r.average[q] - f(sqrt(q))));
  fz_radial_clear(&r);
  assert_int_equal(fz_memory_blocks(), 0);
  return error;
}

static void exact_and_smooth(void **state) {
  (void)state;
  assert_true(error_of(constant, 0, 0) < 1e-4);
  assert_true(error_of(cubic, 0, 0) < 1e-4);
  assert_true(error_of(gaussian, 0, 0) < 1e-3);
  assert_true(error_of(surface, 0, 1) < 3e-3);
}

/* Two splines per shell of 4 pi k^2 coefficients: at k >= 10 the deviation is below 1 / sqrt(2 pi k^2) of each. */
static void noise_is_averaged_out(void **state) {
  (void)state;
  double error = error_of(gaussian, 1, 10);
  assert_true(error > 1e-4 && error < 5 / sqrt(2 * PI * 100));
}

/* One coefficient among thousands hardly moves the average, however far off. */
static void weights_count(void **state) {
  (void)state;
  fz_radial r;
  assert_int_equal(fz_radial_init(&r, REACH), FZ_OK);
  for (int q = 0; q <= REACH * REACH; q++) {
    r.count[q] = q == 101 ? 1 : 1000;
    r.sum[q] = q == 101 ? 100 : 5 * r.count[q];
  }
  assert_int_equal(fz_radial_fit(&r), FZ_OK);
  for (int q = 0; q <= REACH * REACH; q++) assert_true(fabs(r.average[q] - 5) < 0.05);
  assert_true(r.average[101] > 5 + 1e-4);
  fz_radial_clear(&r);
}

static void nothing_gives_nothing(void **state) {
  (void)state;
  fz_radial r, never = {0};
  assert_int_equal(fz_radial_init(&r, 5), FZ_OK);
  for (int q = 0; q <= 25; q++) r.average[q] = 9;
  assert_int_equal(fz_radial_fit(&r), FZ_OK);
  for (int q = 0; q <= 25; q++) assert_true(r.average[q] == 0);
  fz_radial_clear(&r);
  fz_radial_clear(&never);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(exact_and_smooth), cmocka_unit_test(noise_is_averaged_out),
                                     cmocka_unit_test(weights_count), cmocka_unit_test(nothing_gives_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
