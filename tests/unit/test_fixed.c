/* Fixed-point sums: exact rounding, independence of order, refusal of what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

#include "core/fixed.h"
#include "core/memory.h"
#include "core/random.h"

enum { N = 1003, TERMS = 40 };

/* llrint on the exactly scaled value is the definition; the kernels use another route to it. */
static void rounding_is_llrint(void **state) {
  (void)state;
  fz_random r = fz_random_stream(3, FZ_PURPOSE_TEST, 0, 0);
  for (int i = 0; i < 200000; i++) {
    double x = ldexp(fz_random_uniform(&r) - 0.5, (int)fz_random_below(&r, 66) - 3);
    int64_t got;
    bool fits = fz_fixed_from_double(x, 1, &got);
    assert_int_equal(fits, fabs(x) < 0x1p62);
    if (fits) assert_int_equal(got, llrint(x));
  }
  const double ties[] = {0.5,          1.5,           2.5,          -0.5,         -1.5, -2.5,
                         0x1p31 + 0.5, -0x1p31 - 0.5, 0x1p32 + 1.5, 0x1p51 + 0.5, -0.0};
  for (size_t i = 0; i < sizeof ties / sizeof ties[0]; i++) {
    int64_t got;
    assert_true(fz_fixed_from_double(ties[i], 1, &got));
    assert_int_equal(got, llrint(ties[i]));
  }
}

static void order_does_not_matter(void **state) {
  (void)state;
  float *x = fz_alloc((ptrdiff_t)TERMS * N, sizeof *x);
  double *y = fz_alloc((ptrdiff_t)TERMS * N, sizeof *y);
  int64_t *forward = fz_alloc(N, sizeof *forward), *shuffled = fz_alloc(N, sizeof *shuffled);
  int64_t *part = fz_alloc(N, sizeof *part), order[TERMS];
  fz_random r = fz_random_stream(4, FZ_PURPOSE_TEST, 0, 0);
  double bound = 0;
  for (int i = 0; i < TERMS * N; i++) {
    x[i] = (float)(fz_random_normal(&r) * exp(5 * fz_random_normal(&r)));
    y[i] = x[i] * fz_random_normal(&r);
    bound = fmax(bound, fmax(fabs((double)x[i]), fabs(y[i])));
  }
  double scale = fz_fixed_scale(bound, 2 * TERMS);
  assert_true(2 * TERMS * bound * scale < 0x1p62);
  assert_true(2 * TERMS * bound * scale >= 0x1p58); /* and not many bits are wasted */
  for (int t = 0; t < TERMS; t++) {
    assert_true(fz_fixed_add_f32(forward, x + t * N, N, scale));
    assert_true(fz_fixed_add_f64(forward, y + t * N, N, scale));
  }
  fz_random_permutation(&r, TERMS, order);
  for (int t = 0; t < TERMS; t++) assert_true(fz_fixed_add_f64(shuffled, y + order[t] * N, N, scale));
  for (int t = 0; t < TERMS; t++) assert_true(fz_fixed_add_f32(part, x + order[t] * N, N, scale));
  assert_true(fz_fixed_add_i64(shuffled, part, N));
  assert_memory_equal(forward, shuffled, N * sizeof *forward);
  for (int i = 0; i < N; i++) {
    long double exact = 0;
    for (int t = 0; t < TERMS; t++) exact += (long double)x[t * N + i] + (long double)y[t * N + i];
    /* half a unit per term, and one rounding of the result to double */
    double got = fz_fixed_to_double(forward[i], scale);
    assert_true(fabsl((long double)got - exact) <= (long double)(TERMS / scale) + fabsl(exact) * 0x1p-52L);
  }
  double *back = fz_alloc(N, sizeof *back);
  fz_fixed_to_f64(back, forward, N, scale);
  for (int i = 0; i < N; i++) assert_true(back[i] == fz_fixed_to_double(forward[i], scale));
  fz_free(&back);
  fz_free(&x);
  fz_free(&y);
  fz_free(&forward);
  fz_free(&shuffled);
  fz_free(&part);
}

static void misfits_are_seen(void **state) {
  (void)state;
  const double bad[] = {0x1p62, -0x1p62, 0x1p63, 1e300, INFINITY, NAN};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int64_t sum[3] = {0};
    double x[3] = {1, bad[i], 1};
    float f[3] = {1, (float)bad[i], 1};
    assert_false(fz_fixed_add_f64(sum, x, 3, 1));
    int64_t sum_f[3] = {0};
    assert_false(fz_fixed_add_f32(sum_f, f, 3, 1));
    int64_t one;
    assert_false(fz_fixed_from_double(bad[i], 1, &one));
    assert_int_equal(one, 0);
  }
  /* each term fits, their sum does not */
  int64_t sum[1] = {0};
  double x[1] = {-0x1.8p61};
  assert_true(fz_fixed_add_f64(sum, x, 1, 1));
  assert_false(fz_fixed_add_f64(sum, x, 1, 1));
  int64_t a[2] = {0, (int64_t)1 << 61}, b[2] = {0, (int64_t)1 << 61};
  assert_false(fz_fixed_add_i64(a, b, 2));
}

static void scale_holds_its_promise(void **state) {
  (void)state;
  const double bounds[] = {1, 0.999, 1e-30, 1e30, 4096, 3e-310};
  const int64_t counts[] = {1, 2, 3, 1000, (int64_t)1 << 40};
  for (int b = 0; b < 6; b++)
    for (int c = 0; c < 5; c++) {
      double scale = fz_fixed_scale(bounds[b], counts[c]);
      int64_t one;
      assert_true(fz_fixed_from_double(bounds[b], scale, &one));
      assert_true((double)one * (double)counts[c] < 0x1p62);
    }
  assert_true(fz_fixed_scale(0, 5) == 1);
}

static int no_blocks_left(void **state) {
  (void)state;
  return fz_memory_blocks() == 0 ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rounding_is_llrint), cmocka_unit_test(order_does_not_matter),
                                     cmocka_unit_test(misfits_are_seen), cmocka_unit_test(scale_holds_its_promise)};
  return cmocka_run_group_tests(tests, NULL, no_blocks_left);
}
