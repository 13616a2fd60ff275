/* Volumes by shells: closed forms of products and correlations, where curves part, what is left without rotational
 * averages, and shells taken over from another map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "core/memory.h"
#include "core/random.h"
#include "model/shells.h"

static const double PI = 3.14159265358979323846;
enum { M = 32, SIZE = M * M * M, SHELLS = M / 2 };

static void add_noise(int m, uint64_t item, double size, double *v) {
  fz_random r = fz_random_stream(13, FZ_PURPOSE_TEST, 0, item);
  for (int i = 0; i < m * m * m; i++) v[i] += size * fz_random_normal(&r);
}

/* A ball with a shell around it, as sums of Gaussians of the distance: power in all shells. */
static void add_round(int m, double size, double *v) {
  for (int i = 0; i < m * m * m; i++) {
    double r = sqrt(pow(i / (m * m) - m / 2, 2) + pow(i / m % m - m / 2, 2) + pow(i % m - m / 2, 2));
    v[i] += size * (exp(-r * r / 4) + 0.5 * exp(-(r - 8) * (r - 8) / 3));
  }
}

/* cos of 2 pi k.r/m + phase */
static void add_wave(int m, const int k[3], double phase, double *v) {
  for (int i = 0; i < m * m * m; i++)
    v[i] += cos(2 * PI * (k[0] * (i / (m * m)) + k[1] * (i / m % m) + k[2] * (i % m)) / m + phase);
}

static double *empty(int m) {
  return fz_alloc((ptrdiff_t)m * m * m, sizeof(double));
}

