/* The first-order optimizers: on a quadratic their updates are linear recursions per coordinate, known in closed form,
 * and so are their rates; an ill-conditioned one tells them apart. */
#include "optimizer_fixture.h"

static const double even[LINEAR_DIM] = {1, 1, 1}, uneven[LINEAR_DIM] = {1, 0.1, 0.02};

static fz_optimizer_options full_batch(bool precondition, double step) {
  fz_optimizer_options options = usual_options();
  options.batch_images = 400;
  options.precondition = precondition;
  options.step = step;
  return options;
}

static void errors(const linear_model *m, const fz_optimizer *o, double *e) {
  for (int j = 0; j < LINEAR_DIM; j++) e[j] = o->w[j] - m->optimum[j];
}

static void assert_near(const fz_optimizer *o, const double *e, const double *expected, double tolerance) {
  for (int j = 0; j < LINEAR_DIM; j++)
    if (!(fabs(e[j] - expected[j]) < tolerance))
      fail_msg("%s, step %d: error %d is %.17g, not %.17g", o->kind->name, (int)o->steps, j, e[j], expected[j]);
}

/* e <- (1 - eta h) e; the automatic step is 1 / (1.05 L) for plain gradients, L = 1 + RIDGE / N the curvature of Q,
 * which a power iteration finds at once, and 1 preconditioned. */
static void gd_contracts_by_its_step(void **state) {
  (void)state;
  linear_model m;
  linear_init_scaled(&m, usual, uneven);
  for (int variant = 0; variant < 4; variant++) {
    const bool precondition = variant & 1, given = variant & 2;
    fz_optimizer_options options = full_batch(precondition, 0.7);
    if (!given) options.step_rule = FZ_STEP_AUTO;
    double eta = given ? 0.7 : precondition ? 1 : 1 / (1.05 * (1 + linear_ridge / 400)), e[LINEAR_DIM];
    fz_optimizer *o = create(&m, "gd", &options);
    double expected[LINEAR_DIM];
    errors(&m, o, expected);
    for (int step = 0; step < 100; step++) {
      run(o, 1);
      errors(&m, o, e);
      for (int j = 0; j < LINEAR_DIM; j++) expected[j] *= 1 - eta * curvature_of(&m, j, precondition);
      assert_near(o, e, expected, 10 * exact); /* rates up to 0.99 here: errors sum up to ten times as much */
    }
    fz_optimizer_destroy(&o);
  }
  assert_no_blocks();
}

/* momentum: e'' = (1 + mu - eta h) e' - mu e;  nesterov: e'' = (1 - eta h) ((1 + mu) e' - mu e) */
static double next_error(bool nesterov, double mu, double eta_h, double now, double before) {
  return nesterov ? (1 - eta_h) * ((1 + mu) * now - mu * before) : (1 + mu - eta_h) * now - mu * before;
}

static void momentum_follows_its_recursion(void **state) {
  (void)state;
  linear_model m;
  linear_init_scaled(&m, usual, uneven);
  for (int variant = 0; variant < 8; variant++) {
    const bool precondition = variant & 1, nesterov = variant & 2;
    const double mu = variant & 4 ? 0.5 : 0.9;
    fz_optimizer_options options = full_batch(precondition, 0.8);
    options.momentum = mu;
    fz_optimizer *o = create(&m, nesterov ? "nesterov" : "momentum", &options);
    double before[LINEAR_DIM], now[LINEAR_DIM], next[LINEAR_DIM], e[LINEAR_DIM];
    errors(&m, o, before);
    memcpy(now, before, sizeof now);
    for (int step = 0; step < 300; step++) {
      for (int j = 0; j < LINEAR_DIM; j++)
        next[j] = next_error(nesterov, mu, 0.8 * curvature_of(&m, j, precondition), now[j], before[j]);
      run(o, 1);
      errors(&m, o, e);
      assert_near(o, e, next, exact);
      memcpy(before, now, sizeof now);
      memcpy(now, e, sizeof now); /* one update at a time: roundings do not add up */
    }
    fz_optimizer_destroy(&o);
  }
  assert_no_blocks();
}

