/* Optimizers with second-order information on quadratic models whose answers are known (linear_model.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/memory.h"
#include "linear_model.h"
#include "optim/optimizer.h"
#include "optim/pairs.h"

static const double start[LINEAR_DIM] = {-3, 3, 2};
static const double usual = 16;
static const double exact = 100 * 0x1p-50; /* as in test_optimizers.c */

/* One batch of all images, steps of the papers. */
static fz_optimizer_options full_options(const linear_model *m) {
  fz_optimizer_options options = fz_optimizer_options_default();
  options.batch_images = m->f.n_images;
  options.step_rule = FZ_STEP_GIVEN;
  options.step = 1;
  options.precondition = false;
  options.seed = 5;
  return options;
}

static fz_optimizer *create(const linear_model *m, const char *name, const fz_optimizer_options *options,
                            const double *from) {
  fz_error err = {0};
  fz_optimizer *o;
  const fz_optimizer_kind *kind = fz_optimizer_find(name);
  assert_non_null(kind);
  if (fz_optimizer_create(kind, &m->f, options, from, &o, &err) != FZ_OK) fail_msg("%s", err.text);
  return o;
}

static void run(fz_optimizer *o, int64_t steps) {
  fz_error err = {0};
  for (int64_t i = 0; i < steps; i++)
    if (fz_optimizer_step(o, &err) != FZ_OK) fail_msg("%s: %s", o->kind->name, err.text);
}

static double distance(const linear_model *m, const double *w) {
  double most = 0;
  for (int j = 0; j < LINEAR_DIM; j++) most = fmax(most, fabs(w[j] - m->optimum[j]));
  return most;
}

/* The model is separable: from a point that differs from the optimum in one coordinate, all is one-dimensional, and the
 * first pair is the exact inverse Hessian there. */
static void one_pair_solves_one_dimension(void **state) {
  (void)state;
  static const char *const name[] = {"svrg-ii", "sem-vr-qn"};
  linear_model m;
  linear_init(&m, usual);
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < LINEAR_DIM; j++) {
      fz_optimizer_options options = full_options(&m);
      options.precondition = i / 2;
      double from[LINEAR_DIM];
      memcpy(from, m.optimum, sizeof from);
      from[j] += 1.5;
      fz_optimizer *o = create(&m, name[i % 2], &options, from);
      run(o, 1);
      assert_true(distance(&m, o->w) > 0.1);
      run(o, 1);
      assert_true(distance(&m, o->w) < exact);
      assert_true(fz_optimizer_passes(o) == 2);
      fz_optimizer_destroy(&o);
    }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* A linear map of three dimensions: with the differences of four points the residual is zero.  The rates are close
 * to each other (0.510, 0.511, 0.525), so that fewer differences come close, too: three are told from two by 10^-5. */
