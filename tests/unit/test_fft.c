/* FFT wrapper: against the defining sum, round trip, batches, and the input of a forward transform is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/fft.h"
#include "core/memory.h"
#include "core/random.h"

enum { N0 = 4, N1 = 5, N2 = 6, H2 = N2 / 2 + 1, REAL = N0 * N1 * N2, HALF = N0 * N1 * H2, BATCH = 2 };
static const int shape[3] = {N0, N1, N2};

static double complex defining_sum(const double *f, int k0, int k1, int k2) {
  double complex sum = 0;
  for (int x0 = 0; x0 < N0; x0++)
    for (int x1 = 0; x1 < N1; x1++)
      for (int x2 = 0; x2 < N2; x2++) {
        double turn = (double)k0 * x0 / N0 + (double)k1 * x1 / N1 + (double)k2 * x2 / N2;
        sum += f[(x0 * N1 + x1) * N2 + x2] * cexp(-2 * acos(-1) * I * turn);
      }
  return sum;
}

static void double_precision(void **state) {
  (void)state;
  fz_fft *fft = fz_fft_create(3, shape, BATCH, false);
  assert_non_null(fft);
  assert_int_equal(fz_fft_real_size(fft), REAL * BATCH);
  assert_int_equal(fz_fft_complex_size(fft), HALF * BATCH);
  double *f = fz_alloc(REAL * BATCH, sizeof *f), *kept = fz_alloc(REAL * BATCH, sizeof *f);
  double complex *half = fz_alloc(HALF * BATCH, sizeof *half);
  fz_random r = fz_random_stream(1, FZ_PURPOSE_TEST, 0, 0);
  for (int i = 0; i < REAL * BATCH; i++) f[i] = kept[i] = fz_random_normal(&r);
  fz_fft_forward(fft, f, half);
  assert_memory_equal(f, kept, REAL * BATCH * sizeof *f);
  /* rounding: |F| ~ sqrt(120) ~ 11, a sum of 120 terms: 1e-12 is generous and still far below any indexing error */
  for (int b = 0; b < BATCH; b++)
    for (int k0 = 0; k0 < N0; k0++)
      for (int k1 = 0; k1 < N1; k1++)
        for (int k2 = 0; k2 < H2; k2++) {
          double complex expected = defining_sum(f + b * REAL, k0, k1, k2);
          assert_true(cabs(half[b * HALF + (k0 * N1 + k1) * H2 + k2] - expected) < 1e-12);
        }
  fz_fft_backward(fft, half, f);
  for (int i = 0; i < REAL * BATCH; i++) assert_true(fabs(f[i] / REAL - kept[i]) < 1e-14);
  fz_free(&f);
  fz_free(&kept);
  fz_free(&half);
  fz_fft_destroy(&fft);
  assert_null(fft);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void single_precision(void **state) {
  (void)state;
  fz_fft *fft = fz_fft_create(2, shape + 1, 1, true), *exact = fz_fft_create(2, shape + 1, 1, false);
  enum { R = N1 * N2, H = N1 * H2 };
  float *f = fz_alloc(R, sizeof *f);
  float complex *half = fz_alloc(H, sizeof *half);
  double *g = fz_alloc(R, sizeof *g);
  double complex *reference = fz_alloc(H, sizeof *reference);
  fz_random r = fz_random_stream(2, FZ_PURPOSE_TEST, 0, 0);
  for (int i = 0; i < R; i++) g[i] = f[i] = (float)fz_random_normal(&r);
  fz_fft_forward_float(fft, f, half);
  fz_fft_forward(exact, g, reference);
  for (int i = 0; i < H; i++) assert_true(cabs((double complex)half[i] - reference[i]) < 1e-5);
  fz_fft_backward_float(fft, half, f);
  for (int i = 0; i < R; i++) assert_true(fabs(f[i] / R - g[i]) < 1e-6);
  fz_free(&f);
  fz_free(&g);
  fz_free(&half);
  fz_free(&reference);
  fz_fft_destroy(&fft);
  fz_fft_destroy(&exact);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* The same plan made twice, with others in between, must give the same bits. */
static void planning_has_no_memory(void **state) {
  (void)state;
  enum { N = 48 };
  const int cube[3] = {N, N, N}, other[2] = {N, N};
  ptrdiff_t n = N * N * N, h = N * N * (N / 2 + 1);
  float *f = fz_alloc(n, sizeof *f);
  float complex *first = fz_alloc(h, sizeof *first), *second = fz_alloc(h, sizeof *second);
  fz_random r = fz_random_stream(3, FZ_PURPOSE_TEST, 0, 0);
  for (ptrdiff_t i = 0; i < n; i++) f[i] = (float)fz_random_normal(&r);
  fz_fft *a = fz_fft_create(3, cube, 1, true), *b = fz_fft_create(2, other, 7, true);
  fz_fft *c = fz_fft_create(3, cube, 1, true);
  fz_fft_forward_float(a, f, first);
  fz_fft_forward_float(c, f, second);
  assert_memory_equal(first, second, (size_t)h * sizeof *first);
  fz_fft_destroy(&a);
  fz_fft_destroy(&b);
  fz_fft_destroy(&c);
  fz_free(&f);
  fz_free(&first);
  fz_free(&second);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(double_precision), cmocka_unit_test(single_precision),
                                     cmocka_unit_test(planning_has_no_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