static int64_t steps_to(const linear_model *m, const char *name, double mu, double shrink) {
  fz_optimizer_options options = full_batch(false, 1);
  options.momentum = mu;
  fz_optimizer *o = create(m, name, &options);
  double e[LINEAR_DIM], first = 0, size = HUGE_VAL;
  errors(m, o, e);
  for (int j = 0; j < LINEAR_DIM; j++) first += e[j] * e[j];
  while (size > shrink * shrink * first && o->steps < 10000) {
    run(o, 1);
    errors(m, o, e);
    size = 0;
    for (int j = 0; j < LINEAR_DIM; j++) size += e[j] * e[j];
  }
  int64_t steps = o->steps;
  fz_optimizer_destroy(&o);
  return steps;
}

/* Steps to 1e-8 of the distance are log 1e-8 / log rho, rho the spectral radius of the recursion, the largest over the
 * coordinates; 20 percent and ten steps more for the factor in front of rho^n. */
static void rates_are_spectral_radii(void **state) {
  (void)state;
  linear_model m;
  linear_init_scaled(&m, usual, uneven);
  static const char *const name[] = {"gd", "momentum", "nesterov"};
  int64_t steps[3];
  for (int i = 0; i < 3; i++) {
    double rho = 0, mu = i ? 0.9 : 0;
    for (int j = 0; j < LINEAR_DIM; j++) {
      double h = curvature_of(&m, j, false), trace = i == 2 ? (1 - h) * (1 + mu) : 1 + mu - h;
      double det = i == 2 ? (1 - h) * mu : mu, d = trace * trace / 4 - det;
      rho = fmax(rho, d < 0 ? sqrt(det) : fabs(trace) / 2 + sqrt(d));
    }
    double expected = log(1e-8) / log(rho);
    steps[i] = steps_to(&m, name[i], mu, 1e-8);
    if (!(fabs((double)steps[i] - expected) < 0.2 * expected + 10))
      fail_msg("%s: %d steps, expected %.1f", name[i], (int)steps[i], expected);
  }
  assert_true(3 * steps[1] < steps[0] && 3 * steps[2] < steps[0]);
  assert_no_blocks();
}

static bool wanted(const fz_optimizer_kind *kind, fz_step_rule rule, bool precondition) {
  if (rule == FZ_STEP_SEARCH && !(kind->takes & FZ_TAKES_SEARCH)) return false;
  if (rule == FZ_STEP_AUTO && !(kind->takes & FZ_TAKES_STEP)) return false;
  return precondition || (kind->takes & FZ_TAKES_PRECONDITION);
}

/* All images in every batch, rates that do not fall: no noise is left, and every optimizer reaches the optimum.  A line
 * search ends where rounding of F hides what is to be won: F is rounded to 2^-43 (2^62 / (400 * 6 * 16^2)), kappa/2 e^2
 * below a few of these for kappa > 0.4. */
static void every_optimizer_reaches_the_optimum_without_noise(void **state) {
  (void)state;
  linear_model m;
  linear_init_scaled(&m, usual, even);
  for (int i = 0; fz_optimizer_at(i); i++)
    for (int variant = 0; variant < 6; variant++) {
      const fz_step_rule rule = (fz_step_rule)(variant / 2);
      if (!wanted(fz_optimizer_at(i), rule, variant & 1)) continue;
      fz_optimizer_options options = full_batch(variant & 1, 0.3);
      options.step_rule = rule;
      options.rate_power = 0;
      fz_optimizer *o = create(&m, fz_optimizer_at(i)->name, &options);
      while (fz_optimizer_passes(o) < 6000) run(o, 1);
      assert_at_optimum(&m, o, rule == FZ_STEP_SEARCH ? 4e-6 : exact);
      fz_optimizer_destroy(&o);
    }
  assert_no_blocks();
}

/* G <- G + g^2, e <- e - eta g / sqrt(G + damping mean G) with g = h e.  Without damping the first step moves every
 * coordinate by eta, however unequal their curvatures are. */
