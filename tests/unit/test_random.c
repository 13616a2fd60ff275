/* The generator's moments and its independence of call order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "core/random.h"

static void moments(void **state) {
  (void)state;
  fz_random r = fz_random_stream(7, FZ_PURPOSE_TEST, 0, 3);
  enum { N = 200000 };
  double s1 = 0, s2 = 0, u = 0;
  for (int i = 0; i < N; i++) {
    double x = fz_random_normal(&r);
    s1 += x;
    s2 += x * x;
    u += fz_random_uniform(&r);
  }
  assert_true(fabs(s1 / N) < 5 / sqrt(N));
  assert_true(fabs(s2 / N - 1) < 5 * sqrt(2.0 / N));
  assert_true(fabs(u / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
}

static void streams_differ(void **state) {
  (void)state;
  fz_random a = fz_random_stream(1, FZ_PURPOSE_TEST, 0, 0), b = fz_random_stream(1, FZ_PURPOSE_TEST, 0, 1),
            c = fz_random_stream(1, FZ_PURPOSE_BATCHES, 0, 0), a2 = fz_random_stream(1, FZ_PURPOSE_TEST, 0, 0);
  double x = fz_random_uniform(&a);
  assert_true(x != fz_random_uniform(&b));
  assert_true(x != fz_random_uniform(&c));
  assert_true(x == fz_random_uniform(&a2));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(moments), cmocka_unit_test(streams_differ)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
