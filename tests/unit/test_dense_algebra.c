/* Dense linear algebra against definitions, known spectra and known solutions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>

#include "core/memory.h"
#include "known_spectrum.h"
#include "optim/dense_algebra.h"
#include "quasi_newton_pairs.h"

static void assert_no_blocks(void) {
  assert_int_equal(fz_memory_blocks(), 0);
}

static fz_quasi_newton *quasi_newton(int capacity, bool any_curvature) {
  const fz_algebra *a = fz_dense_algebra();
  fz_quasi_newton *h;
  assert_int_equal(a->quasi_newton_create(a->self, PAIRS_N, capacity, any_curvature, &h, NULL), FZ_OK);
  return h;
}

static fz_status set(fz_quasi_newton *h, int n, const quasi_newton_pairs *p, fz_error *err) {
  const fz_algebra *a = fz_dense_algebra();
  return a->quasi_newton_set(a->self, h, n, p->s_at, p->y_at, err);
}

static void apply(fz_quasi_newton *h, bool initial, const double *g, double *out) {
  const fz_algebra *a = fz_dense_algebra();
  assert_int_equal(a->quasi_newton_apply(a->self, h, initial ? pairs_initial : NULL, NULL, g, out, NULL), FZ_OK);
}

static void destroy(fz_quasi_newton **h) {
  fz_dense_algebra()->quasi_newton_destroy(NULL, h);
  assert_null(*h);
  assert_no_blocks();
}

/* D has condition 10, an update multiplies errors by at most 1 + |s||y|/y's < 12/2, mostly by about 1: for 8 pairs and
 * sums of 20 terms 1e5 eps. */
static const double close_to = 1e5 * 0x1p-52;

static void is_the_bfgs_formula(void **state) {
  (void)state;
  for (int turned = 0; turned < 2; turned++) {
    quasi_newton_pairs p;
    pairs_init(&p, turned);
    fz_quasi_newton *h = quasi_newton(PAIRS_MOST, turned);
    for (int n = PAIRS_MOST; n >= 0; n -= 2)
      for (int initial = 0; initial < 2; initial++) {
        double out[PAIRS_N], exact[PAIRS_N], zero[PAIRS_N] = {0};
        assert_int_equal(set(h, n, &p, NULL), FZ_OK);
        const double *g = p.y[PAIRS_MOST - 1 - n / 2];
        apply(h, initial, g, out);
        pairs_by_definition(&p, n, initial, g, exact);
        assert_true(pairs_distance(out, exact) <= close_to * pairs_distance(exact, zero));
      }
    destroy(&h);
  }
}

static void the_newest_pair_is_met_exactly(void **state) {
  (void)state;
  quasi_newton_pairs p;
  double out[PAIRS_N], zero[PAIRS_N] = {0};
  for (int small = 0; small < 2; small++) {
    pairs_init(&p, false);
    /* every other pair 1e-10 of its size: H does not change */
    for (int k = 0; small && k < PAIRS_MOST; k += 2)
      for (int i = 0; i < PAIRS_N; i++) {
        p.s[k][i] *= 1e-10;
        p.y[k][i] *= 1e-10;
      }
    fz_quasi_newton *h = quasi_newton(PAIRS_MOST, false);
    for (int n = 1; n <= PAIRS_MOST; n++)
      for (int initial = 0; initial < 2; initial++) {
        double exact[PAIRS_N];
        assert_int_equal(set(h, n, &p, NULL), FZ_OK);
        apply(h, initial, p.y[n - 1], out);
        assert_true(pairs_distance(out, p.s[n - 1]) <= close_to * pairs_distance(p.s[n - 1], zero));
        apply(h, initial, p.y[PAIRS_MOST - n], out);
        pairs_by_definition(&p, n, initial, p.y[PAIRS_MOST - n], exact);
        assert_true(pairs_distance(out, exact) <= close_to * pairs_distance(exact, zero));
      }
    destroy(&h);
  }
}

