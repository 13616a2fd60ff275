/* Settings that make no sense are refused, and a run that goes wrong says so. */
#include "optimizer_fixture.h"

/* A step of 8 multiplies the error by 1 - 8 * 0.5 = -3 in each update: about 3^8 between snapshots. */
static void snapshots_refuse_to_climb(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, 1e5);
  fz_optimizer_options options = usual_options();
  options.step = 8;
  static const char *const name[] = {"sem-vr", "svrg"};
  for (int i = 0; i < 2; i++) {
    fz_optimizer *o = create(&m, name[i], &options);
    double lowest = linear_value(&m, start), shrink = 1;
    int rejected = 0, grown = 0;
    /* F is a mean of 400 terms, each rounded to 2^-15 (2^62 / (400 * 6e10)): half of that and the rule's own slack. */
    const double slack = 0x1p-16 + 1e-9;
    for (int step = 0; step < 60 * (BATCHES + 1); step++) {
      run(o, 1);
      double now = state_number(o, "optimizer/shrink"), value = state_number(o, "optimizer/snapshot_value");
      assert_true(now == shrink || now == shrink / 2 || now == shrink * 2);
      rejected += now < shrink;
      grown += now > shrink;
      shrink = now;
      assert_true(value <= lowest + slack);
      lowest = fmin(lowest, value);
    }
    assert_true(rejected >= 1 && shrink == ldexp(1, grown - rejected));
    /* It ends near the optimum: F - F* = kappa/2 |w - w*|^2 may be seen down to the slack. */
    assert_true(linear_value(&m, o->w) < linear_value(&m, start));
    assert_at_optimum(&m, o, 0.02);
    fz_optimizer_destroy(&o);
  }
  assert_no_blocks();
}

static void divergence_is_told(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = usual_options();
  options.step = 1e300;
  options.safeguards = 0; /* or it would be halved until it fits */
  static const char *const name[] = {"sem-vr", "sgd", "momentum", "nesterov", "svrg"};
  for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
    fz_optimizer *o = create(&m, name[i], &options);
    fz_error err = {0};
    fz_status st = FZ_OK;
    for (int step = 0; step < 3 && st == FZ_OK; step++) st = fz_optimizer_step(o, &err);
    assert_int_equal(st, FZ_EDIVERGED);
    assert_int_equal(err.code, FZ_EDIVERGED);
    assert_non_null(strstr(err.text, "smaller step"));
    assert_non_null(strstr(err.text, name[i]));
    fz_optimizer_destroy(&o);
  }
  /* A start without likelihood must not become a snapshot, nor be replaced by the empty one. */
  const double nowhere[LINEAR_DIM] = {0, NAN, 0};
  fz_optimizer *o;
  fz_error err = {0};
  assert_int_equal(fz_optimizer_create(fz_optimizer_find("svrg"), &m.f, &options, nowhere, &o, &err), FZ_OK);
  assert_int_equal(fz_optimizer_step(o, &err), FZ_EDIVERGED);
  fz_optimizer_destroy(&o);
  assert_no_blocks();
}

