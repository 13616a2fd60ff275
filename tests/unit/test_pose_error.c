/* Pose errors on synthetic sets: a known global rotation, known noise, outliers, the mirrored hand, symmetry mates,
 * a known global translation; the summary on known numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "core/memory.h"
#include "core/random.h"
#include "metrics/pose_error.h"

enum { N = 400 };
static const double degree = 3.14159265358979323846 / 180;

/* estimate = turn(noise_deg about a random axis) truth S G */
static void make_poses(double noise_deg, int fold, const fz_rotation *global, fz_rotation *truth,
                       fz_rotation *estimate) {
  fz_random r = fz_random_stream(31, FZ_PURPOSE_TEST, 0, 0);
  for (int i = 0; i < N; i++) {
    truth[i] = fz_rotation_random(&r);
    fz_rotation axis = fz_rotation_random(&r);
    double v[3], a = noise_deg * degree, s = 2 * acos(-1) / fold * (double)fz_random_below(&r, fold);
    for (int d = 0; d < 3; d++) v[d] = a * axis.m[0][d];
    fz_rotation turn = fz_rotation_from_vector(v), mate = fz_rotation_from_vector((double[3]){0, 0, s});
    estimate[i] = fz_rotation_multiply(&truth[i], &mate);
    estimate[i] = fz_rotation_multiply(&estimate[i], global);
    estimate[i] = fz_rotation_multiply(&turn, &estimate[i]);
  }
}

static void global_rotation(void **state) {
  (void)state;
  fz_rotation truth[N], estimate[N], global = fz_rotation_from_euler(70, 40, -160), found;
  double error[N];
  make_poses(0, 1, &global, truth, estimate);
  assert_int_equal(fz_pose_fit(N, estimate, truth, 1, &found, error, NULL), FZ_OK);
  assert_true(fz_rotation_distance(&found, &global) < 1e-12);
  for (int i = 0; i < N; i++) assert_true(error[i] < 1e-10);
  fz_pose_distance(N, estimate, truth, error);
  double conjugate = fz_rotation_distance(&(fz_rotation){{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}, &global) / degree;
  for (int i = 0; i < N; i++) assert_true(fabs(error[i] - conjugate) < 1e-9);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Errors of 2 degrees about random axes: G is found to about 2 / sqrt(N) = 0.1, so the errors stay near 2. A tenth of
 * the poses replaced by random ones must not move it. */
static void noise_and_outliers(void **state) {
  (void)state;
  fz_rotation truth[N], estimate[N], global = fz_rotation_from_euler(-30, 100, 5), found;
  double error[N];
  make_poses(2, 1, &global, truth, estimate);
  fz_random r = fz_random_stream(32, FZ_PURPOSE_TEST, 0, 0);
  for (int i = 0; i < N; i += 10) estimate[i] = fz_rotation_random(&r);
  assert_int_equal(fz_pose_fit(N, estimate, truth, 1, &found, error, NULL), FZ_OK);
  assert_true(fz_rotation_distance(&found, &global) < 0.3 * degree);
  for (int i = 0; i < N; i++)
    if (i % 10) assert_true(fabs(error[i] - 2) < 0.3);
  fz_error_summary s = fz_error_summarize(N, error);
  assert_true(fabs(s.median - 2) < 0.3 && s.p95 > 10);
  assert_true(s.above_10 > 0.08 && s.above_10 <= 0.1 && s.above_30 <= s.above_10);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void mirrored_hand(void **state) {
  (void)state;
  fz_rotation truth[N], estimate[N], global = fz_rotation_from_euler(10, 20, 30), found;
  double error[N];
  make_poses(1, 1, &global, truth, estimate);
  for (int i = 0; i < N; i++) estimate[i] = fz_rotation_mirrored(&estimate[i]);
  assert_int_equal(fz_pose_fit(N, estimate, truth, 1, &found, error, NULL), FZ_OK);
  assert_true(fz_error_summarize(N, error).median > 20);
  for (int i = 0; i < N; i++) estimate[i] = fz_rotation_mirrored(&estimate[i]);
  assert_int_equal(fz_pose_fit(N, estimate, truth, 1, &found, error, NULL), FZ_OK);
  assert_true(fabs(fz_error_summarize(N, error).median - 1) < 0.2);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void symmetry_mates(void **state) {
  (void)state;
  fz_rotation truth[N], estimate[N], global = fz_rotation_from_euler(10, 20, 30), found;
  double error[N];
  make_poses(0, 3, &global, truth, estimate);
  assert_int_equal(fz_pose_fit(N, estimate, truth, 3, &found, error, NULL), FZ_OK);
  for (int i = 0; i < N; i++) assert_true(error[i] < 1e-9);
  assert_int_equal(fz_pose_fit(N, estimate, truth, 1, &found, error, NULL), FZ_OK);
  assert_true(fz_error_summarize(N, error).above_30 > 0.5);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void translation(void **state) {
  (void)state;
  fz_rotation truth[N], estimate[N], one = fz_rotation_identity();
  double error[N] = {0}, difference[N][2], rest[N], t[3] = {3, -2, 5}, found[3];
  make_poses(0, 1, &one, truth, estimate);
  for (int i = 0; i < N; i++) {
    double moved[3];
    fz_rotation_apply(&estimate[i], t, moved);
    difference[i][0] = moved[0] + (i % 2 ? 0.5 : -0.5);
    difference[i][1] = moved[1];
  }
  difference[7][0] = 1e6; /* a lost particle */
  error[7] = 90;
  fz_pose_shift_rest(N, estimate, (const double(*)[2])difference, error, found, rest);
  for (int d = 0; d < 3; d++) assert_true(fabs(found[d] - t[d]) < 5 * 0.5 / sqrt(N));
  fz_error_summary s = fz_error_summarize(N, rest);
  assert_true(fabs(s.median - 0.5) < 0.1);
  fz_pose_shift_rest(8, estimate, (const double(*)[2])difference, error, found, rest);
  assert_true(found[0] == 0 && found[1] == 0 && found[2] == 0);
  assert_true(fabs(rest[1] - hypot(difference[1][0], difference[1][1])) < 1e-12);
}

static void summary(void **state) {
  (void)state;
  double value[] = {40, 1, 2, 3, 20, 4, 5, 6, 7, 8, 12};
  fz_error_summary s = fz_error_summarize(11, value);
  assert_true(fabs(s.mean - 108.0 / 11) < 1e-12 && s.median == 6 && s.p90 == 20 && s.p95 == 30);
  assert_true(fabs(s.above_10 - 3.0 / 11) < 1e-12 && fabs(s.above_30 - 1.0 / 11) < 1e-12);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(global_rotation), cmocka_unit_test(noise_and_outliers),
                                     cmocka_unit_test(mirrored_hand),   cmocka_unit_test(symmetry_mates),
                                     cmocka_unit_test(translation),     cmocka_unit_test(summary)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