static void bad_pairs_are_refused(void **state) {
  (void)state;
  const fz_algebra *a = fz_dense_algebra();
  quasi_newton_pairs p, before;
  double out[PAIRS_N], first[PAIRS_N];
  fz_error err;
  pairs_init(&before, false);
  for (int any = 0; any < 2; any++) {
    fz_quasi_newton *h = quasi_newton(3, any);
    assert_int_equal(set(h, 3, &before, NULL), FZ_OK);
    apply(h, false, before.y[5], first);
    assert_int_equal(set(h, 4, &before, &err), FZ_EINVAL);
    assert_non_null(strstr(err.text, "4 pairs"));
    pairs_init(&p, false);
    for (int i = 0; i < PAIRS_N; i++) p.y[1][i] = -p.y[1][i];
    assert_int_equal(set(h, any ? 1 : 2, &p, &err), any ? FZ_OK : FZ_EINVAL);
    if (!any) assert_non_null(strstr(err.text, "pair 2 of 2"));
    assert_int_equal(set(h, 3, &before, NULL), FZ_OK);
    memset(p.s[1], 0, sizeof p.s[1]);
    assert_int_equal(set(h, 2, &p, &err), FZ_EINVAL);
    assert_non_null(strstr(err.text, "leave it out"));
    p.s[0][3] = NAN;
    assert_int_equal(set(h, 1, &p, &err), FZ_EDIVERGED);
    apply(h, false, before.y[5], out); /* what was there before is there still */
    assert_memory_equal(out, first, sizeof out);
    double g[PAIRS_N] = {NAN};
    assert_int_equal(a->quasi_newton_apply(a->self, h, NULL, NULL, g, out, &err), FZ_EDIVERGED);
    destroy(&h);
  }
  fz_quasi_newton *h;
  assert_int_equal(a->quasi_newton_create(a->self, 0, 1, false, &h, &err), FZ_EINVAL);
  assert_null(h);
  assert_int_equal(a->quasi_newton_create(a->self, 5, 0, false, &h, &err), FZ_EINVAL);
  assert_null(h);
}

static void a_start_that_fails_is_told(void **state) {
  (void)state;
  const fz_algebra *a = fz_dense_algebra();
  quasi_newton_pairs p;
  known_spectrum start;
  double ones[PAIRS_N], out[PAIRS_N];
  fz_error err;
  pairs_init(&p, false);
  for (int i = 0; i < PAIRS_N; i++) ones[i] = 1;
  spectrum_init(&start, PAIRS_N, ones);
  start.fail_at = 0;
  fz_quasi_newton *h = quasi_newton(2, false);
  assert_int_equal(set(h, 2, &p, NULL), FZ_OK);
  assert_int_equal(a->quasi_newton_apply(a->self, h, spectrum_apply, &start, ones, out, &err), FZ_ESTOPPED);
  assert_string_equal(err.text, "product 0 was stopped");
  assert_int_equal(a->quasi_newton_apply(a->self, h, spectrum_apply, &start, ones, out, NULL), FZ_OK);
  destroy(&h);
}

/* dsyevd: backward error and orthogonality of some n eps; ten times that. */
static double eigen_tolerance(int n) {
  return 10 * n * 0x1p-52;
}

/* Falling in size, of both signs: value[k] is the k-th eigenvalue wanted. */
static void falling_values(int n, double *value) {
  for (int i = 0; i < n; i++) value[i] = (i % 3 == 1 ? -1 : 1) * pow(0.95, i);
}

static void eigenpairs_of_a_known_matrix(void **state) {
  (void)state;
  const fz_algebra *a = fz_dense_algebra();
  known_spectrum m;
  enum { N = 90 };
  static double falling[N], value[N], vector[N * N], exact[N];
  falling_values(N, falling);
  spectrum_init(&m, N, falling);
  static const int wanted[] = {1, 7, N};
  for (int w = 0; w < 3; w++) {
    int r = wanted[w];
    m.calls = 0;
    assert_int_equal(a->eigenpairs(a->self, N, spectrum_apply, &m, r, value, vector, NULL), FZ_OK);
    assert_int_equal(m.calls, N);
    assert_true(spectrum_error(&m, r, value, vector) <= eigen_tolerance(N));
    for (int k = 0; k < r; k++) {
      assert_true(fabs(value[k] - falling[k]) <= eigen_tolerance(N));
      spectrum_vector(&m, k, exact);
      double along = 0, most = 0;
      for (int i = 0; i < N; i++) {
        along += exact[i] * vector[k * N + i];
        if (fabs(vector[k * N + i]) > fabs(most)) most = vector[k * N + i];
      }
      /* the gap to the next value of the same sign is at least 1 - 0.95^2 of it */
      assert_true(fabs(fabs(along) - 1) <= eigen_tolerance(N) / (0.0975 * fabs(falling[k])));
      assert_true(most > 0);
    }
  }
  assert_no_blocks();
}

