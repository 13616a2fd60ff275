/* Images in another scale are found by medians, whatever the scale of the set; honest spread is left alone.
 * Sets without noise keep the scale of their images. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/random.h"
#include "estep/outliers.h"
#include "model/preprocess.h"

enum { N = 500 };

typedef struct set {
  fz_particle particle[N];
  fz_particles table;
  fz_image_moments moments[N];
  uint8_t fault[N];
} set;

/* Means around `mean` and deviations around `deviation`, both with a spread, in relative units of the deviation. */
static void make(set *x, double mean, double deviation, double spread) {
  fz_random r = fz_random_stream(1, FZ_PURPOSE_HALF_SETS, 0, 0);
  *x = (set){.table = {.n = N, .n_optics = 2}};
  x->table.particle = x->particle;
  for (int i = 0; i < N; i++) {
    x->particle[i].optics = i % 5 == 0; /* the second group is brighter by a thousand */
    double scale = deviation * (i % 5 == 0 ? 1000 : 1);
    x->moments[i].mean = (float)(mean + scale * spread * (fz_random_uniform(&r) - 0.5));
    x->moments[i].deviation = (float)(scale * exp(spread * (fz_random_uniform(&r) - 0.5)));
  }
}

static int count(const set *x) {
  int n = 0;
  for (int i = 0; i < N; i++) n += x->fault[i] == FZ_IMAGE_WRONG_SCALE;
  return n;
}

static void honest_spread_is_left_alone(void **state) {
  (void)state;
  fz_error err = {0};
  set x;
  const double spreads[] = {0, 0.01, 0.5, 3};
  for (int k = 0; k < 4; k++) {
    make(&x, 0, 1, spreads[k]);
    assert_int_equal(fz_outliers_mark(&x.table, x.moments, x.fault, &err), 0);
    assert_int_equal(count(&x), 0);
    make(&x, 5000, 20, spreads[k]);
    assert_int_equal(fz_outliers_mark(&x.table, x.moments, x.fault, &err), 0);
    assert_int_equal(count(&x), 0);
  }
}

static void strangers_are_found(void **state) {
  (void)state;
  fz_error err = {0};
  set x;
  make(&x, 10, 2, 0.1);
  x.moments[3].deviation *= 10;    /* too strong */
  x.moments[5].deviation *= 0.1f;  /* too weak, in the other group */
  x.moments[7].mean += 100;        /* off */
  x.moments[8].mean = -90;         /* off, downwards */
  x.moments[9].deviation = 1e30f;  /* damaged */
  x.moments[11].deviation *= 2;    /* strange, but possible */
  x.moments[12].deviation *= 1000; /* out already for another reason */
  x.fault[12] = FZ_IMAGE_NOT_FINITE;
  assert_int_equal(fz_outliers_mark(&x.table, x.moments, x.fault, &err), 0);
  const int found[] = {3, 5, 7, 8, 9};
  for (int i = 0; i < 5; i++) assert_int_equal(x.fault[found[i]], FZ_IMAGE_WRONG_SCALE);
  assert_int_equal(count(&x), 5);
  assert_int_equal(x.fault[12], FZ_IMAGE_NOT_FINITE);
}

static void a_third_of_strangers_does_not_hide_them(void **state) {
  (void)state;
  fz_error err = {0};
  set x;
  make(&x, 0, 1, 0.1);
  for (int i = 0; i < N; i += 3) x.moments[i].deviation *= 300;
  assert_int_equal(fz_outliers_mark(&x.table, x.moments, x.fault, &err), 0);
  for (int i = 0; i < N; i++) assert_int_equal(x.fault[i], i % 3 ? FZ_IMAGE_GOOD : FZ_IMAGE_WRONG_SCALE);
}

/* Sets with hardly any noise: most backgrounds below a tenth of the deviations. */
static double least_of(const set *x) {
  fz_error err = {0};
  double least = -1;
  assert_int_equal(fz_outliers_least_deviation(N, x->moments, x->fault, &least, &err), FZ_OK);
  return least;
}

