/* The thesis' cryo-EM problem: its quadrature, its counts, its images, the model on it, and the error of an estimate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "orbit/candidates.h"
#include "orbit/cryo.h"
#include "pose/spherical_design.h"

enum { DIM = 64, P = 225 };

static fz_cryo_problem simulate(int64_t n, bool from_quadrature, double snr) {
  fz_cryo_spec spec = fz_cryo_thesis(1);
  fz_cryo_problem t;
  fz_error err = {0};
  spec.n = n;
  spec.from_quadrature = from_quadrature;
  spec.snr = snr;
  if (fz_cryo_simulate(&spec, &t, &err) != FZ_OK) fail_msg("%s", err.text);
  return t;
}

static void drop(fz_cryo_problem *t) {
  fz_cryo_clear(t);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Of each view all 12 angles are there, and mean of a slice over candidates is that over SO(3): zero but for l = 0. */
static void quadrature_of_the_thesis(void **state) {
  (void)state;
  fz_cryo_problem t = simulate(2, false, 0.34);
  double theta[100], phi[100], mean[4] = {0};
  assert_int_equal(t.n_candidates, 1200);
  for (int d = 0; d < 100; d++) {
    const double *view = t.candidate[12 * d].m[2];
    theta[d] = acos(view[2]);
    phi[d] = atan2(view[1], view[0]);
    for (int k = 1; k < 12; k++) {
      double turn = fz_rotation_distance(&t.candidate[12 * d], &t.candidate[12 * d + k]);
      assert_true(fabs(turn - 3.14159265358979323846 * (k < 6 ? k : 12 - k) / 6) < 1e-7);
      for (int c = 0; c < 3; c++) assert_true(fabs(t.candidate[12 * d + k].m[2][c] - view[c]) < 1e-14);
    }
  }
  assert_true(fz_spherical_design_error(13, 100, theta, phi) < 1e-12);
  for (int a = 0; a < DIM; a++)
    for (int k = 0; k < P; k++) {
      double sum = 0;
      for (int j = 0; j < 1200; j++) sum += t.matrix[(j * DIM + a) * P + k] / 1200;
      mean[a < 4 ? 0 : a < 16 ? 1 : a < 36 ? 2 : 3] += sum * sum;
    }
  assert_true(mean[0] > 1e-3);
  for (int l = 1; l < 4; l++) assert_true(mean[l] < 1e-24);
  drop(&t);
}

/* Rows: harmonics on the equator, l + 1 for each l and s; slices: rotation matrices from (2l+1) to (l+1) numbers. */
static void compression_counts_harmonics(void **state) {
  (void)state;
  fz_cryo_problem t = simulate(2, false, 0.34);
  fz_candidates c;
  assert_int_equal(t.basis.dim, DIM);
  assert_int_equal(t.p, P);
  assert_int_equal(fz_candidates_init(&c, t.n_candidates, P, DIM, t.matrix, 1, NULL), FZ_OK);
  assert_int_equal(c.r, 4 * (1 + 2 + 3 + 4));
  assert_int_equal(c.n_slices, 1 * 1 + 3 * 2 + 5 * 3 + 7 * 4);
  assert_true(c.n_grams < 100);
  /* what the compressed form shows, back in full, is M_j v */
  double v[DIM], *shown = fz_alloc(1200 * c.r, sizeof *shown), *scratch = fz_alloc(c.n_slices * c.r, sizeof *scratch);
  fz_random r = fz_random_stream(1, FZ_PURPOSE_TEST, 0, 0);
  for (int a = 0; a < DIM; a++) v[a] = fz_random_normal(&r);
  fz_candidates_show(&c, v, shown, scratch);
  for (int j = 0; j < 1200; j += 7)
    for (int k = 0; k < P; k++) {
      double direct = 0, compressed = 0;
      for (int a = 0; a < DIM; a++) direct += t.matrix[(j * DIM + a) * P + k] * v[a];
      for (int i = 0; i < c.r; i++) compressed += shown[j * c.r + i] * c.rows[i * P + k];
      assert_true(fabs(direct - compressed) < 1e-13);
    }
  fz_free(&shown);
  fz_free(&scratch);
  fz_candidates_clear(&c);
  drop(&t);
}

/* The noise is as strong as the SNR says and white; poses lie on the quadrature or off it. */
static void images_are_as_told(void **state) {
  (void)state;
  double residual = 0, power = 0, far = 0;
  fz_cryo_problem t = simulate(300, false, 0.34), q = simulate(300, true, 0.34);
  double *slice = fz_alloc(DIM * P, sizeof *slice);
  for (int i = 0; i < 300; i++) {
    double nearest[2] = {9, 9};
    for (int j = 0; j < 1200; j++) {
      nearest[0] = fmin(nearest[0], fz_rotation_distance(&t.pose[i], &t.candidate[j]));
      nearest[1] = fmin(nearest[1], fz_rotation_distance(&q.pose[i], &q.candidate[j]));
    }
    far = fmax(far, nearest[0]);
    assert_true(nearest[1] == 0 && nearest[0] > 1e-6 && nearest[0] < 0.5);
    assert_int_equal(fz_spherical_basis_slice(&t.basis, 15, &t.pose[i], slice), FZ_OK);
    for (int k = 0; k < P; k++) {
      double clean = 0;
      for (int a = 0; a < DIM; a++) clean += t.truth[a] * slice[a * P + k];
      residual += pow(t.x[i * P + k] - clean, 2);
      if (k) power += clean * clean;
    }
  }
  assert_true(far > 0.2);
  residual /= 300 * P;
  assert_true(fabs(residual / (t.sigma * t.sigma) - 1) < 5 * sqrt(2.0 / (300 * P)));
  assert_true(fabs(power / (300 * P) / (t.sigma * t.sigma) - 0.34) < 1e-12);
  fz_free(&slice);
  fz_cryo_clear(&q);
  drop(&t);
}