/* Gains of 40 steps in windows of 16: when is the alarm, -1 never? */
static int alarm_at(double (*gain)(int step, double deviate), int64_t batches) {
  fz_collapse s = fz_collapse_start();
  fz_random r = fz_random_stream(3, FZ_PURPOSE_TEST, 1, 0);
  for (int step = 0; step < 4000; step++)
    if (fz_collapse_seen(&s, gain(step, fz_random_normal(&r)), 10 * (step + 1), 10 * batches)) return step;
  return -1;
}
static double noisy(int step, double deviate) {
  return step < 1 ? 1
                  : -20 + 6 * deviate; /* the first batch was far above the others, by less than ten times the noise */
}
static double quiet_start(int step, double deviate) {
  return -300 + 30 * deviate - 20 * (step > 5);
}
static double good_start_lost(int step, double deviate) {
  return step == 0 ? 9 : 0.1 + 0.2 * deviate;
}
static double bad_start(int step, double deviate) {
  return -300 - 200 * sin(step * 0.1) + 5 * deviate;
}
static double exact_overshoot(int step, double deviate) {
  return -0.9 * sin(step * 0.3) + 0 * deviate;
}
static double geometric(int step, double deviate) {
  return 0.4 - 1e-3 * pow(3, step) + 0.3 * deviate;
}
static double slow(int step, double deviate) {
  return 5 - pow(1.02, step) + 0.3 * deviate;
}
static double plateau(int step, double deviate) {
  return (step < 3 ? 0.4 : -12) + 0.3 * deviate;
}
static double down_from_a_good_map(int step, double deviate) {
  return (step < 100 ? 9 : -7) + 0.3 * deviate;
}
static double beyond_numbers(int step, double deviate) {
  return step < 5 ? deviate : -1e300 * step;
}

static void collapse_is_told_from_noise(void **state) {
  (void)state;
  double (*const calm[])(int, double) = {good_start_lost, bad_start, exact_overshoot, quiet_start, noisy};
  for (size_t i = 0; i < sizeof calm / sizeof calm[0]; i++) {
    assert_int_equal(alarm_at(calm[i], 30), -1);
    assert_int_equal(alarm_at(calm[i], 8), -1);
  }
  assert_int_equal(alarm_at(geometric, 30), 15); /* at the end of the first window, or pass */
  assert_int_equal(alarm_at(geometric, 8), 15);  /* the mean of 1e-3 * 3^0 to 3^7 is not yet a nat */
  assert_int_equal(alarm_at(plateau, 30), 15);
  assert_int_equal(alarm_at(down_from_a_good_map, 30), 127); /* the first window that is all below */
  assert_int_equal(alarm_at(beyond_numbers, 30), 31); /* most of the first window is gone: it has no spread to tell */
  const int when = alarm_at(slow, 30);                /* 1.02^120 = 10.8: below 0 by 10 * 0.3 and more */
  assert_true(when > 100 && when < 140);
}

/* Run to the alarm, by way of a checkpoint at each step when `resume`. */
static int64_t steps_to_alarm(const linear_model *m, const char *name, const fz_optimizer_options *options, bool resume,
                              fz_error *err) {
  fz_optimizer *o = create(m, name, options);
  fz_status st = FZ_OK;
  while (o->steps < 200 && (st = fz_optimizer_step(o, err)) == FZ_OK) {
    if (!resume) continue;
    fz_optimizer *next = create(m, name, options);
    copy_state(o, next);
    fz_optimizer_destroy(&o);
    o = next;
  }
  int64_t steps = o->steps;
  assert_int_equal(st, FZ_EDIVERGED);
  for (int j = 0; j < LINEAR_DIM; j++) assert_true(fabs(o->w[j]) < m->bound);
  fz_optimizer_destroy(&o);
  return steps;
}

/* Steps that multiply errors by about -2 in each update (their eta h of 2.9, and 4.3 and 1.9 with momentum 0.9, are
 * beyond 2, 3.8 and 1.36): it is noticed within two passes, long before the model's
 * sums leave their bounds, and by a resumed run at the same step. */
static void a_step_too_large_is_noticed_early(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, 1e6);
  static const struct {
    const char *name;
    double step;
  } one[] = {{"sgd", 6}, {"momentum", 9}, {"nesterov", 4}, {"gd", 6}, {"svrg", 6}, {"sag", 20}, {"tonga", 12}};
  for (size_t i = 0; i < sizeof one / sizeof one[0]; i++)
    for (int precondition = 0; precondition < 2; precondition++) {
      fz_error err = {0};
      fz_optimizer_options options = usual_options();
      options.step = one[i].step;
      options.precondition = precondition;
      options.safeguards = 0;
      int64_t steps = steps_to_alarm(&m, one[i].name, &options, false, &err);
      assert_true(steps < 2 * FZ_COLLAPSE_WINDOW);
      assert_non_null(strstr(err.text, one[i].name));
      assert_non_null(strstr(err.text, "the likelihood has collapsed"));
      assert_non_null(strstr(err.text, "take a smaller step"));
      assert_int_equal(steps_to_alarm(&m, one[i].name, &options, true, &err), steps);
    }
  assert_no_blocks();
}

