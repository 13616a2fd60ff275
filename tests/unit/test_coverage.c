/* What half-maps foretell of the truth: closed forms for even coverage, for missing views and for two levels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "metrics/coverage.h"

enum { KMAX = 9, OVER = 4 };

typedef double level(int jz, int jy, int jx);

static double even(int jz, int jy, int jx) {
  (void)jz, (void)jy, (void)jx;
  return 1;
}
/* Shell 7 is seen less than all others, but evenly. */
static double one_shell(int jz, int jy, int jx) {
  return lrint(sqrt(jz * jz + jy * jy + jx * jx) / OVER) == 7 ? 1 : 5;
}
/* 1 in half of all directions, by the symmetry of y and z; 0 in the rest. */
static double half_of_them(int jz, int jy, int jx) {
  (void)jx;
  return abs(jz) < abs(jy) || (abs(jz) == abs(jy) && jz > 0);
}
static double two_levels(int jz, int jy, int jx) {
  return half_of_them(jz, jy, jx) > 0 ? 1 : 0.05;
}
/* No views within 30 degrees of the z axis; it has 1 - cos 30 = 0.134 of all directions. */
static double cone(int jz, int jy, int jx) {
  return abs(jz) < cos(acos(-1) / 6) * sqrt(jz * jz + jy * jy + jx * jx);
}

static void foretell(level *a, double scale, double fsc, double *foretold) {
  fz_cube cube = fz_cube_make(24, OVER, KMAX);
  double *cell = fz_alloc(cube.cells, sizeof *cell), curve[KMAX + 1];
  ptrdiff_t i = 0;
  for (int jz = -cube.reach; jz <= cube.reach; jz++)
    for (int jy = -cube.reach; jy <= cube.reach; jy++)
      for (int jx = -1; jx <= cube.reach; jx++) cell[i++] = scale * a(jz, jy, jx);
  assert_int_equal(i, cube.cells);
  for (int s = 0; s <= KMAX; s++) {
    curve[s] = fsc;
    foretold[s] = -7;
  }
  assert_int_equal(fz_coverage_foretell(&cube, cell, curve, KMAX, foretold), FZ_OK);
  fz_free(&cell);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void even_coverage(void **state) {
  (void)state;
  const double fsc[] = {0.01, 1.0 / 7, 0.5, 0.9, 0.999};
  double foretold[KMAX + 1];
  for (int k = 0; k < 5; k++) {
    foretell(even, k == 2 ? 1e7 : 0.02, fsc[k], foretold);
    for (int s = 1; s <= KMAX; s++) assert_true(fabs(foretold[s] - sqrt(2 * fsc[k] / (1 + fsc[k]))) < 1e-6);
    assert_true(foretold[0] == 1);
  }
  foretell(one_shell, 1, 1.0 / 7, foretold);
  for (int s = 1; s <= KMAX; s++) assert_true(fabs(foretold[s] - 0.5) < 1e-6);
}

/* The halves agree in what they see; the truth has the rest as well:  T^2 = seen share * 2 H/(1 + H). */
static void missing_views(void **state) {
  (void)state;
  double foretold[KMAX + 1], whole[KMAX + 1];
  for (double fsc = 0.2; fsc < 1; fsc += 0.25) {
    foretell(half_of_them, 1, fsc, foretold);
    for (int s = 4; s <= KMAX; s++) assert_true(fabs(foretold[s] / sqrt(fsc / (1 + fsc)) - 1) < 0.02);
    foretell(cone, 1, fsc, foretold);
    foretell(even, 1, fsc, whole);
    for (int s = 4; s <= KMAX; s++) {
      double seen = pow(foretold[s] / whole[s], 2);
      assert_true(seen < 1 && fabs(seen - cos(acos(-1) / 6)) < 0.04);
    }
  }
}

/* From the signal to noise x of one half of the directions, 0.05 x of the other, to both correlations. */
static void two_levels_of_information(void **state) {
  (void)state;
  double foretold[KMAX + 1];
  for (double x = 0.2; x < 200; x *= 4) {
    double y = 0.05 * x, w = x / (1 + x), v = y / (1 + y);
    double halves = (w * w + v * v) / (w + v), truth = sqrt(x / (1 + 2 * x) + y / (1 + 2 * y));
    foretell(two_levels, 3, halves, foretold);
    for (int s = 4; s <= KMAX; s++) assert_true(fabs(foretold[s] / truth - 1) < 0.03);
    assert_true(foretold[KMAX] < sqrt(2 * halves / (1 + halves)));
  }
}

static void ends_of_the_curve(void **state) {
  (void)state;
  double foretold[KMAX + 1];
  foretell(cone, 1, 0, foretold);
  for (int s = 1; s <= KMAX; s++) assert_true(foretold[s] == 0);
  foretell(cone, 1, -0.3, foretold);
  for (int s = 1; s <= KMAX; s++) assert_true(foretold[s] == 0);
  foretell(even, 1, 1, foretold);
  for (int s = 1; s <= KMAX; s++) assert_true(foretold[s] > 0.9999 && foretold[s] <= 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(even_coverage), cmocka_unit_test(missing_views),
                                     cmocka_unit_test(two_levels_of_information), cmocka_unit_test(ends_of_the_curve)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