static void adagrad_follows_its_recursion(void **state) {
  (void)state;
  linear_model m;
  linear_init_scaled(&m, usual, uneven);
  for (int damped = 0; damped < 2; damped++) {
    fz_optimizer_options options = full_batch(damped, 0.4); /* preconditioned or not: it is not asked for */
    options.damping = 0.1 * damped;
    fz_optimizer *o = create(&m, "adagrad", &options);
    double sum[LINEAR_DIM] = {0}, e[LINEAR_DIM], expected[LINEAR_DIM];
    errors(&m, o, expected);
    for (int step = 0; step < 500; step++) {
      double mean = 0;
      for (int j = 0; j < LINEAR_DIM; j++) {
        double g = curvature_of(&m, j, false) * expected[j];
        sum[j] += g * g;
        mean += sum[j] / LINEAR_DIM;
      }
      for (int j = 0; j < LINEAR_DIM; j++)
        expected[j] -= 0.4 * curvature_of(&m, j, false) * expected[j] / sqrt(sum[j] + options.damping * mean);
      run(o, 1);
      errors(&m, o, e);
      assert_near(o, e, expected, 100 * exact); /* a rounding of G lasts as long as G */
      for (int j = 0; j < LINEAR_DIM && step == 0 && !damped; j++)
        assert_true(fabs(fabs(o->w[j] - start[j]) - 0.4) < exact);
    }
    fz_optimizer_destroy(&o);
  }
  assert_no_blocks();
}

/* Its regret bound (Duchi, Hazan, Singer 2011, theorem 5), which holds for any sequence of gradients, here of batches:
 *  sum_t g_t.(w_t - w*) <= sum_j (D_j^2 / (2 eta) + eta) sqrt(G_j), D_j the largest |w_t - w*|; G grows as t, so that
 *  the mean falls as 1/sqrt t.  Squared errors are as those of sgd with steps eta / sqrt(G_j), which fall by a factor
 *  of 2.5 from 60 passes to 380. */
static void adagrad_keeps_its_regret_bound(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = usual_options();
  options.damping = 0;
  fz_optimizer *o = create(&m, "adagrad", &options);
  double regret = 0, most[LINEAR_DIM] = {0}, early = 0, late = 0;
  for (int step = 0; step < 400 * BATCHES; step++) {
    double e[LINEAR_DIM], g[LINEAR_DIM], bound = 0;
    int64_t words[LINEAR_WORDS];
    fz_error err;
    errors(&m, o, e);
    run(o, 1);
    int64_t tile[LINEAR_TILES], n = m.last_n;
    memcpy(tile, m.last, sizeof tile);
    const double at[LINEAR_DIM] = {m.optimum[0] + e[0], m.optimum[1] + e[1], m.optimum[2] + e[2]};
    assert_int_equal(linear_evaluate(&m, at, tile, n, words, &err), FZ_OK);
    assert_int_equal(linear_gradient(&m, words, at, g, &err), FZ_OK);
    for (int j = 0; j < LINEAR_DIM; j++) {
      fz_state_list list = {0};
      fz_optimizer_state(o, &list);
      const double *squares = fz_state_find(&list, "optimizer/squares")->data;
      regret += g[j] * e[j];
      most[j] = fmax(most[j], fabs(e[j]));
      bound += (most[j] * most[j] / (2 * 0.3) + 0.3) * sqrt(squares[j]);
      if (step >= 40 * BATCHES && step < 80 * BATCHES) early += e[j] * e[j];
      if (step >= 360 * BATCHES) late += e[j] * e[j];
      fz_state_clear(&list);
    }
    assert_true(regret <= bound * (1 + 1e-12));
  }
  if (!(late < early / 2 && late > 0)) fail_msg("squared errors %.3g and then %.3g", early, late);
  fz_optimizer_destroy(&o);
  assert_no_blocks();
}

/* Schmidt, Le Roux, Bach (2017), theorem 1: with eta = 1/(16 L) and no gradient known at first
 *  E F(w_k) - F* <= (1 - min(kappa/16 L, 1/8 n))^k (F(w_0) - F* + 4 L/n |w_0 - w*|^2 + v/(16 L)),
 *  L bounds the curvature of each batch, kappa that of F from below, n batches, v = mean |grad F_I(w*)|^2.  And it gets
 *  far below the noise of sgd: to rounding. */