/* Batches of one tile, tiles of very different likelihood, starts at the optimum (from where gains can but fall), at
 * the empty model and far away: automatic steps raise no alarm in 30 passes. */
static void noise_is_no_divergence(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, 64);
  for (int t = 0; t < LINEAR_TILES; t += 3)
    for (int64_t i = m.first[t]; i < m.first[t + 1]; i++)
      for (int j = 0; j < LINEAR_DIM; j++) m.x[i][j] *= 4;
  linear_solve(&m);
  for (int i = 0; fz_optimizer_at(i); i++)
    for (int from = 0; from < 3; from++)
      for (int plain = 0; plain < 2; plain++) {
        fz_optimizer_options options = usual_options();
        /* Quasi-Newton steps of single tiles do diverge here (beyond the model's bound, between two snapshots). */
        options.batch_images = fz_optimizer_at(i)->takes & FZ_TAKES_SAFE_PAIRS ? 50 : 10;
        options.step_rule = FZ_STEP_AUTO;
        options.precondition = !plain;
        fz_optimizer *o = create(&m, fz_optimizer_at(i)->name, &options);
        for (int j = 0; j < LINEAR_DIM; j++) o->w[j] = from == 0 ? m.optimum[j] : from == 1 ? 0 : start[j];
        while (fz_optimizer_passes(o) < 30) run(o, 1);
        fz_optimizer_destroy(&o);
      }
  assert_no_blocks();
}

static void set_batch_0(fz_optimizer_options *s) {
  s->batch_images = 0;
}
static void set_batch_401(fz_optimizer_options *s) {
  s->batch_images = 401;
}
static void set_step_0(fz_optimizer_options *s) {
  s->step = 0;
}
static void set_step_negative(fz_optimizer_options *s) {
  s->step = -0.3;
}
static void set_step_nan(fz_optimizer_options *s) {
  s->step = NAN;
}
static void set_step_infinite(fz_optimizer_options *s) {
  s->step = INFINITY;
}
static void set_search(fz_optimizer_options *s) {
  s->step_rule = FZ_STEP_SEARCH;
}
static void set_inner_0(fz_optimizer_options *s) {
  s->inner_passes = 0;
}
static void set_momentum_1(fz_optimizer_options *s) {
  s->momentum = 1;
}
static void set_momentum_negative(fz_optimizer_options *s) {
  s->momentum = -0.1;
}
static void set_memory_0(fz_optimizer_options *s) {
  s->memory = 0;
}
static void set_damping_negative(fz_optimizer_options *s) {
  s->damping = -1;
}
static void set_damping_nan(fz_optimizer_options *s) {
  s->damping = NAN;
}
static void set_rate_power_2(fz_optimizer_options *s) {
  s->rate_power = 2;
}
static void set_eigenpairs_0(fz_optimizer_options *s) {
  s->eigenpairs = 0;
}
static void set_eigenpairs_dim(fz_optimizer_options *s) {
  s->eigenpairs = LINEAR_DIM;
}
static void set_hessian_401(fz_optimizer_options *s) {
  s->hessian_images = 401;
}

/* Each bad setting is refused by every optimizer that takes it, with its name and what is allowed; by others it is not
 * looked at. */
