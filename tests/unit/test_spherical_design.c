/* Spherical designs: means over their points against integrals in closed form; quadratures made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "pose/quadrature.h"
#include "pose/spherical_design.h"

static const double PI = 3.14159265358979323846;

static const struct {
  int t, n;
} designs[] = {{1, 2}, {2, 8}, {3, 8}, {5, 18}, {8, 50}, {13, 100}, {13, 94}, {20, 242}, {25, 338}};
enum { DESIGNS = sizeof designs / sizeof designs[0], POINTS_MAX = 400, FORMS = 20 };

static double ipow(double x, int n) {
  double p = 1;
  for (int i = 0; i < n; i++) p *= x;
  return p;
}

/* Mean over the sphere of x^a y^b z^c: 0 with an odd exponent, else (a-1)!! (b-1)!! (c-1)!! / (a+b+c+1)!!. */
static double monomial_mean(const int *e) {
  double value = 1;
  int below = 1;
  for (int c = 0; c < 3; c++) {
    if (e[c] % 2) return 0;
    for (int f = 1; f < e[c]; f += 2, below += 2) value *= (double)f / (below + 2);
  }
  return value;
}

/* Random polynomials of degree <= t as sums of monomials. Rounding: n sums of numbers below 1, times some terms. */
static void random_polynomials_are_integrated(void **state) {
  (void)state;
  double theta[POINTS_MAX], phi[POINTS_MAX];
  fz_random r = fz_random_stream(11, FZ_PURPOSE_TEST, 0, 0);
  for (int d = 0; d < DESIGNS; d++) {
    int t = designs[d].t, n = designs[d].n;
    assert_int_equal(fz_spherical_design(t, n, theta, phi, NULL), FZ_OK);
    for (int k = 0; k < FORMS; k++) {
      double mean = 0, exact = 0, scale = 0;
      for (int term = 0; term < 10; term++) {
        int e[3], degree = term ? (int)fz_random_below(&r, t + 1) : t;
        e[0] = (int)fz_random_below(&r, degree + 1);
        e[1] = (int)fz_random_below(&r, degree - e[0] + 1);
        e[2] = degree - e[0] - e[1];
        double factor = fz_random_normal(&r);
        exact += factor * monomial_mean(e);
        scale += fabs(factor);
        for (int i = 0; i < n; i++) {
          double s = sin(theta[i]);
          mean += factor / n * ipow(s * cos(phi[i]), e[0]) * ipow(s * sin(phi[i]), e[1]) * ipow(cos(theta[i]), e[2]);
        }
      }
      assert_true(fabs(mean - exact) < 1e-13 * scale);
    }
    assert_true(fz_spherical_design_error(t, n, theta, phi) < 1e-13);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* So few points cannot integrate all polynomials of higher degree. Antipodal ones are exact in odd degrees, so the next
 * even one is looked at. */
static void not_exact_beyond_the_degree(void **state) {
  (void)state;
  double theta[POINTS_MAX], phi[POINTS_MAX];
  for (int d = 0; d < DESIGNS; d++) {
    int n = designs[d].n, next = (designs[d].t | 1) + 1;
    assert_int_equal(fz_spherical_design(designs[d].t, n, theta, phi, NULL), FZ_OK);
    assert_true(fz_spherical_design_error(designs[d].t | 1, n, theta, phi) < 1e-13);
    assert_true(fz_spherical_design_error(next, n, theta, phi) > 1e-3);
  }
}

/* Points at +-z: mean of Y_l0 = sqrt(2l+1) for even l. The octahedron is a 3-design. */
static void error_in_closed_form(void **state) {
  (void)state;
  const double theta[] = {0, PI, PI / 2, PI / 2, PI / 2, PI / 2}, phi[] = {0, 0, 0, PI / 2, PI, -PI / 2};
  assert_true(fz_spherical_design_error(1, 2, theta, phi) < 1e-15);
  assert_true(fabs(fz_spherical_design_error(2, 2, theta, phi) - sqrt(5.0)) < 1e-14);
  assert_true(fabs(fz_spherical_design_error(1, 1, theta, phi) - sqrt(3.0)) < 1e-14);
  assert_true(fz_spherical_design_error(3, 6, theta, phi) < 1e-15);
  /* Y_40 = 3 P_4: P_4(+-1) = 1 twice, P_4(0) = 3/8 four times */
  assert_true(fabs(fz_spherical_design_error(4, 6, theta, phi) - 3 * (2 + 4 * 0.375) / 6) < 1e-14);
}

static void same_bits_and_antipodes(void **state) {
  (void)state;
  double theta[2][100], phi[2][100];
  for (int i = 0; i < 2; i++) assert_int_equal(fz_spherical_design(13, 100, theta[i], phi[i], NULL), FZ_OK);
  assert_memory_equal(theta[0], theta[1], sizeof theta[0]);
  assert_memory_equal(phi[0], phi[1], sizeof phi[0]);
  for (int i = 0; i < 50; i++) {
    assert_true(fabs(theta[0][i] + theta[0][i + 50] - PI) < 1e-15 * 4);
    assert_true(fabs(fabs(phi[0][i] - phi[0][i + 50]) - PI) < 1e-15 * 4);
  }
  for (int i = 0; i < 100; i++)
    for (int j = 0; j < i; j++) { /* well apart: the mean distance of 100 points is 0.35 rad */
      double c = cos(theta[0][i]) * cos(theta[0][j]) + sin(theta[0][i]) * sin(theta[0][j]) * cos(phi[0][i] - phi[0][j]);
      assert_true(c < cos(0.1));
    }
}

static void found_at_the_advised_number(void **state) {
  (void)state;
  double theta[POINTS_MAX], phi[POINTS_MAX];
  for (int t = 1; t <= 26; t++) {
    int n = fz_spherical_design_points(t);
    assert_in_range(n, (t + 1) * (t + 1) / 2, (t + 2) * (t + 2) / 2);
    if (t < 24) assert_int_equal(fz_spherical_design(t, n, theta, phi, NULL), FZ_OK);
  }
}

static void impossible_ones_are_refused(void **state) {
  (void)state;
  double theta[100], phi[100];
  fz_error err = {0};
  assert_int_equal(fz_spherical_design(0, 10, theta, phi, &err), FZ_EINVAL);
  assert_int_equal(fz_spherical_design(FZ_DESIGN_DEGREE_MAX + 1, 100, theta, phi, &err), FZ_EINVAL);
  assert_int_equal(fz_spherical_design(3, 9, theta, phi, &err), FZ_EINVAL);
  assert_int_equal(fz_spherical_design(3, 0, theta, phi, &err), FZ_EINVAL);
  assert_int_equal(fz_spherical_design(13, 40, theta, phi, &err), FZ_EDIVERGED);
  assert_non_null(strstr(err.text, "98"));
  assert_int_equal(fz_memory_blocks(), 0);
}

static void quadrature_of_a_design(void **state) {
  (void)state;
  fz_quadrature q, count;
  fz_rotation turn = fz_rotation_from_euler(20, 40, 70);
  const fz_direction_grid grid = {FZ_DIRECTIONS_DESIGN, 13};
  assert_int_equal(fz_quadrature_init(&q, grid, 8, &turn, 1.0, 2.0, 1.5), FZ_OK);
  assert_int_equal(fz_quadrature_count(&count, grid, 8, 1.0, 2.0), FZ_OK);
  assert_int_equal(q.n_directions, 98);
  assert_int_equal(q.n_shifts, 13);
  assert_int_equal(count.n_directions, q.n_directions);
  assert_int_equal(count.n_shifts, q.n_shifts);
  double weight = 0;
  for (int t = 0; t < q.n_shifts; t++) weight += exp(q.log_shift_weight[t]);
  assert_true(fabs(weight - 1) < 1e-14);
  /* The grid is turned, the integral stays: mean of (R_22)^12 over rotations is 1/13. */
  double mean = 0;
  for (int d = 0; d < q.n_directions; d++)
    for (int p = 0; p < q.n_psi; p++) {
      fz_rotation a = fz_quadrature_rotation(&q, d, p);
      mean += ipow(a.m[2][2], 12) / (q.n_directions * q.n_psi);
    }
  assert_true(fabs(mean - 1.0 / 13) < 1e-13);
  fz_quadrature_clear(&q);
  assert_int_equal(
      fz_quadrature_init(&q, (fz_direction_grid){FZ_DIRECTIONS_DESIGN, FZ_DESIGN_DEGREE_MAX + 1}, 8, &turn, 1, 1, 1),
      FZ_EINVAL);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void designs_like_healpix(void **state) {
  (void)state;
  for (int nside = 1; nside <= 13; nside++) {
    fz_direction_grid like = fz_direction_grid_design_like(nside), more = like, fewer = like;
    more.order += 2;
    fewer.order -= 2;
    int want = fz_direction_grid_count((fz_direction_grid){FZ_DIRECTIONS_HEALPIX, nside});
    assert_int_equal(want, 12 * nside * nside);
    double off = fabs(sqrt(fz_direction_grid_count(like)) - sqrt(want));
    assert_true(fz_direction_grid_count(like) > 0);
    assert_true(off <= fabs(sqrt(fz_spherical_design_points(more.order)) - sqrt(want)));
    assert_true(off <= fabs(sqrt(fz_spherical_design_points(fewer.order)) - sqrt(want)));
  }
  assert_int_equal(fz_direction_grid_count(fz_direction_grid_design_like(14)), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_polynomials_are_integrated),
                                     cmocka_unit_test(not_exact_beyond_the_degree),
                                     cmocka_unit_test(error_in_closed_form),
                                     cmocka_unit_test(same_bits_and_antipodes),
                                     cmocka_unit_test(found_at_the_advised_number),
                                     cmocka_unit_test(impossible_ones_are_refused),
                                     cmocka_unit_test(quadrature_of_a_design),
                                     cmocka_unit_test(designs_like_healpix)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