static void least_deviation(void **state) {
  (void)state;
  set x;
  make(&x, 3, 2, 0);
  for (int i = 0; i < N; i++) x.moments[i] = (fz_image_moments){3, 2, i % 5 < 2 ? 0.01f : 0.5f};
  assert_true(least_of(&x) == 0); /* two fifths are quiet */
  for (int i = 0; i < N; i++) x.moments[i].background = i % 5 < 3 ? 0.01f : 0.5f;
  assert_true(fabs(least_of(&x) - 0.2) < 1e-12);
  for (int i = 0; i < N; i++) x.moments[i].background = 0.21f;
  assert_true(least_of(&x) == 0);
  for (int i = 0; i < N; i++) x.moments[i].background = 0.19f;
  assert_true(fabs(least_of(&x) - 0.2) < 1e-12);
  /* Images that are out say nothing, whatever they hold. */
  for (int i = 0; i < N; i++) {
    x.fault[i] = i % 5 ? FZ_IMAGE_NOT_FINITE : FZ_IMAGE_GOOD;
    if (i % 5) x.moments[i] = (fz_image_moments){0, 1e9f, 1e9f};
  }
  assert_true(fabs(least_of(&x) - 0.2) < 1e-12);
  for (int i = 0; i < N; i++) x.fault[i] = FZ_IMAGE_CONSTANT;
  assert_true(least_of(&x) == 0);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* A particle in a background of +-noise: its transform's first coefficient. */
static double transform_of(fz_preprocess *p, float noise, float scale) {
  enum { BOX = 16 };
  float pixels[BOX * BOX];
  void *scratch = fz_alloc(fz_preprocess_scratch_size(p), 1);
  double complex half[BOX * (BOX / 2 + 1)];
  for (int y = 0; y < BOX; y++)
    for (int x = 0; x < BOX; x++) {
      float blob = hypot(x - BOX / 2, y - BOX / 2) < 4 ? 5 : 0;
      pixels[y * BOX + x] = scale * (blob + ((x + y) % 2 ? noise : -noise));
    }
  double deviation = fz_preprocess_background_deviation(p, pixels);
  assert_true(fabs(deviation / (scale * noise) - 1) < 1e-2);
  assert_int_equal(fz_preprocess_image(p, pixels, scratch, half), FZ_IMAGE_GOOD);
  pixels[3] = NAN;
  assert_true(isnan(fz_preprocess_background_deviation(p, pixels)));
  fz_free(&scratch);
  return creal(half[1]);
}

/* Without noise the background's deviation, here off by 3, would be the particle's scale; with the least it is not. */
static void least_deviation_holds_the_scale(void **state) {
  (void)state;
  fz_preprocess *p = fz_preprocess_create(16, 5, 2);
  double a = transform_of(p, 0.001f, 1), b = transform_of(p, 0.003f, 1), noisy = transform_of(p, 10, 1);
  assert_true(fabs(a / b - 3) < 0.05);
  fz_preprocess_set_least_deviation(p, 0.1);
  double c = transform_of(p, 0.001f, 1), d = transform_of(p, 0.003f, 1);
  assert_true(fabs(c / d - 1) < 0.01 && fabs(c / (a * 0.01) - 1) < 0.01);
  assert_true(fabs(transform_of(p, 0.1f, 1) / (a * 0.01) - 1 / sqrt(2)) < 0.02);
  assert_true(fabs(transform_of(p, 10, 1) / noisy - 1) < 1e-3);
  fz_preprocess_set_least_deviation(p, 10); /* in the scale of the stored pixels */
  assert_true(fabs(transform_of(p, 0.001f, 100) / c - 1) < 0.01);
  fz_preprocess_destroy(&p);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(honest_spread_is_left_alone), cmocka_unit_test(strangers_are_found),
      cmocka_unit_test(a_third_of_strangers_does_not_hide_them), cmocka_unit_test(least_deviation),
      cmocka_unit_test(least_deviation_holds_the_scale)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
