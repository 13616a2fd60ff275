/* Rotations: every pair of coordinates round-trips, group laws, RELION's convention, Haar moments, nearest rotation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "core/memory.h"
#include "pose/rotation.h"

static const double tiny = 1e-13; /* a handful of double-precision products of numbers at most 1 */

static double difference(const fz_rotation *a, const fz_rotation *b) {
  double worst = 0;
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) worst = fmax(worst, fabs(a->m[i][j] - b->m[i][j]));
  return worst;
}

static double determinant(const fz_rotation *r) {
  const double(*m)[3] = r->m;
  return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
         m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

static void round_trips(void **state) {
  (void)state;
  fz_random random = fz_random_stream(5, FZ_PURPOSE_TEST, 0, 0);
  for (int i = 0; i < 1000; i++) {
    fz_rotation r = fz_rotation_random(&random), back, inverse = fz_rotation_inverse(&r);
    fz_rotation one = fz_rotation_identity(), product = fz_rotation_multiply(&r, &inverse);
    double rot, tilt, psi, v[3], q[4];
    assert_true(difference(&product, &one) < tiny);
    assert_true(fabs(determinant(&r) - 1) < tiny);
    fz_rotation_to_euler(&r, &rot, &tilt, &psi);
    assert_true(tilt >= 0 && tilt <= 180);
    back = fz_rotation_from_euler(rot, tilt, psi);
    assert_true(difference(&r, &back) < tiny);
    fz_rotation_to_vector(&r, v);
    back = fz_rotation_from_vector(v);
    assert_true(difference(&r, &back) < tiny);
    assert_true(fabs(sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) - fz_rotation_distance(&one, &r)) < tiny);
    fz_rotation_to_quaternion(&r, q);
    assert_true(q[0] >= 0);
    back = fz_rotation_from_quaternion(q);
    assert_true(difference(&r, &back) < tiny);
    back = fz_rotation_nearest(r.m);
    assert_true(difference(&r, &back) < tiny);
  }
}

static void poles(void **state) {
  (void)state;
  for (int i = 0; i < 24; i++) {
    double rot, tilt, psi;
    fz_rotation r = fz_rotation_from_euler(15 * i, i % 2 ? 180 : 0, 40), back;
    fz_rotation_to_euler(&r, &rot, &tilt, &psi);
    back = fz_rotation_from_euler(rot, tilt, psi);
    assert_true(difference(&r, &back) < tiny);
  }
}

/* Z(psi) Y(tilt) Z(rot) multiplied out, and the row that is the viewing direction. */
static void relion_convention(void **state) {
  (void)state;
  fz_rotation z1 = fz_rotation_from_euler(25, 0, 0), y = fz_rotation_from_euler(0, 70, 0);
  fz_rotation z2 = fz_rotation_from_euler(0, 0, -130), zy = fz_rotation_multiply(&z2, &y);
  fz_rotation product = fz_rotation_multiply(&zy, &z1), direct = fz_rotation_from_euler(25, 70, -130);
  assert_true(difference(&product, &direct) < tiny);
  double d = acos(-1) / 180, view[3];
  fz_rotation back = fz_rotation_inverse(&direct);
  fz_rotation_apply(&back, (double[3]){0, 0, 1}, view);
  assert_true(fabs(view[0] - sin(70 * d) * cos(25 * d)) < tiny);
  assert_true(fabs(view[1] - sin(70 * d) * sin(25 * d)) < tiny);
  assert_true(fabs(view[2] - cos(70 * d)) < tiny);
  /* the frame turns by +a, hence vectors by -a */
  fz_rotation turn = fz_rotation_from_vector((double[3]){0, 0, -25 * d});
  assert_true(difference(&turn, &z1) < tiny);
}

static void distances(void **state) {
  (void)state;
  fz_random random = fz_random_stream(6, FZ_PURPOSE_TEST, 0, 0);
  const double angle[] = {1e-9, 1e-4, 1, 3, 3.14159};
  for (int i = 0; i < 5; i++) {
    fz_rotation r = fz_rotation_random(&random);
    fz_rotation turn = fz_rotation_from_vector((double[3]){angle[i] * 0.6, 0, angle[i] * 0.8});
    fz_rotation moved = fz_rotation_multiply(&r, &turn);
    assert_true(fabs(fz_rotation_distance(&r, &moved) - angle[i]) < 1e-14 + tiny * angle[i]);
    fz_rotation a = fz_rotation_mirrored(&r), b = fz_rotation_mirrored(&moved);
    assert_true(fabs(fz_rotation_distance(&a, &b) - angle[i]) < 1e-14 + tiny * angle[i]);
    assert_true(fabs(determinant(&a) - 1) < tiny);
  }
}

