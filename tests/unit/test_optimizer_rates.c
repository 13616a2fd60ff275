/* Where optimizers end and how fast, on a model whose optimum, EM rate and gradient noise are known. */
#include "optimizer_fixture.h"

static void all_are_registered(void **state) {
  (void)state;
  static const char *const name[] = {"em",       "sem",      "incremental", "sem-vr", "gd",  "sgd",
                                     "momentum", "nesterov", "adagrad",     "tonga",  "sag", "svrg"};
  for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) assert_non_null(fz_optimizer_find(name[i]));
  for (int i = 0; fz_optimizer_at(i); i++)
    assert_ptr_equal(fz_optimizer_find(fz_optimizer_at(i)->name), fz_optimizer_at(i));
  assert_null(fz_optimizer_at(-1));
  assert_null(fz_optimizer_at(1000));
  assert_null(fz_optimizer_find("no such"));
}

static void em_has_its_linear_rate(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = usual_options();
  fz_optimizer *o = create(&m, "em", &options);
  for (int pass = 1; pass <= 200; pass++) {
    double before[LINEAR_DIM], value = linear_value(&m, o->w);
    memcpy(before, o->w, sizeof before);
    run(o, 1);
    assert_true(fz_optimizer_passes(o) == pass);
    assert_true(fabs(-o->gain + linear_prior(&m, before) - value) < exact * 16);
    for (int j = 0; j < LINEAR_DIM; j++)
      assert_true(fabs(o->w[j] - m.optimum[j] - m.rate[j] * (before[j] - m.optimum[j])) < exact);
  }
  assert_at_optimum(&m, o, exact);
  fz_optimizer_destroy(&o);
  assert_no_blocks();
}

/* Mean square of w - w* in units of the stationary variance of w <- w - step (kappa (w - w*) + noise):
 * step V / (kappa (2 - step kappa)), V = variance of a batch mean, kappa = 1 - rate.  Drawing batches without
 * replacement makes it smaller, as errors cancel within an epoch, but not zero. */
static double noise_ratio(const linear_model *m, const double *w, double step) {
  double sum = 0;
  for (int j = 0; j < LINEAR_DIM; j++) {
    double kappa = 1 - m->rate[j];
    sum += pow(w[j] - m->optimum[j], 2) / (step * m->noise[j] / 50 / (kappa * (2 - step * kappa)));
  }
  return sum / LINEAR_DIM;
}

/* Mean over the last ten epochs: 240 numbers with mean at most 1, correlated over some ten steps; 3 is seven of their
 * standard deviations (sqrt(2 * 10 / 240)) above.  A tenth of a percent of it: the noise is really there. */
static void assert_noise_level(const linear_model *m, fz_optimizer *o, double step) {
  double sum = 0;
  run(o, 100 * BATCHES);
  for (int i = 0; i < 10 * BATCHES; i++) {
    run(o, 1);
    double rho = pow((double)o->steps + 1, -o->options.rate_power);
    sum += noise_ratio(m, o->w, step > 0 ? step : rho);
  }
  double ratio = sum / (10 * BATCHES);
  if (!(ratio < 3 && ratio > 1e-3)) fail_msg("%s: squared error is %g of the noise level", o->kind->name, ratio);
}

/* With momentum the errors of a batch mean pass on as those of a step of eta / (1 - mu), up to terms of eta kappa. */
static void stochastic_ones_reach_their_noise_level(void **state) {
  (void)state;
  static const struct {
    const char *name;
    double step, level; /* 0: that of rho_t */
  } one[] = {{"sem", 0.3, 0}, {"sgd", 0.3, 0.3}, {"momentum", 0.03, 0.3}, {"nesterov", 0.03, 0.3}};
  linear_model m;
  linear_init(&m, usual);
  for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
    fz_optimizer_options options = usual_options();
    options.step = one[i].step;
    fz_optimizer *o = create(&m, one[i].name, &options);
    assert_noise_level(&m, o, one[i].level);
    fz_optimizer_destroy(&o);
  }
  assert_no_blocks();
}

/* At most 300 passes; all contract by less than 0.9 per pass: 0.9^300 = 2e-14 of the start's distance of 5. */
static void the_others_reach_rounding(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = usual_options();
  static const char *const name[] = {"incremental", "sem-vr", "svrg", "sag"};
  for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
    fz_optimizer *o = create(&m, name[i], &options);
    while (fz_optimizer_passes(o) < 300) run(o, 1);
    assert_at_optimum(&m, o, exact);
    fz_optimizer_destroy(&o);
  }
  assert_no_blocks();
}

/* Which batch of the first epoch begins with this tile? */
static int batch_of(int64_t tile[BATCHES][LINEAR_TILES], int64_t first) {
  int b = 0;
  while (b < BATCHES && tile[b][0] != first) b++;
  return b;
}

static void assert_total_is_that_of_the_last_visits(const char *name) {
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = usual_options();
  fz_optimizer *o = create(&m, name, &options);
  double at[BATCHES][LINEAR_DIM], before[LINEAR_DIM]; /* w at which each batch was last evaluated; its tiles */
  int64_t tile[BATCHES][LINEAR_TILES], count[BATCHES], words[LINEAR_WORDS];
  fz_state_list list = {0};
  fz_optimizer_state(o, &list);
  const int64_t *total = fz_state_find(&list, "optimizer/total")->data;
  for (int step = 0; step < 1003; step++) {
    memcpy(before, o->w, sizeof before);
    run(o, 1);
    int b = step < BATCHES ? step : batch_of(tile, m.last[0]);
    assert_true(b < BATCHES);
    memcpy(at[b], before, sizeof before);
    memcpy(tile[b], m.last, sizeof tile[0]);
    count[b] = m.last_n;
    if (step < BATCHES - 1 || step % 50) continue;
    int64_t sum[LINEAR_WORDS] = {0};
    for (b = 0; b < BATCHES; b++) {
      fz_error err;
      assert_int_equal(linear_evaluate(&m, at[b], tile[b], count[b], words, &err), FZ_OK);
      assert_true(fz_fixed_add_i64(sum, words, LINEAR_WORDS));
    }
    assert_memory_equal(sum, total, sizeof sum);
    assert_int_equal(total[0], m.f.n_images);
  }
  fz_state_clear(&list);
  fz_optimizer_destroy(&o);
}

static void totals_of_batches_never_drift(void **state) {
  (void)state;
  assert_total_is_that_of_the_last_visits("incremental");
  assert_total_is_that_of_the_last_visits("sag");
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_are_registered), cmocka_unit_test(em_has_its_linear_rate),
                                     cmocka_unit_test(stochastic_ones_reach_their_noise_level),
                                     cmocka_unit_test(the_others_reach_rounding),
                                     cmocka_unit_test(totals_of_batches_never_drift)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