static double value(const fz_objective *f, const double *w, const int64_t *tile, int64_t *words) {
  fz_error err = {0};
  if (f->evaluate(f->self, w, tile, f->n_tiles, words, &err) != FZ_OK) fail_msg("%s", err.text);
  return -f->gain(f->self, words) / (double)f->images(f->self, words) + f->prior(f->self, w);
}

/* Gradient and Hessian against differences, as in test_orbit_model.c, on compressed slices with posteriors over 1200
 * candidates; EM descends; from an uninformed start it comes near the truth, but for rotation and hand. */
static void model_is_sound(void **state) {
  (void)state;
  enum { N = 600 };
  fz_cryo_problem t = simulate(N, false, 0.34);
  fz_orbit_model *model;
  fz_error err = {0};
  assert_int_equal(fz_cryo_open(&t, 1e-3, 50, 2, &model, &err), FZ_OK);
  const fz_objective *f = fz_orbit_model_view(model, NULL);
  int64_t tile[12], *words = fz_alloc(f->n_words, sizeof *words);
  double w[DIM], u[DIM], at[DIM], g[2][DIM], slope = 0, side[2], product[DIM], scale = 0, h = 1e-4;
  double *moments = fz_alloc(f->n_moments, sizeof *moments);
  assert_int_equal(f->n_tiles, 12);
  for (int i = 0; i < 12; i++) tile[i] = i;
  fz_cryo_start(&t, 1, w);
  fz_random r = fz_random_stream(3, FZ_PURPOSE_TEST, 0, 0);
  for (int a = 0; a < DIM; a++) u[a] = fz_random_normal(&r);
  assert_int_equal(f->hessian(f->self, w, tile, 12, u, product, &err), FZ_OK);
  for (int s = 0; s < 2; s++) {
    for (int a = 0; a < DIM; a++) at[a] = w[a] + (s ? h : -h) * u[a];
    side[s] = value(f, at, tile, words);
    assert_int_equal(f->gradient(f->self, words, at, g[s], &err), FZ_OK);
  }
  for (int a = 0; a < DIM; a++) {
    slope += (g[0][a] + g[1][a]) / 2 * u[a]; /* at w, to h^2 */
    scale = fmax(scale, fabs(product[a]));
  }
  assert_true(fabs((side[1] - side[0]) / (2 * h) - slope) < 1e-6 * fabs(slope));
  for (int a = 0; a < DIM; a++) assert_true(fabs((g[1][a] - g[0][a]) / (2 * h) - product[a]) < 1e-6 * scale);
  double before = value(f, w, tile, words), error = fz_cryo_error(&t, w);
  assert_true(error > 0.8);
  for (int pass = 0; pass < 60; pass++) {
    f->moments(f->self, words, moments);
    assert_int_equal(f->maximize(f->self, moments, N, 1, w, &err), FZ_OK);
    double now = value(f, w, tile, words);
    assert_true(now <= before + 1e-14 * fabs(before));
    before = now;
  }
  assert_true(fz_cryo_error(&t, w) < 0.3 * error);
  assert_true(before < value(f, t.truth, tile, words));
  fz_free(&words);
  fz_free(&moments);
  fz_orbit_model_destroy(&model);
  drop(&t);
}

/* Turned and inverted truths are the truth; one with 0.01 more in each number is as far off as that. */
static void error_knows_rotation_and_hand(void **state) {
  (void)state;
  fz_cryo_problem t = simulate(2, false, 0.34);
  double w[DIM], square = 0, added = 0;
  fz_random r = fz_random_stream(4, FZ_PURPOSE_TEST, 0, 0);
  for (int a = 0; a < DIM; a++) square += t.truth[a] * t.truth[a];
  for (int trial = 0; trial < 6; trial++) {
    fz_rotation turn = fz_rotation_random(&r);
    assert_int_equal(fz_spherical_basis_rotate(&t.basis, &turn, t.truth, w), FZ_OK);
    for (int a = 0; a < DIM; a++)
      if (trial % 2 && ((a >= 4 && a < 16) || a >= 36)) w[a] = -w[a];
    assert_true(fz_cryo_error(&t, w) < 1e-6);
    added = 0;
    for (int a = 0; a < DIM; a++) {
      double more = 0.01 * fz_random_normal(&r);
      w[a] += more;
      added += more * more;
    }
    /* three of the 64 directions are rotations, which the error leaves out */
    double error = fz_cryo_error(&t, w), most = sqrt(added / square);
    assert_true(error < most && error > 0.75 * most);
  }
  memset(w, 0, sizeof w);
  assert_true(fabs(fz_cryo_error(&t, w) - 1) < 1e-12);
  drop(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(quadrature_of_the_thesis),
                                     cmocka_unit_test(compression_counts_harmonics),
                                     cmocka_unit_test(images_are_as_told), cmocka_unit_test(model_is_sound),
                                     cmocka_unit_test(error_knows_rotation_and_hand)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