/* Haar: E m_ij = 0, E m_ij^2 = 1/3; and the density of the angle is (1 - cos a)/pi, mean pi/2 + 2/pi. */
static void haar_moments(void **state) {
  (void)state;
  enum { N = 100000 };
  fz_random random = fz_random_stream(7, FZ_PURPOSE_TEST, 0, 0);
  fz_rotation one = fz_rotation_identity();
  double first[3][3] = {{0}}, second[3][3] = {{0}}, angle = 0;
  for (int n = 0; n < N; n++) {
    fz_rotation r = fz_rotation_random(&random);
    angle += fz_rotation_distance(&one, &r) / N;
    for (int i = 0; i < 9; i++) {
      first[i / 3][i % 3] += r.m[i / 3][i % 3] / N;
      second[i / 3][i % 3] += r.m[i / 3][i % 3] * r.m[i / 3][i % 3] / N;
    }
  }
  double five_sigma = 5 / sqrt(N);
  assert_true(fabs(angle - (acos(-1) / 2 + 2 / acos(-1))) < five_sigma);
  for (int i = 0; i < 9; i++) {
    assert_true(fabs(first[i / 3][i % 3]) < five_sigma);
    assert_true(fabs(second[i / 3][i % 3] - 1.0 / 3) < five_sigma);
  }
}

/* Nearest rotation to a noisy matrix beats every small turn away from it; improper input works as well. */
static void nearest(void **state) {
  (void)state;
  fz_random random = fz_random_stream(8, FZ_PURPOSE_TEST, 0, 0);
  for (int n = 0; n < 50; n++) {
    double m[3][3];
    for (int i = 0; i < 9; i++) m[i / 3][i % 3] = fz_random_normal(&random);
    fz_rotation r = fz_rotation_nearest((const double(*)[3])m);
    assert_true(fabs(determinant(&r) - 1) < tiny);
    for (int k = 0; k < 20; k++) {
      double v[3], here = 0, there = 0;
      for (int i = 0; i < 3; i++) v[i] = 0.3 * fz_random_normal(&random);
      fz_rotation turn = fz_rotation_from_vector(v), away = fz_rotation_multiply(&r, &turn);
      for (int i = 0; i < 9; i++) {
        here += r.m[i / 3][i % 3] * m[i / 3][i % 3];
        there += away.m[i / 3][i % 3] * m[i / 3][i % 3];
      }
      assert_true(here > there);
    }
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* The twist is the best turn, found by trying all; along one direction it is the difference of the angles. */
static void twist_is_the_best_turn(void **state) {
  (void)state;
  fz_random r = fz_random_stream(12, FZ_PURPOSE_TEST, 0, 0);
  for (int trial = 0; trial < 20; trial++) {
    fz_rotation a = fz_rotation_random(&r), b = fz_rotation_random(&r);
    double twist = fz_rotation_twist(&a, &b), nearest = 10;
    for (int i = -1; i < 360; i++) {
      double t = i < 0 ? twist : i * 3.14159265358979323846 / 180;
      fz_rotation z = fz_rotation_from_euler(0, 0, t * 180 / 3.14159265358979323846),
                  turned = fz_rotation_multiply(&z, &b);
      double apart = fz_rotation_distance(&a, &turned);
      assert_true(i < 0 || apart > nearest - 1e-9);
      if (i < 0) nearest = apart;
    }
    fz_rotation first = fz_rotation_from_euler(20, 70, 50), second = fz_rotation_from_euler(20, 70, 20 + trial);
    assert_true(fabs(fz_rotation_twist(&first, &second) - (30 - trial) * 3.14159265358979323846 / 180) < 1e-12);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(round_trips),           cmocka_unit_test(poles),
                                     cmocka_unit_test(relion_convention),     cmocka_unit_test(distances),
                                     cmocka_unit_test(haar_moments),          cmocka_unit_test(nearest),
                                     cmocka_unit_test(twist_is_the_best_turn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