/* A wave is two coefficients of m^3/2 in the shell of its |k| = 3.7, and of its phase to another's. */
static void waves(void **state) {
  (void)state;
  for (int m = 10; m <= 11; m++) {
    double *a = empty(m), *b = empty(m), all = 0, in_shell = 0;
    add_wave(m, (int[]){-3, 2, 1}, 0.3, a);
    add_wave(m, (int[]){-3, 2, 1}, 1.3, b);
    fz_shell_products p[5];
    assert_int_equal(fz_shells_multiply(m, a, b, 5, p, NULL), FZ_OK);
    for (int z = -5; z <= 5; z++)
      for (int y = -5; y <= 5; y++)
        for (int x = -5; x <= 5; x++) in_shell += lrint(sqrt(x * x + y * y + z * z)) == 4;
    for (int s = 0; s < 5; s++) all += p[s].aa;
    assert_true(fabs(p[4].aa * in_shell / (0.5 * pow(m, 6)) - 1) < 1e-9);
    assert_true(fabs(all / p[4].aa - 1) < 1e-9 && fabs(p[4].bb / p[4].aa - 1) < 1e-9);
    assert_true(fabs(fz_shell_fsc(&p[4]) - cos(1)) < 1e-9);
    fz_free(&a);
    fz_free(&b);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* White noise of variance 4: |A|^2 = 4 m^3; one with itself, its negative, another, and with half of it. */
static void noise(void **state) {
  (void)state;
  double *a = empty(M), *b = empty(M), *c = empty(M);
  fz_shell_products p[SHELLS], q[SHELLS];
  add_noise(M, 1, 2, a);
  add_noise(M, 1, -6, b);
  add_noise(M, 2, 1, c);
  assert_int_equal(fz_shells_multiply(M, a, b, SHELLS, p, NULL), FZ_OK);
  assert_int_equal(fz_shells_multiply(M, a, c, SHELLS, q, NULL), FZ_OK);
  for (int s = 2; s < SHELLS; s++) {
    double deviation = 1 / sqrt(2 * PI * s * s);
    assert_true(fabs(fz_shell_fsc(&p[s]) + 1) < 1e-9 && fabs(p[s].bb / p[s].aa - 9) < 1e-9);
    assert_true(fabs(p[s].aa / (4 * SIZE) - 1) < 5 * deviation);
    assert_true(fabs(fz_shell_fsc(&q[s])) < 5 * deviation && fz_shell_fsc(&q[s]) != 0);
  }
  for (int i = 0; i < SIZE; i++) b[i] = 0;
  assert_int_equal(fz_shells_multiply(M, a, b, SHELLS, p, NULL), FZ_OK);
  for (int s = 0; s < SHELLS; s++) assert_true(fz_shell_fsc(&p[s]) == 0);
  fz_free(&a);
  fz_free(&b);
  fz_free(&c);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Round maps agree in whole and leave nothing; noise hidden under them is seen again, and does not agree. */
static void turned(void **state) {
  (void)state;
  double *a = empty(M), *b = empty(M), *c = empty(M);
  fz_shell_products whole[SHELLS], left[SHELLS], noise_only[SHELLS];
  add_noise(M, 3, 1e-3, c);
  assert_int_equal(fz_shells_multiply(M, c, c, SHELLS, noise_only, NULL), FZ_OK);
  add_round(M, 1, a);
  assert_int_equal(fz_shells_multiply(M, a, a, SHELLS, whole, left), FZ_OK);
  for (int s = 1; s < SHELLS * 2 / 3; s++) assert_true(left[s].aa < 1e-4 * whole[s].aa && whole[s].aa > 0);
  add_round(M, 1, b);
  add_noise(M, 3, 1e-3, a);
  add_noise(M, 4, 1e-3, b);
  assert_int_equal(fz_shells_multiply(M, a, b, SHELLS, whole, left), FZ_OK);
  for (int s = 5; s < SHELLS * 2 / 3; s++) {
    assert_true(fz_shell_fsc(&left[s]) < 0.4);
    assert_true(fabs(left[s].aa / noise_only[s].aa - 1) < 0.1);
  }
  assert_true(fz_shell_fsc(&whole[5]) > 0.9);
  assert_int_equal(fz_shells_multiply(M, c, c, SHELLS, whole, left), FZ_OK);
  for (int s = 5; s < SHELLS; s++) assert_true(fabs(left[s].aa / whole[s].aa - 1) < 0.03);
  fz_free(&a);
  fz_free(&b);
  fz_free(&c);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void where_curves_part(void **state) {
  (void)state;
  const double fall[] = {1, 0.9, 0.8, 0.7, 0.3, 0.6, 0.1, 0};
  assert_true(fabs(fz_shells_part(fall, 7, 0.5) - 3.5) < 1e-12);
  assert_true(fabs(fz_shells_part(fall, 7, 0.3) - (5 + 0.3 / 0.5)) < 1e-12);
  assert_true(fz_shells_part(fall, 3, 0.5) == 3 && fz_shells_part(fall, 7, -1) == 7);
  /* Means of three: 0.8 (3), 0.6 (4), 0.5333 (5), 0.3333 (6), 0.2333 (7) */
  assert_int_equal((int)fz_shells_last(fall, 7, 0.143), 7);
  assert_int_equal((int)fz_shells_last(fall, 7, 0.3), 6);
  assert_int_equal((int)fz_shells_last(fall, 7, 0.55), 4);
  assert_int_equal((int)fz_shells_last(fall, 7, 0.79), 3);
  assert_int_equal((int)fz_shells_last(fall, 7, 0.81), 0);
  assert_int_equal((int)fz_shells_last(fall, 4, 0.143), 4);
}

/* Up to `last` the map is the other one, beyond last + 2 its own, and in the middle of the edge a half of both. */
static void shells_are_taken(void **state) {
  (void)state;
  for (int m = 20; m <= 21; m++) {
    double *from = empty(m), *to = empty(m), *truth = empty(m), error = 0;
    add_wave(m, (int[]){3, 0, -4}, 0.7, from);
    add_wave(m, (int[]){3, 0, -4}, 0.7, truth);
    add_wave(m, (int[]){0, 6, 0}, 0.2, from);
    add_wave(m, (int[]){0, 0, 7}, 0.1, from);
    add_wave(m, (int[]){2, 3, 0}, 1.0, to);
    for (int i = 0; i < m * m * m; i++) truth[i] += 0.5 * cos(2 * PI * 6 * (i / m % m) / m + 0.2);
    add_wave(m, (int[]){-8, 4, 1}, 0.4, to);
    add_wave(m, (int[]){-8, 4, 1}, 0.4, truth);
    assert_int_equal(fz_shells_take(m, from, 5, to), FZ_OK);
    for (int i = 0; i < m * m * m; i++) error = fmax(error, fabs(to[i] - truth[i]));
    assert_true(error < 1e-10);
    fz_free(&from);
    fz_free(&to);
    fz_free(&truth);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(waves), cmocka_unit_test(noise), cmocka_unit_test(turned),
                                     cmocka_unit_test(where_curves_part), cmocka_unit_test(shells_are_taken)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