static void bad_settings_are_refused(void **state) {
  (void)state;
  static const struct {
    void (*set)(fz_optimizer_options *);
    unsigned takes;
    const char *says;
  } bad[] = {{set_batch_0, FZ_TAKES_BATCH, "give 1 to as many"},
             {set_batch_401, FZ_TAKES_BATCH, "the data have 400: give 1 to as many"},
             {set_step_0, FZ_TAKES_STEP, "it must be above 0"},
             {set_step_negative, FZ_TAKES_STEP, "a step of -0.3; it must be above 0"},
             {set_step_nan, FZ_TAKES_STEP, "it must be above 0"},
             {set_step_infinite, FZ_TAKES_STEP, "it must be above 0"},
             {set_inner_0, FZ_TAKES_INNER_PASSES, "passes between snapshots; it must be above 0"},
             {set_momentum_1, FZ_TAKES_MOMENTUM, "at least 0 and below 1"},
             {set_momentum_negative, FZ_TAKES_MOMENTUM, "at least 0 and below 1"},
             {set_memory_0, FZ_TAKES_MEMORY, "it must be at least 1"},
             {set_damping_negative, FZ_TAKES_DAMPING, "it must be at least 0"},
             {set_damping_nan, FZ_TAKES_DAMPING, "it must be at least 0"},
             {set_rate_power_2, FZ_TAKES_RATE_POWER, "it must be between 0 and 1"},
             {set_eigenpairs_0, FZ_TAKES_EIGENPAIRS, "0 eigenpairs of 3 parameters; give 1 to 2"},
             {set_eigenpairs_dim, FZ_TAKES_EIGENPAIRS, "3 eigenpairs of 3 parameters; give 1 to 2"},
             {set_hessian_401, FZ_TAKES_HESSIAN_IMAGES, "the data have 400"}};
  linear_model m;
  linear_init(&m, usual);
  for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++)
    for (int i = 0; fz_optimizer_at(i); i++) {
      const fz_optimizer_kind *kind = fz_optimizer_at(i);
      fz_optimizer_options options = usual_options();
      fz_error err = {0};
      fz_optimizer *o;
      assert_int_equal(fz_optimizer_check(kind, &options, 400, LINEAR_DIM, &err), FZ_OK);
      bad[b].set(&options);
      fz_status st = fz_optimizer_create(kind, &m.f, &options, start, &o, &err);
      if (!(kind->takes & bad[b].takes)) {
        assert_int_equal(st, FZ_OK);
        fz_optimizer_destroy(&o);
        continue;
      }
      assert_int_equal(st, FZ_EINVAL);
      assert_null(o);
      assert_ptr_equal(strstr(err.text, kind->name), err.text);
      if (!strstr(err.text, bad[b].says)) fail_msg("%s", err.text);
    }
  assert_no_blocks();
}

static void what_an_optimizer_lacks_is_refused(void **state) {
  (void)state;
  for (int i = 0; fz_optimizer_at(i); i++) {
    const fz_optimizer_kind *kind = fz_optimizer_at(i);
    fz_optimizer_options options = usual_options();
    fz_error err = {0};
    set_search(&options);
    const bool can = kind->takes & FZ_TAKES_SEARCH;
    assert_int_equal(fz_optimizer_check(kind, &options, 400, LINEAR_DIM, &err), can ? FZ_OK : FZ_EINVAL);
    if (!can) assert_non_null(strstr(err.text, "no line search"));
    options = usual_options();
    options.damping = 0;
    assert_int_equal(fz_optimizer_check(kind, &options, 400, LINEAR_DIM, &err),
                     kind->needs_damping ? FZ_EINVAL : FZ_OK);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(snapshots_refuse_to_climb),
                                     cmocka_unit_test(divergence_is_told),
                                     cmocka_unit_test(collapse_is_told_from_noise),
                                     cmocka_unit_test(a_step_too_large_is_noticed_early),
                                     cmocka_unit_test(noise_is_no_divergence),
                                     cmocka_unit_test(bad_settings_are_refused),
                                     cmocka_unit_test(what_an_optimizer_lacks_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
