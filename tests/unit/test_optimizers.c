/* Every optimizer on a model whose optimum, EM rate and gradient noise are known (linear_model.h): where it ends, that
 * it resumes and repeats bit for bit, and that it refuses to climb. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "core/memory.h"
#include "linear_model.h"
#include "optim/batches.h"
#include "optim/optimizer.h"

enum { BATCHES = 8 }; /* of 50 images, 5 tiles each */
static const double start[LINEAR_DIM] = {-3, 3, 2};
static const double usual = 16; /* no |E[z]| comes near it: |x| < 2 + 5/sqrt(.4) */

/* Sums are rounded to 2^-49 per image (2^62 / (400 * 16), rounded down to a power of 2), means and w a few times in
 * double: 10 roundings below 2^-50 each in one update, which repeated contractions by at most 0.9 sum up to 10 times
 * that. */
static const double exact = 100 * 0x1p-50;

static fz_optimizer_options usual_options(void) {
  fz_optimizer_options options = fz_optimizer_options_default();
  options.batch_images = 50;
  options.step_rule = FZ_STEP_GIVEN;
  options.step = 0.3;
  options.seed = 5;
  return options;
}

static fz_optimizer *create(const linear_model *m, const char *name, const fz_optimizer_options *options) {
  fz_error err = {0};
  fz_optimizer *o;
  const fz_optimizer_kind *kind = fz_optimizer_find(name);
  assert_non_null(kind);
  if (fz_optimizer_create(kind, &m->f, options, start, &o, &err) != FZ_OK) fail_msg("%s", err.text);
  return o;
}

static void run(fz_optimizer *o, int64_t steps) {
  fz_error err = {0};
  for (int64_t i = 0; i < steps; i++)
    if (fz_optimizer_step(o, &err) != FZ_OK) fail_msg("%s: %s", o->kind->name, err.text);
}

static void assert_at_optimum(const linear_model *m, const fz_optimizer *o, double tolerance) {
  for (int j = 0; j < LINEAR_DIM; j++)
    if (!(fabs(o->w[j] - m->optimum[j]) <= tolerance))
      fail_msg("%s: w[%d] is off by %.3e after %g passes, allowed %.3e", o->kind->name, j, o->w[j] - m->optimum[j],
               fz_optimizer_passes(o), tolerance);
}

static void assert_no_blocks(void) {
  assert_int_equal(fz_memory_blocks(), 0);
}