static void sag_converges_linearly(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  const double most = 0.8 + linear_ridge / 400; /* no k is larger */
  double least = 1, distance = 0, variance = 0;
  for (int j = 0; j < LINEAR_DIM; j++) {
    least = fmin(least, curvature_of(&m, j, false));
    distance += pow(start[j] - m.optimum[j], 2);
    variance += m.noise[j] / 50;
  }
  fz_optimizer_options options = usual_options();
  options.precondition = false;
  options.step = 1 / (16 * most);
  fz_optimizer *o = create(&m, "sag", &options);
  const double rate = 1 - fmin(least / (16 * most), 1 / (8.0 * BATCHES)), lowest = linear_value(&m, m.optimum);
  double bound = linear_value(&m, start) - lowest + 4 * most / BATCHES * distance + variance / (16 * most);
  while (o->steps < 800) {
    run(o, 1);
    bound *= rate;
    assert_true(linear_value(&m, o->w) - lowest <= bound + 1e-13);
  }
  while (fz_optimizer_passes(o) < 600) run(o, 1);
  assert_at_optimum(&m, o, exact);
  fz_optimizer_destroy(&o);
  for (int precondition = 0; precondition < 2; precondition++) { /* and with its own step */
    options.precondition = precondition;
    options.step_rule = FZ_STEP_AUTO;
    o = create(&m, "sag", &options);
    while (fz_optimizer_passes(o) < 200) run(o, 1);
    assert_at_optimum(&m, o, exact);
    fz_optimizer_destroy(&o);
  }
  assert_no_blocks();
}

/* Automatic steps fall, and with them the noise: after 1000 passes, to 1000^-0.6 = 1/63 of the step's. */
static void automatic_steps_settle(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  static const char *const name[] = {"sgd", "momentum", "nesterov", "tonga"};
  for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
    for (int precondition = 0; precondition < 2; precondition++) {
      fz_optimizer_options options = usual_options();
      options.step_rule = FZ_STEP_AUTO;
      options.precondition = precondition;
      fz_optimizer *o = create(&m, name[i], &options);
      double early = 0, late = 0, e[LINEAR_DIM];
      for (int step = 0; step < 1000 * BATCHES; step++) {
        run(o, 1);
        errors(&m, o, e);
        for (int j = 0; j < LINEAR_DIM; j++)
          *(step < 20 * BATCHES ? &early : &late) +=
              e[j] * e[j] * (step >= 10 * BATCHES && (step < 20 * BATCHES || step >= 990 * BATCHES));
      }
      if (!(late < early / 5 && late > early / 1000))
        fail_msg("%s: squared errors %.3g and then %.3g", name[i], early, late);
      fz_optimizer_destroy(&o);
    }
  assert_no_blocks();
}

/* An option that an optimizer does not take changes no bit of it. */
static void options_not_taken_have_no_effect(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  for (int i = 0; fz_optimizer_at(i); i++) {
    const unsigned takes = fz_optimizer_at(i)->takes;
    fz_optimizer_options options = usual_options(), other = options;
    if (!(takes & FZ_TAKES_BATCH)) other.batch_images = 0;
    if (!(takes & FZ_TAKES_STEP)) other.step = -1;
    if (!(takes & FZ_TAKES_PRECONDITION)) other.precondition = false;
    if (!(takes & FZ_TAKES_INNER_PASSES)) other.inner_passes = -1;
    if (!(takes & FZ_TAKES_MOMENTUM)) other.momentum = 3;
    if (!(takes & FZ_TAKES_MEMORY)) other.memory = -5;
    if (!(takes & FZ_TAKES_EIGENPAIRS)) other.eigenpairs = -1;
    if (!(takes & FZ_TAKES_DAMPING)) other.damping = -1;
    if (!(takes & FZ_TAKES_RATE_POWER)) other.rate_power = -7;
    other.safeguards &=
        (takes & FZ_TAKES_SAFE_SNAPSHOTS ? FZ_SAFE_SNAPSHOTS : 0u) | (takes & FZ_TAKES_SAFE_PAIRS ? FZ_SAFE_PAIRS : 0u);
    fz_optimizer *a = create(&m, fz_optimizer_at(i)->name, &options);
    fz_optimizer *b = create(&m, fz_optimizer_at(i)->name, &other);
    run(a, 3 * BATCHES);
    run(b, 3 * BATCHES);
    assert_memory_equal(a->w, b->w, sizeof start);
    fz_optimizer_destroy(&a);
    fz_optimizer_destroy(&b);
  }
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(gd_contracts_by_its_step),
                                     cmocka_unit_test(momentum_follows_its_recursion),
                                     cmocka_unit_test(rates_are_spectral_radii),
                                     cmocka_unit_test(every_optimizer_reaches_the_optimum_without_noise),
                                     cmocka_unit_test(adagrad_follows_its_recursion),
                                     cmocka_unit_test(adagrad_keeps_its_regret_bound),
                                     cmocka_unit_test(sag_converges_linearly),
                                     cmocka_unit_test(automatic_steps_settle),
                                     cmocka_unit_test(options_not_taken_have_no_effect)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