static void multiple_eigenvalues_give_their_subspace(void **state) {
  (void)state;
  const fz_algebra *a = fz_dense_algebra();
  known_spectrum m;
  enum { N = 60, R = 12 };
  static double values[N], value[R], vector[R * N];
  for (int i = 0; i < N; i++) values[i] = i < 5 ? -4 : i < 12 ? 3 : 0.5;
  spectrum_init(&m, N, values);
  assert_int_equal(a->eigenpairs(a->self, N, spectrum_apply, &m, R, value, vector, NULL), FZ_OK);
  assert_true(spectrum_error(&m, R, value, vector) <= eigen_tolerance(N));
  for (int k = 0; k < R; k++)
    assert_true(spectrum_outside(&m, k < 5 ? 0 : 5, k < 5 ? 4 : 11, vector + k * N) <= 4 * eigen_tolerance(N));
  /* of l and -l, exactly as large, the positive one comes first: the matrix is diagonal here */
  memset(m.u, 0, sizeof m.u);
  memset(m.v, 0, sizeof m.v);
  for (int i = 0; i < N; i++) m.value[i] = i % 2 ? 2 : -2;
  m.value[7] = 3;
  assert_int_equal(a->eigenpairs(a->self, N, spectrum_apply, &m, R, value, vector, NULL), FZ_OK);
  assert_true(value[0] == 3 && vector[7] == 1);
  for (int k = 1; k < R; k++) assert_true(value[k] == 2);
  assert_no_blocks();
}

/* What a map that is symmetric only to rounding means is then settled, and the same for both algebras. */
static fz_status lower(void *context, const double *x, double *y, fz_error *err) {
  (void)err;
  y[0] = 2 * x[0] + *(double *)context * x[1];
  y[1] = 1 * x[0] + 2 * x[1];
  return FZ_OK;
}

static void only_the_lower_triangle_counts(void **state) {
  (void)state;
  const fz_algebra *a = fz_dense_algebra();
  double value[2], vector[4];
  for (double upper = 1; upper < 10; upper += 4) {
    assert_int_equal(a->eigenpairs(a->self, 2, lower, &upper, 2, value, vector, NULL), FZ_OK);
    assert_true(fabs(value[0] - 3) < 1e-14 && fabs(value[1] - 1) < 1e-14);
    assert_true(fabs(vector[0] - sqrt(0.5)) < 1e-14 && fabs(vector[1] - sqrt(0.5)) < 1e-14);
  }
}

static void eigenpairs_refuse(void **state) {
  (void)state;
  const fz_algebra *a = fz_dense_algebra();
  known_spectrum m;
  enum { N = 30 };
  static double values[N], value[N], vector[N * N];
  fz_error err;
  falling_values(N, values);
  spectrum_init(&m, N, values);
  assert_int_equal(a->eigenpairs(a->self, N, spectrum_apply, &m, 0, value, vector, &err), FZ_EINVAL);
  assert_int_equal(a->eigenpairs(a->self, N, spectrum_apply, &m, N + 1, value, vector, &err), FZ_EINVAL);
  assert_non_null(strstr(err.text, "1 to 30"));
  assert_int_equal(a->eigenpairs(a->self, FZ_DENSE_EIGENPAIRS_MOST + 1, spectrum_apply, &m, 1, value, vector, &err),
                   FZ_EINVAL);
  assert_non_null(strstr(err.text, "4096"));
  assert_int_equal(m.calls, 0);
  m.fail_at = 17;
  assert_int_equal(a->eigenpairs(a->self, N, spectrum_apply, &m, 2, value, vector, &err), FZ_ESTOPPED);
  assert_string_equal(err.text, "product 17 was stopped");
  assert_int_equal(m.calls, 18);
  m.calls = 0;
  m.spoil_at = 4;
  m.fail_at = -1;
  assert_int_equal(a->eigenpairs(a->self, N, spectrum_apply, &m, 2, value, vector, &err), FZ_EDIVERGED);
  assert_non_null(strstr(err.text, "column 5"));
  assert_no_blocks();
}