static void all_are_registered(void **state) {
  (void)state;
  static const char *const name[] = {"em", "sem", "incremental", "sem-vr", "gd", "sgd", "svrg"};
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
static void assert_noise_level(const linear_model *m, fz_optimizer *o, bool decreasing) {
  double sum = 0;
  run(o, 100 * BATCHES);
  for (int i = 0; i < 10 * BATCHES; i++) {
    run(o, 1);
    double rho = pow((double)o->steps + 1, -o->options.rate_power);
    sum += noise_ratio(m, o->w, decreasing ? rho : o->options.step);
  }
  double ratio = sum / (10 * BATCHES);
  if (!(ratio < 3 && ratio > 1e-3)) fail_msg("%s: squared error is %g of the noise level", o->kind->name, ratio);
}

static void stochastic_ones_reach_their_noise_level(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = usual_options();
  fz_optimizer *o = create(&m, "sem", &options);
  assert_noise_level(&m, o, true);
  fz_optimizer_destroy(&o);
  o = create(&m, "sgd", &options);
  assert_noise_level(&m, o, false);
  fz_optimizer_destroy(&o);
  assert_no_blocks();
}

/* At most 300 passes; all contract by less than 0.9 per pass: 0.9^300 = 2e-14 of the start's distance of 5. */
static void the_others_reach_rounding(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = usual_options();
  static const char *const name[] = {"incremental", "sem-vr", "svrg"};
  for (int i = 0; i < 3; i++) {
    fz_optimizer *o = create(&m, name[i], &options);
    while (fz_optimizer_passes(o) < 300) run(o, 1);
    assert_at_optimum(&m, o, exact);
    fz_optimizer_destroy(&o);
  }
  assert_no_blocks();
}

static void incremental_total_never_drifts(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = usual_options();
  fz_optimizer *o = create(&m, "incremental", &options);
  double at[BATCHES][LINEAR_DIM]; /* w at which each batch was last evaluated, and its tiles */
  int64_t tile[BATCHES][LINEAR_TILES], count[BATCHES], words[LINEAR_WORDS];
  fz_state_list list = {0};
  fz_optimizer_state(o, &list);
  const int64_t *total = fz_state_find(&list, "optimizer/total")->data;
  for (int step = 0; step < 1003; step++) {
    memcpy(at[step % BATCHES], o->w, sizeof at[0]);
    run(o, 1);
    memcpy(tile[step % BATCHES], m.last, sizeof tile[0]);
    count[step % BATCHES] = m.last_n;
    if (step < BATCHES - 1 || step % 50) continue;
    int64_t sum[LINEAR_WORDS] = {0};
    for (int b = 0; b < BATCHES; b++) {
      fz_error err;
      assert_int_equal(linear_evaluate(&m, at[b], tile[b], count[b], words, &err), FZ_OK);
      assert_true(fz_fixed_add_i64(sum, words, LINEAR_WORDS));
    }
    assert_memory_equal(sum, total, sizeof sum);
    assert_int_equal(total[0], m.f.n_images);
  }
  fz_state_clear(&list);
  fz_optimizer_destroy(&o);
  assert_no_blocks();
}

static double state_number(fz_optimizer *o, const char *name) {
  fz_state_list list = {0};
  fz_optimizer_state(o, &list);
  double value = *(const double *)fz_state_find(&list, name)->data;
  fz_state_clear(&list);
  return value;
}

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
  static const char *const name[] = {"sem-vr", "sgd", "svrg"};
  for (int i = 0; i < 3; i++) {
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

/* All that `from` would write to a checkpoint, into `to`; sizes and names must agree. */
static void copy_state(fz_optimizer *from, fz_optimizer *to) {
  fz_state_list a = {0}, b = {0};
  fz_optimizer_state(from, &a);
  fz_optimizer_state(to, &b);
  assert_false(a.out_of_memory || b.out_of_memory);
  assert_int_equal(a.n, b.n);
  for (int i = 0; i < a.n; i++) {
    const fz_state_item *x = &a.item[i], *y = &b.item[i];
    assert_string_equal(x->name, y->name);
    assert_int_equal(fz_state_bytes(x), fz_state_bytes(y));
    int64_t bytes = x->distributed ? x->count * fz_state_row_bytes(x) : fz_state_bytes(x);
    memcpy(y->data, x->data, (size_t)bytes);
  }
  fz_state_clear(&a);
  fz_state_clear(&b);
}

/* The options of the bit-for-bit tests: usual ones, and a step that makes snapshots be rejected. */
static fz_optimizer_options options_of(int variant) {
  fz_optimizer_options options = usual_options();
  if (variant == 1) options.step = 8;
  return options;
}

static bool applies(const fz_optimizer_kind *kind, int variant) {
  return variant == 0 || ((kind->takes & FZ_TAKES_INNER_PASSES) && (kind->takes & FZ_TAKES_STEP));
}

static void resuming_anywhere_gives_the_same_bits(void **state) {
  (void)state;
  enum { STEPS = 3 * (BATCHES + 1) + 2 };
  linear_model m;
  linear_init(&m, 1e5);
  for (int variant = 0; variant < 2; variant++)
    for (int i = 0; fz_optimizer_at(i); i++) {
      if (!applies(fz_optimizer_at(i), variant)) continue;
      const char *name = fz_optimizer_at(i)->name;
      fz_optimizer_options options = options_of(variant);
      fz_optimizer *whole = create(&m, name, &options);
      run(whole, STEPS);
      for (int cut = 1; cut < STEPS; cut++) {
        fz_optimizer *first = create(&m, name, &options), *second = create(&m, name, &options);
        run(first, cut);
        copy_state(first, second);
        fz_optimizer_destroy(&first);
        run(second, STEPS - cut);
        assert_memory_equal(second->w, whole->w, sizeof start);
        assert_int_equal(second->steps, whole->steps);
        assert_int_equal(second->visited, whole->visited);
        assert_true(second->gain == whole->gain);
        fz_optimizer_destroy(&second);
      }
      fz_optimizer_destroy(&whole);
    }
  assert_no_blocks();
}

/* Step until the stop comes: it must leave everything as the last complete step did. */
static void step_into_stop(fz_optimizer *o) {
  fz_error err = {0};
  fz_status st = FZ_OK;
  while (st == FZ_OK) {
    double w[LINEAR_DIM], gain = o->gain;
    int64_t steps = o->steps, visited = o->visited;
    memcpy(w, o->w, sizeof w);
    st = fz_optimizer_step(o, &err);
    if (st == FZ_OK) continue;
    assert_memory_equal(o->w, w, sizeof w);
    assert_int_equal(o->steps, steps);
    assert_int_equal(o->visited, visited);
    assert_true(o->gain == gain);
  }
  assert_int_equal(st, FZ_ESTOPPED);
}

static void a_stop_in_any_evaluation_leaves_no_trace(void **state) {
  (void)state;
  enum { STEPS = 3 * (BATCHES + 1) + 2 };
  linear_model m;
  linear_init(&m, 1e5);
  for (int variant = 0; variant < 2; variant++)
    for (int i = 0; fz_optimizer_at(i); i++) {
      if (!applies(fz_optimizer_at(i), variant)) continue;
      const char *name = fz_optimizer_at(i)->name;
      fz_optimizer_options options = options_of(variant);
      m.calls = 0;
      fz_optimizer *whole = create(&m, name, &options);
      run(whole, STEPS);
      const int64_t evaluations = m.calls;
      for (int64_t stop = 0; stop < evaluations; stop++) {
        fz_optimizer *o = create(&m, name, &options);
        m.calls = 0;
        m.stop_at = stop;
        step_into_stop(o);
        m.stop_at = -1;
        /* The checkpoint is written now; the next job reads it. */
        fz_optimizer *next = create(&m, name, &options);
        copy_state(o, next);
        run(o, STEPS - o->steps);
        run(next, STEPS - next->steps);
        assert_memory_equal(o->w, whole->w, sizeof start);
        assert_memory_equal(next->w, whole->w, sizeof start);
        assert_int_equal(next->visited, whole->visited);
        fz_optimizer_destroy(&next);
        fz_optimizer_destroy(&o);
      }
      fz_optimizer_destroy(&whole);
    }
  assert_no_blocks();
}

static void batches_are_whole_tiles_once_per_epoch(void **state) {
  (void)state;
  fz_batches b, other, reverse;
  assert_int_equal(fz_batches_init(&b, 7, LINEAR_TILES, 400, 55), FZ_OK);
  assert_int_equal(fz_batches_init(&reverse, 7, LINEAR_TILES, 400, 55), FZ_OK);
  assert_int_equal(fz_batches_init(&other, 8, LINEAR_TILES, 400, 55), FZ_OK);
  assert_int_equal(b.n_batches, 7); /* 400 / 55 = 7.3 */
  int64_t epochs[4][LINEAR_TILES], n, m;
  int same_seed = 0, same_epoch = 0;
  for (int64_t epoch = 0; epoch < 4; epoch++) {
    int seen[LINEAR_TILES] = {0};
    int64_t at = 0;
    for (int64_t i = 0; i < b.n_batches; i++) {
      const int64_t *tile = fz_batches_get(&b, epoch, i, &n);
      assert_true(n == 5 || n == 6); /* 40 tiles in 7 */
      for (int64_t t = 0; t < n; t++) seen[epochs[epoch][at++] = tile[t]]++;
      same_seed += tile[0] == fz_batches_get(&other, epoch, i, &m)[0];
    }
    assert_int_equal(at, LINEAR_TILES);
    for (int t = 0; t < LINEAR_TILES; t++) assert_int_equal(seen[t], 1);
    for (int t = 0; t < LINEAR_TILES && epoch > 0; t++) same_epoch += epochs[epoch][t] == epochs[epoch - 1][t];
  }
  assert_true(same_seed < 14 && same_epoch < 60); /* half of what equal permutations would give */
  /* Asked for backwards: the same batches, so they depend on nothing that was asked before. */
  for (int64_t epoch = 3; epoch >= 0; epoch--)
    for (int64_t i = b.n_batches - 1, at = LINEAR_TILES; i >= 0; i--) {
      const int64_t *tile = fz_batches_get(&reverse, epoch, i, &n);
      at -= n;
      assert_memory_equal(tile, epochs[epoch] + at, (size_t)n * sizeof *tile);
    }
  fz_batches_clear(&b);
  fz_batches_clear(&reverse);
  fz_batches_clear(&other);

  static const struct {
    int64_t images, batches;
  } size[] = {{1, LINEAR_TILES}, {400, 1}, {100000, 1}, {200, 2}, {150, 3}};
  for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
    assert_int_equal(fz_batches_init(&b, 1, LINEAR_TILES, 400, size[i].images), FZ_OK);
    assert_int_equal(b.n_batches, size[i].batches);
    fz_batches_clear(&b);
  }
  assert_no_blocks();
}

static void an_epoch_visits_every_tile_once(void **state) {
  (void)state;
  linear_model m;
  static const char *const name[] = {"sem", "incremental", "sgd"};
  fz_optimizer_options options = usual_options();
  for (int i = 0; i < 3; i++) {
    linear_init(&m, usual);
    fz_optimizer *o = create(&m, name[i], &options);
    for (int epoch = 1; epoch <= 3; epoch++) {
      run(o, BATCHES);
      for (int t = 0; t < LINEAR_TILES; t++) assert_int_equal(m.seen[t], epoch);
      assert_true(fz_optimizer_passes(o) == epoch);
    }
    fz_optimizer_destroy(&o);
  }
  assert_no_blocks();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_are_registered),
                                     cmocka_unit_test(em_has_its_linear_rate),
                                     cmocka_unit_test(stochastic_ones_reach_their_noise_level),
                                     cmocka_unit_test(the_others_reach_rounding),
                                     cmocka_unit_test(incremental_total_never_drifts),
                                     cmocka_unit_test(snapshots_refuse_to_climb),
                                     cmocka_unit_test(divergence_is_told),
                                     cmocka_unit_test(resuming_anywhere_gives_the_same_bits),
                                     cmocka_unit_test(a_stop_in_any_evaluation_leaves_no_trace),
                                     cmocka_unit_test(batches_are_whole_tiles_once_per_epoch),
                                     cmocka_unit_test(an_epoch_visits_every_tile_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
