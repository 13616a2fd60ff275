/* Optimizers with second-order information on quadratic models whose answers are known (linear_model.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/memory.h"
#include "linear_model.h"
#include "optim/mixing.h"
#include "optim/optimizer.h"
#include "optim/pairs.h"
#include "optim/subspace.h"

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
  options.eigenpairs = LINEAR_DIM - 1;
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

/* G(u) = rate u on one axis: where it contracts, two points give the fixed point 0; where it expands, 0 is a saddle and
 * the step grows instead: 2, then 4 times. */
static void mixing_leaves_saddles(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer o = {.kind = fz_optimizer_find("em-anderson"), .f = &m.f, .options = full_options(&m)};
  for (int expands = 0; expands < 2; expands++) {
    const double rate = expands ? 1.5 : 0.5;
    fz_mixing mixing;
    fz_error err = {0};
    double u[LINEAR_DIM] = {1, 0, 0}, g[LINEAR_DIM] = {rate, 0, 0}, out[LINEAR_DIM];
    assert_int_equal(fz_mixing_init(&mixing, &o), FZ_OK);
    fz_mixing_push(&mixing, &o, u, g, 1);
    assert_int_equal(fz_mixing_mix(&mixing, &o, u, u, out, &err), FZ_OK);
    assert_memory_equal(out, g, sizeof g); /* one point: its image */
    assert_int_equal(mixing.mixed, 0);
    double stretch = 2;
    for (int step = 0; step < 2; step++, stretch *= 2) {
      memcpy(u, out, sizeof u);
      g[0] = rate * u[0];
      fz_mixing_push(&mixing, &o, u, g, 0.5);
      assert_int_equal(fz_mixing_mix(&mixing, &o, u, u, out, &err), FZ_OK);
      assert_int_equal(mixing.mixed, 1);
      double expect = expands ? u[0] + stretch * (g[0] - u[0]) : 0;
      assert_true(fabs(out[0] - expect) < 1e-14);
      if (!expands) break;
    }
    assert_true(fz_mixing_highest(&mixing) == 1);
    fz_mixing_refuse(&mixing, &o, out);
    assert_memory_equal(out, g, sizeof g);
    assert_true(mixing.mixed == 0 && mixing.stretch == 1);
    fz_mixing_clear(&mixing);
  }
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
    assert_int_equal(fz_pairs_apply(&p, &o, (fz_pairs_start){.scale = 1}, s, out, &err), FZ_OK);
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
    assert_int_equal(fz_pairs_apply(&p, &o, (fz_pairs_start){.scale = 1}, start, out[first], &err), FZ_OK);
    fz_pairs_clear(&p, &o);
  }
  assert_memory_equal(out[0], out[1], sizeof out[0]);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Steps of the Hessian's inverse, whole: the optimum at once from anywhere.  Images with all coordinates seen
 * (k = 1): then the curvature of Q is the Hessian, and no information is missing. */
static void see_everything(linear_model *m) {
  for (int64_t i = 0; i < m->f.n_images; i++)
    for (int j = 0; j < LINEAR_DIM; j++) {
      fz_random r = fz_random_stream(12, FZ_PURPOSE_TEST, (uint32_t)j, (uint64_t)i);
      m->k[i][j] = 1;
      m->x[i][j] = j - 1 + fz_random_normal(&r);
    }
  linear_solve(m);
}