/* b = A x*, values 1 .. 100: |x - x*| <= |A^-1||r|. */
static void conjugate_gradients_solve(void **state) {
  (void)state;
  const fz_algebra *a = fz_dense_algebra();
  known_spectrum m;
  enum { N = 50 };
  double values[N], b[N], exact[N], x[N] = {0}, norm = 0, error = 0;
  for (int i = 0; i < N; i++) {
    values[i] = 1 + 99.0 * i / (N - 1);
    exact[i] = cos(i);
  }
  spectrum_init(&m, N, values);
  spectrum_apply(&m, exact, b, NULL);
  for (int i = 0; i < N; i++) norm += b[i] * b[i];
  m.calls = 0;
  assert_int_equal(a->conjugate_gradients(a->self, N, spectrum_apply, &m, b, 3 * N, 1e-12, x, NULL), FZ_OK);
  assert_in_range(m.calls, 10, 2 * N);
  for (int i = 0; i < N; i++) error += pow(x[i] - exact[i], 2);
  /* twice: the carried residual is not the true one to the last digits */
  assert_true(sqrt(error) <= 2e-12 * sqrt(norm));
  m.calls = 0;
  assert_int_equal(a->conjugate_gradients(a->self, N, spectrum_apply, &m, b, 3 * N, 1e-10, x, NULL), FZ_OK);
  assert_int_equal(m.calls, 1); /* a good start is seen to be one */
  memset(x, 0, sizeof x);
  m.calls = 0;
  assert_int_equal(a->conjugate_gradients(a->self, N, spectrum_apply, &m, b, 3, 1e-12, x, NULL), FZ_OK);
  assert_int_equal(m.calls, 4);
  memset(b, 0, sizeof b);
  assert_int_equal(a->conjugate_gradients(a->self, N, spectrum_apply, &m, b, 3, 1e-12, x, NULL), FZ_OK);
  for (int i = 0; i < N; i++) assert_true(x[i] == 0);
  assert_no_blocks();
}

static void conjugate_gradients_tell_what_is_wrong(void **state) {
  (void)state;
  const fz_algebra *a = fz_dense_algebra();
  known_spectrum m;
  enum { N = 40 };
  double values[N], b[N], x[N], image[N];
  fz_error err;
  for (int i = 0; i < N; i++) {
    values[i] = i == 0 ? -0.05 : 1 + i;
    b[i] = 1;
    x[i] = 0;
  }
  spectrum_init(&m, N, values);
  assert_int_equal(a->conjugate_gradients(a->self, N, spectrum_apply, &m, b, 200, 1e-12, x, &err), FZ_EDIVERGED);
  assert_non_null(strstr(err.text, "positive definite"));
  spectrum_apply(&m, x, image, NULL);
  double decrease = 0; /* what was found until then goes downhill: 1/2 x'Ax - b'x < 0 */
  for (int i = 0; i < N; i++) decrease += x[i] * (image[i] / 2 - b[i]);
  assert_true(m.calls > 3 && decrease < 0);
  for (int i = 0; i < N; i++) values[i] = -1;
  spectrum_init(&m, N, values);
  assert_int_equal(a->conjugate_gradients(a->self, N, spectrum_apply, &m, b, 200, 1e-12, x, &err), FZ_EDIVERGED);
  for (int i = 0; i < N; i++) values[i] = 1 + i;
  for (int at = 0; at < 4; at++) {
    spectrum_init(&m, N, values);
    memset(x, 0, sizeof x);
    m.spoil_at = at;
    assert_int_equal(a->conjugate_gradients(a->self, N, spectrum_apply, &m, b, 200, 1e-12, x, &err), FZ_EDIVERGED);
    assert_non_null(strstr(err.text, "not finite"));
    for (int i = 0; i < N; i++) assert_true(isfinite(x[i]));
    spectrum_init(&m, N, values);
    m.fail_at = at;
    assert_int_equal(a->conjugate_gradients(a->self, N, spectrum_apply, &m, b, 200, 1e-12, x, &err), FZ_ESTOPPED);
    assert_int_equal(m.calls, at + 1);
  }
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(is_the_bfgs_formula),
                                     cmocka_unit_test(the_newest_pair_is_met_exactly),
                                     cmocka_unit_test(bad_pairs_are_refused),
                                     cmocka_unit_test(a_start_that_fails_is_told),
                                     cmocka_unit_test(eigenpairs_of_a_known_matrix),
                                     cmocka_unit_test(multiple_eigenvalues_give_their_subspace),
                                     cmocka_unit_test(only_the_lower_triangle_counts),
                                     cmocka_unit_test(eigenpairs_refuse),
                                     cmocka_unit_test(conjugate_gradients_solve),
                                     cmocka_unit_test(conjugate_gradients_tell_what_is_wrong)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
