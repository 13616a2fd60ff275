/* Images in another scale are found by medians, whatever the scale of the set; honest spread is left alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(honest_spread_is_left_alone),
                                     cmocka_unit_test(strangers_are_found),
                                     cmocka_unit_test(a_third_of_strangers_does_not_hide_them)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