static void conjugate_gradients_solve_the_complete_problem(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  see_everything(&m);
  fz_optimizer_options options = full_options(&m);
  options.damping = 0;
  fz_optimizer *o = create(&m, "hessian-free", &options, start);
  run(o, 1);
  assert_memory_equal(o->w, start, sizeof start);
  run(o, 1);
  assert_true(distance(&m, o->w) < exact);
  assert_true(fz_optimizer_passes(o) == 2);
  fz_optimizer_destroy(&o);

  /* With missing coordinates the curvature is an upper bound of the Hessian: as fast as EM, no faster. */
  linear_init(&m, usual);
  o = create(&m, "hessian-free", &options, start);
  run(o, 2);
  for (int j = 0; j < LINEAR_DIM; j++)
    assert_true(fabs(o->w[j] - m.optimum[j] - m.rate[j] * (start[j] - m.optimum[j])) < exact);
  fz_optimizer_destroy(&o);

  /* The Hessian of all images knows what is missing: 3 products at most for three different eigenvalues, one to see
   * that the start's residual is not zero, one for the promise. */
  options.hessian_images = m.f.n_images;
  o = create(&m, "hessian-free", &options, start);
  run(o, 2);
  assert_true(distance(&m, o->w) < exact);
  assert_in_range(o->visited, (2 + 2) * 400, (2 + 5) * 400);
  fz_optimizer_destroy(&o);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* lambda starts as the share of the mean curvature that was asked for, here the curvature itself (all its eigenvalues
 * are equal); F gains what the model promised or more, so it falls to 2/3 at each step. */
static void damping_follows_the_promise(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  see_everything(&m);
  fz_optimizer_options options = full_options(&m);
  options.damping = 0.5;
  const double curvature = 1 + linear_ridge / (double)m.f.n_images;
  fz_optimizer *o = create(&m, "hessian-free", &options, start);
  run(o, 1);
  fz_state_list list = {0};
  fz_optimizer_state(o, &list);
  const double *lambda = fz_state_find(&list, "optimizer/damping")->data;
  double expect = 0.5 * curvature, error[LINEAR_DIM];
  for (int j = 0; j < LINEAR_DIM; j++) error[j] = start[j] - m.optimum[j];
  for (int step = 0; step < 5; step++) {
    assert_true(fabs(*lambda - expect) < 1e-13);
    for (int j = 0; j < LINEAR_DIM; j++) error[j] *= expect / (curvature + expect);
    run(o, 1);
    expect /= 1.5;
    for (int j = 0; j < LINEAR_DIM; j++) assert_true(fabs(o->w[j] - m.optimum[j] - error[j]) < exact);
  }
  fz_state_clear(&list);
  fz_optimizer_destroy(&o);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Without an iteration to solve the damped system in, the last direction is tried again and again, shortened: with the
 * safeguard it is refused where F rises. */
static double highest_rise(bool safe) {
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = full_options(&m);
  options.damping = 0;
  options.full_iterations = 1;
  if (!safe) options.safeguards = 0;
  fz_optimizer *o = create(&m, "hessian-free", &options, start);
  run(o, 2);
  options.full_iterations = 0;
  o->options.full_iterations = 0;
  double rise = 0, value = linear_value(&m, o->w);
  for (int step = 0; step < 4; step++) {
    run(o, 1);
    rise = fmax(rise, linear_value(&m, o->w) - value);
    value = linear_value(&m, o->w);
  }
  fz_optimizer_destroy(&o);
  return rise;
}

static void steps_uphill_are_refused(void **state) {
  (void)state;
  assert_true(highest_rise(true) < 1e-9);
  assert_true(highest_rise(false) > 0.1);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* r = dim - 1: the last eigenvalue is the one that the others would be set to, so nothing is thrown away. */
static void all_eigenpairs_make_a_newton_step(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = full_options(&m);
  options.hessian_images = m.f.n_images;
  fz_optimizer *o = create(&m, "svrg-i", &options, start);
  run(o, 2);
  assert_true(distance(&m, o->w) < exact);
  assert_int_equal(o->visited, m.f.n_images * (1 + LINEAR_DIM)); /* a pass, and a product per column */
  fz_optimizer_destroy(&o);

  /* r = 1: along the other two eigenvectors, which are axes, the second largest eigenvalue stands for both. */
  options.eigenpairs = 1;
  o = create(&m, "svrg-i", &options, start);
  run(o, 2);
  int order[LINEAR_DIM] = {0, 1, 2}; /* by falling eigenvalue, that is by rising rate */
  for (int a = 0; a < LINEAR_DIM; a++)
    for (int b = a + 1; b < LINEAR_DIM; b++)
      if (m.rate[order[b]] < m.rate[order[a]]) {
        int t = order[a];
        order[a] = order[b];
        order[b] = t;
      }
  for (int a = 0; a < LINEAR_DIM; a++) {
    int j = order[a], of = order[a > 1 ? 1 : a];
    double share = 1 - (1 - m.rate[j]) / (1 - m.rate[of]);
    assert_true(fabs(o->w[j] - m.optimum[j] - share * (start[j] - m.optimum[j])) < exact);
  }
  fz_optimizer_destroy(&o);
  assert_int_equal(fz_memory_blocks(), 0);
}

typedef struct diagonal {
  ptrdiff_t n;
  int calls;
} diagonal;

/* Eigenvalues 10, -9, 8, then 1 and below, on axes turned by a reflection. */
static double eigenvalue(ptrdiff_t i) {
  static const double large[3] = {10, -9, 8};
  return i < 3 ? large[i] : 1 / (double)(i - 2);
}

static void reflect(ptrdiff_t n, const double *x, double *y) {
  double part = 0, square = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    part += x[i] * (double)(i % 7 + 1);
    square += (double)((i % 7 + 1) * (i % 7 + 1));
  }
  for (ptrdiff_t i = 0; i < n; i++) y[i] = x[i] - 2 * part / square * (double)(i % 7 + 1);
}

static fz_status apply_diagonal(void *context, const double *x, double *y, fz_error *err) {
  diagonal *d = context;
  double turned[200];
  (void)err;
  d->calls++;
  reflect(d->n, x, turned);
  for (ptrdiff_t i = 0; i < d->n; i++) turned[i] *= eigenvalue(i);
  reflect(d->n, turned, y);
  return FZ_OK;
}

/* The subspace holds 3 + 8 vectors; what is outside has eigenvalues of at most 1/9, so that after three products the
 * vectors are right to (1/9/8)^3 = 3e-6 times the condition of a random start (below 10^3), the values to its square.
 */
static void subspaces_find_the_leading_pairs(void **state) {
  (void)state;
  enum { N = 200, R = 3 };
  diagonal d = {N, 0};
  fz_subspace s;
  fz_error err = {0};
  double value[R], vector[R * N], unit[N] = {0}, expect[N];
  assert_int_equal(fz_subspace_init(&s, N, R), FZ_OK);
  assert_int_equal(fz_subspace_pairs(&s, fz_dense_algebra(), apply_diagonal, &d, 3, R, value, vector, &err), FZ_OK);
  assert_int_equal(d.calls, (FZ_SUBSPACE_ROUNDS + 1) * (R + FZ_SUBSPACE_PROBES));
  for (int k = 0; k < R; k++) {
    assert_true(fabs(value[k] - eigenvalue(k)) < 1e-4);
    unit[k] = 1;
    reflect(N, unit, expect);
    unit[k] = 0;
    double part = 0;
    for (int i = 0; i < N; i++) part += expect[i] * vector[k * N + i];
    assert_true(fabs(fabs(part) - 1) < 1e-5);
  }
  fz_subspace_clear(&s);

  /* As many vectors as there are: exact, and no more are drawn. */
  d.n = 5;
  assert_int_equal(fz_subspace_init(&s, 5, R), FZ_OK);
  assert_int_equal(s.columns, 5);
  assert_int_equal(fz_subspace_pairs(&s, fz_dense_algebra(), apply_diagonal, &d, 3, R, value, vector, &err), FZ_OK);
  for (int k = 0; k < R; k++) assert_true(fabs(value[k] - eigenvalue(k)) < 1e-12);
  fz_subspace_clear(&s);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* A batch of all images is no noise: then pairs are exact, and without damping one dimension is solved by the first. */
static void online_pairs_are_of_one_batch(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = full_options(&m);
  options.damping = 0;
  options.step = 0.5;
  for (int j = 0; j < LINEAR_DIM; j++) {
    double from[LINEAR_DIM], kappa = (1 - m.rate[j]) * (1 + linear_ridge / (double)m.f.n_images);
    memcpy(from, m.optimum, sizeof from);
    from[j] += 1.5;
    fz_optimizer *o = create(&m, "olbfgs", &options, from);
    run(o, 1);
    double first = 1.5 * (1 - 0.5 * kappa); /* H is the identity */
    assert_true(fabs(o->w[j] - m.optimum[j] - first) < exact);
    run(o, 1); /* H is 1/kappa; half a step */
    assert_true(fabs(o->w[j] - m.optimum[j] - first / 2) < exact);
    assert_true(fz_optimizer_passes(o) == 4);
    fz_optimizer_destroy(&o);
  }
  /* lambda = damping x mean curvature is added to y: H becomes 1/(kappa + lambda). */
  options.damping = 0.1;
  double from[LINEAR_DIM], full = 1 + linear_ridge / (double)m.f.n_images, kappa = (1 - m.rate[0]) * full;
  memcpy(from, m.optimum, sizeof from);
  from[0] += 1.5;
  fz_optimizer *o = create(&m, "olbfgs", &options, from);
  run(o, 2);
  double expect = 1.5 * (1 - 0.5 * kappa) * (1 - 0.5 * kappa / (kappa + 0.1 * full));
  assert_true(fabs(o->w[0] - m.optimum[0] - expect) < exact);
  fz_optimizer_destroy(&o);
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
                                     cmocka_unit_test(mixing_leaves_saddles),
                                     cmocka_unit_test(pairs_of_snapshots_converge_superlinearly),
                                     cmocka_unit_test(pairs_of_negative_curvature_are_left_out),
                                     cmocka_unit_test(the_newest_pairs_stay),
                                     cmocka_unit_test(conjugate_gradients_solve_the_complete_problem),
                                     cmocka_unit_test(damping_follows_the_promise),
                                     cmocka_unit_test(steps_uphill_are_refused),
                                     cmocka_unit_test(all_eigenpairs_make_a_newton_step),
                                     cmocka_unit_test(subspaces_find_the_leading_pairs),
                                     cmocka_unit_test(online_pairs_are_of_one_batch),
                                     cmocka_unit_test(without_algebra_they_say_so)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
