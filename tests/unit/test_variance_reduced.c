/* Variance-reduced optimizers on a model whose statistics are linear in w (linear_model.h), so that every update is
 * known in closed form: what an update is, what it costs, and that keeping statistics changes no bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/memory.h"
#include "linear_model.h"
#include "optim/optimizer.h"

enum { BATCHES = 8 }; /* of 50 images, 5 tiles each */
static const double start[LINEAR_DIM] = {-3, 3, 2};
static const double usual = 16;
/* As in optimizer_fixture.h: 10 roundings below 2^-50 each in one update. */
static const double exact = 10 * 0x1p-50;

static fz_optimizer_options usual_options(void) {
  fz_optimizer_options options = fz_optimizer_options_default();
  options.batch_images = 50;
  options.step_rule = FZ_STEP_GIVEN;
  options.step = 0.3;
  options.seed = 5;
  options.eigenpairs = LINEAR_DIM - 1;
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

static const void *state_data(fz_optimizer *o, const char *name) {
  fz_state_list list = {0};
  fz_optimizer_state(o, &list);
  const void *data = fz_state_find(&list, name)->data;
  fz_state_clear(&list);
  return data;
}

/* Mean weight k of coordinate j in the tiles evaluated last. */
static double last_weight(const linear_model *m, int j) {
  double sum = 0, n = 0;
  for (int64_t t = 0; t < m->last_n; t++)
    for (int64_t i = m->first[m->last[t]]; i < m->first[m->last[t] + 1]; i++, n++) sum += m->k[i][j];
  return sum / n;
}

/* grad F_I(w) - grad F_I(w~) + grad F(w~) = (k_I + RIDGE/N) (w - w~) + (k + RIDGE/N) (w~ - w*) */
static void svrg_updates_are_those_of_the_formula(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  const double ridge = linear_ridge / (double)m.f.n_images;
  for (int plain = 0; plain < 2; plain++) {
    fz_optimizer_options options = usual_options();
    options.precondition = !plain;
    options.inner_passes = 2.5;
    fz_optimizer *o = create(&m, "svrg", &options);
    const double *snapshot = state_data(o, "optimizer/snapshot"), *sum = state_data(o, "optimizer/iterate_sum");
    for (int step = 0; step < 100; step++) {
      double before[LINEAR_DIM], mean[LINEAR_DIM];
      memcpy(before, o->w, sizeof before);
      for (int j = 0; j < LINEAR_DIM; j++) mean[j] = step ? sum[j] / (2.5 * BATCHES) : o->w[j];
      run(o, 1);
      const bool first = step % 20 == 0;
      for (int j = 0; j < LINEAR_DIM; j++) {
        double from = first ? mean[j] : before[j], k = (1 - m.rate[j]) * (1 + ridge) - ridge;
        if (first) assert_true(fabs(snapshot[j] - mean[j]) < exact);
        double g = (k + ridge) * (snapshot[j] - m.optimum[j]);
        if (!first) g += (last_weight(&m, j) + ridge) * (before[j] - snapshot[j]);
        double eta = options.step / (plain ? 1 : 1 + ridge);
        assert_true(fabs(o->w[j] - (from - eta * g)) < exact);
      }
    }
    fz_optimizer_destroy(&o);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* s_I(w) - s_I(w~) = (1 - k_I) (w - w~);  M(s) = s N / (N + RIDGE) */
static void sem_vr_updates_are_those_of_the_formula(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = usual_options();
  options.inner_passes = 2.5;
  fz_optimizer *o = create(&m, "sem-vr", &options);
  const double *snapshot = state_data(o, "optimizer/snapshot"), *mean = state_data(o, "optimizer/mean");
  const double weight = (double)m.f.n_images / ((double)m.f.n_images + linear_ridge);
  for (int step = 0; step < 100; step++) {
    double before[LINEAR_DIM], s[LINEAR_DIM];
    memcpy(before, o->w, sizeof before);
    memcpy(s, mean, sizeof s);
    run(o, 1);
    const bool first = step % 20 == 0;
    if (first) assert_memory_equal(snapshot, before, sizeof before);
    for (int j = 0; j < LINEAR_DIM; j++) {
      double full = (m.optimum[j] + m.rate[j] * (snapshot[j] - m.optimum[j])) / weight;
      double reduced = full + (1 - last_weight(&m, j)) * (before[j] - snapshot[j]);
      double expect = first ? full : s[j] + options.step * (reduced - s[j]);
      assert_true(fabs(mean[j] - expect) < exact && fabs(o->w[j] - expect * weight) < exact);
    }
  }
  fz_optimizer_destroy(&o);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* psi_I(w) - psi_I(w~) = (1 - k_I) (w - w~) b / (b + RIDGE), b the images of the batch */
static void parameter_updates_are_those_of_the_formula(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  fz_optimizer_options options = usual_options();
  options.inner_passes = 2.5;
  fz_optimizer *o = create(&m, "sem-vr-parameters", &options);
  const double *snapshot = state_data(o, "optimizer/snapshot"), *sum = state_data(o, "optimizer/iterate_sum");
  for (int step = 0; step < 100; step++) {
    double before[LINEAR_DIM], mean[LINEAR_DIM], b = 0;
    memcpy(before, o->w, sizeof before);
    for (int j = 0; j < LINEAR_DIM; j++) mean[j] = step ? sum[j] / (2.5 * BATCHES) : o->w[j];
    run(o, 1);
    const bool first = step % 20 == 0;
    for (int64_t t = 0; t < m.last_n; t++) b += (double)(m.first[m.last[t] + 1] - m.first[m.last[t]]);
    for (int j = 0; j < LINEAR_DIM; j++) {
      if (first) assert_true(fabs(snapshot[j] - mean[j]) < exact);
      double from = first ? mean[j] : before[j], moved = from - snapshot[j];
      double r = (1 - m.rate[j]) * (snapshot[j] - m.optimum[j]);
      if (!first) r += moved - (1 - last_weight(&m, j)) * moved * b / (b + linear_ridge);
      assert_true(fabs(o->w[j] - (from - options.step * r)) < exact);
    }
  }
  fz_optimizer_destroy(&o);
  assert_int_equal(fz_memory_blocks(), 0);
}

static bool reduces_variance(const fz_optimizer_kind *kind) {
  return kind->takes & FZ_TAKES_INNER_PASSES;
}

/* A snapshot costs one pass and serves the first update, the others cost b/N; without kept statistics twice that.  A
 * pass over the batches visits each tile once. */
static void an_epoch_costs_one_pass_and_its_batches(void **state) {
  (void)state;
  linear_model m;
  for (int i = 0; fz_optimizer_at(i); i++)
    for (int kept = 0; kept < 2; kept++) {
      if (!reduces_variance(fz_optimizer_at(i))) continue;
      linear_init(&m, usual);
      fz_optimizer_options options = usual_options();
      options.inner_passes = 2;
      /* One batch too many, or just enough. */
      options.keep_bytes = BATCHES * LINEAR_WORDS * 8 - (kept ? 0 : 1);
      fz_optimizer *o = create(&m, fz_optimizer_at(i)->name, &options);
      const int64_t *inner = state_data(o, "optimizer/inner"), *partition = state_data(o, "optimizer/partition");
      while (*partition < 1 || *inner < 2 * BATCHES) run(o, 1);
      int64_t least = kept ? 2 : 3, most = kept ? 3 : 5, missing = 0;
      for (int t = 0; t < LINEAR_TILES; t++) {
        assert_in_range(m.seen[t], least, most);
        missing += most - m.seen[t];
      }
      if (fz_optimizer_at(i)->takes & FZ_TAKES_EIGENPAIRS) goto next; /* it evaluates more */
      assert_int_equal(missing, 5 * (kept ? 1 : 2)); /* the snapshot's own update saves one batch of 5 tiles */
      assert_true(o->visited <= 400 * most && o->visited > 400 * (most - 1));
    next:
      fz_optimizer_destroy(&o);
    }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* With usual steps and with steps that make F rise, so that snapshots are rejected. */
static void keeping_statistics_changes_no_bit(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, 1e5);
  for (int i = 0; fz_optimizer_at(i); i++)
    for (int variant = 0; variant < 2; variant++) {
      if (!reduces_variance(fz_optimizer_at(i))) continue;
      fz_optimizer_options options = usual_options();
      if (variant) options.step = 8;
      fz_optimizer *keeps = create(&m, fz_optimizer_at(i)->name, &options);
      options.keep_bytes = 0;
      fz_optimizer *evaluates = create(&m, fz_optimizer_at(i)->name, &options);
      for (int step = 0; step < 10 * BATCHES; step++) {
        run(keeps, 1);
        run(evaluates, 1);
        assert_memory_equal(keeps->w, evaluates->w, sizeof start);
        assert_true(keeps->gain == evaluates->gain);
      }
      assert_true(keeps->visited < evaluates->visited);
      fz_optimizer_destroy(&keeps);
      fz_optimizer_destroy(&evaluates);
    }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Steps so long that within an epoch w leaves the numbers that sums can hold: with the safeguard they are halved until
 * they fit. */
static void they_come_back_from_out_of_bounds(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, usual);
  for (int i = 0; fz_optimizer_at(i); i++) {
    const fz_optimizer_kind *kind = fz_optimizer_at(i);
    if (!reduces_variance(kind) || !(kind->takes & FZ_TAKES_STEP)) continue;
    fz_optimizer_options options = usual_options();
    options.step = 64;
    fz_optimizer *o = create(&m, kind->name, &options);
    const int64_t *rejected = state_data(o, "optimizer/rejected");
    while (fz_optimizer_passes(o) < 150) run(o, 1);
    assert_true(*rejected >= 4);
    assert_true(linear_value(&m, o->w) < linear_value(&m, m.optimum) + 1e-3);
    fz_optimizer_destroy(&o);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Without the safeguard the bare algorithm is seen: it climbs. */
static void without_safeguard_snapshots_climb(void **state) {
  (void)state;
  linear_model m;
  linear_init(&m, 1e5);
  for (int i = 0; fz_optimizer_at(i); i++) {
    const fz_optimizer_kind *kind = fz_optimizer_at(i);
    if (!reduces_variance(kind) || !(kind->takes & FZ_TAKES_STEP)) continue;
    fz_optimizer_options options = usual_options();
    options.step = 8;
    options.inner_passes = 0.5;
    options.safeguards = 0;
    fz_optimizer *o = create(&m, kind->name, &options);
    const double *snapshot = state_data(o, "optimizer/snapshot");
    double highest = -HUGE_VAL;
    for (int step = 0; step < BATCHES; step++) {
      run(o, 1);
      highest = fmax(highest, linear_value(&m, snapshot));
    }
    assert_true(highest > linear_value(&m, start) + 1);
    fz_optimizer_destroy(&o);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(svrg_updates_are_those_of_the_formula),
                                     cmocka_unit_test(sem_vr_updates_are_those_of_the_formula),
                                     cmocka_unit_test(parameter_updates_are_those_of_the_formula),
                                     cmocka_unit_test(an_epoch_costs_one_pass_and_its_batches),
                                     cmocka_unit_test(keeping_statistics_changes_no_bit),
                                     cmocka_unit_test(they_come_back_from_out_of_bounds),
                                     cmocka_unit_test(without_safeguard_snapshots_climb)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