static void mixing_solves_a_linear_map(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = full_options(&m);
  fz_optimizer *o = create(&m, "em-anderson", &options, start);
  run(o, 3);
  assert_true(distance(&m, o->w) > 1e-5);
  run(o, 1);
  assert_true(distance(&m, o->w) < exact);
  assert_true(fz_optimizer_passes(o) == 4);
  run(o, 2);
  assert_true(distance(&m, o->w) < exact);
  fz_optimizer_destroy(&o);

  /* Two differences leave a polynomial of second degree in the rates. */
  options.memory = 2;
  o = create(&m, "em-anderson", &options, start);
  run(o, 4);
  assert_true(distance(&m, o->w) > 1e-5);
  fz_optimizer_destroy(&o);

  /* Epochs of one full batch are the EM map, too. */
  options.memory = 3;
  o = create(&m, "sem-vr-anderson", &options, start);
  run(o, 4);
  assert_true(distance(&m, o->w) < exact);
  fz_optimizer_destroy(&o);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* BFGS with unit steps converges superlinearly on a quadratic (Broyden, Dennis, More 1973): the error of a step falls
 * to ever smaller shares of that of the step before.  Gradient descent keeps to its rate. */
static void pairs_of_snapshots_converge_superlinearly(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = full_options(&m);
  double slowest = 0;
  for (int j = 0; j < LINEAR_DIM; j++) slowest = fmax(slowest, m.rate[j]);
  const char *const name[] = {"svrg-ii", "gd"};
  int passes[2] = {0, 0};
  for (int i = 0; i < 2; i++) {
    fz_optimizer *o = create(&m, name[i], &options, start);
    while (distance(&m, o->w) > exact && passes[i] < 300) {
      run(o, 1);
      passes[i]++;
    }
    fz_optimizer_destroy(&o);
  }
  /* log(exact / 5) / log(rate) passes of the linear rate, within some for the other coordinates */
  double linear = log(exact / 5) / log(slowest);
  assert_true(fabs(passes[1] - linear) < 5);
  assert_true(passes[0] < linear / 3);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Both directions of curvature: H = (I - s y'/sy)(I - y s'/sy) + s s'/sy, written out for g = s. */
static void pairs_of_negative_curvature_are_left_out(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer o = {.f = &m.f, .options = full_options(&m)};
  const double s[LINEAR_DIM] = {1, 2, 0}, y[LINEAR_DIM] = {-1, -1, 1}; /* s.y = -3 */
  for (int safe = 0; safe < 2; safe++) {
    fz_pairs p;
    fz_error err = {0};
    double out[LINEAR_DIM];
    o.options.safeguards = safe ? FZ_SAFE_PAIRS : 0;
    o.options.memory = 2;
    assert_int_equal(fz_pairs_init(&p, &o), FZ_OK);
    assert_int_equal(fz_pairs_open(&p, &o, &err), FZ_OK);
    fz_pairs_push(&p, &o, s, y);
    assert_int_equal(p.count, safe ? 0 : 1);
    assert_int_equal(fz_pairs_apply(&p, &o, NULL, NULL, s, out, &err), FZ_OK);
    /* a = (I - y s'/sy) s = s + 5/3 y;  H s = a - s (y.a)/sy + s (s.s)/sy, s.s = 5, y.a = -3 + 5 = 2 */
    for (int j = 0; j < LINEAR_DIM; j++) {
      double expect = safe ? s[j] : s[j] + 5.0 / 3 * y[j] + s[j] * 2 / 3 - s[j] * 5 / 3;
      assert_true(fabs(out[j] - expect) < 1e-14);
    }
    fz_pairs_clear(&p, &o);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Three pairs into a ring of two: the oldest is gone, as if it had never been. */
static void the_newest_pairs_stay(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer o = {.f = &m.f, .options = full_options(&m)};
  o.options.memory = 2;
  const double s[3][LINEAR_DIM] = {{1, 0, 1}, {0, 2, 1}, {1, -1, 0}},
               y[3][LINEAR_DIM] = {{2, 1, 0}, {0, 1, 1}, {3, 0, 1}};
  double out[2][LINEAR_DIM];
  for (int first = 0; first < 2; first++) {
    fz_pairs p;
    fz_error err = {0};
    assert_int_equal(fz_pairs_init(&p, &o), FZ_OK);
    assert_int_equal(fz_pairs_open(&p, &o, &err), FZ_OK);
    for (int k = first; k < 3; k++) fz_pairs_push(&p, &o, s[k], y[k]);
    assert_int_equal(p.count, 2);
    assert_int_equal(fz_pairs_apply(&p, &o, NULL, NULL, start, out[first], &err), FZ_OK);
    fz_pairs_clear(&p, &o);
  }
  assert_memory_equal(out[0], out[1], sizeof out[0]);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void without_algebra_they_say_so(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  m.f.algebra = NULL;
  fz_optimizer_options options = full_options(&m);
  int refused = 0;
  for (int i = 0; fz_optimizer_at(i); i++) {
    const fz_optimizer_kind *kind = fz_optimizer_at(i);
    fz_optimizer *o;
    fz_error err = {0};
    fz_status st = fz_optimizer_create(kind, &m.f, &options, start, &o, &err);
    if (kind->needs_algebra) {
      refused++;
      assert_int_equal(st, FZ_EINVAL);
      assert_null(o);
      assert_non_null(strstr(err.text, "linear algebra"));
    } else if (st == FZ_OK) {
      fz_optimizer_destroy(&o);
    }
  }
  assert_true(refused > 0);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_pair_solves_one_dimension),
                                     cmocka_unit_test(mixing_solves_a_linear_map),
                                     cmocka_unit_test(pairs_of_snapshots_converge_superlinearly),
                                     cmocka_unit_test(pairs_of_negative_curvature_are_left_out),
                                     cmocka_unit_test(the_newest_pairs_stay),
                                     cmocka_unit_test(without_algebra_they_say_so)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
