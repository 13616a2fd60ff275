/* Every registered optimizer resumes and repeats bit for bit, and a stop leaves no trace; batches. */
#include "optim/batches.h"
#include "optimizer_fixture.h"

enum { VARIANTS = 4 };

/* The options of the bit-for-bit tests: usual ones, a step that makes snapshots be rejected, a line search, automatic
 * steps of plain gradients.  False: the optimizer has no such thing. */
static bool options_of(const fz_optimizer_kind *kind, int variant, fz_optimizer_options *options) {
  *options = usual_options();
  if (variant == 1) options->step = 8;
  if (variant == 2) options->step_rule = FZ_STEP_SEARCH;
  if (variant == 3) options->step_rule = FZ_STEP_AUTO;
  if (variant == 3) options->precondition = false;
  const unsigned needs[VARIANTS] = {0, FZ_TAKES_SAFE_SNAPSHOTS | FZ_TAKES_STEP, FZ_TAKES_SEARCH, FZ_TAKES_STEP};
  return (kind->takes & needs[variant]) == needs[variant];
}

static void resuming_anywhere_gives_the_same_bits(void **state) {
  (void)state;
  enum { STEPS = 3 * (BATCHES + 1) + 2 };
  linear_model m;
  linear_init(&m, 1e5);
  for (int variant = 0; variant < VARIANTS; variant++)
    for (int i = 0; fz_optimizer_at(i); i++) {
      const char *name = fz_optimizer_at(i)->name;
      fz_optimizer_options options;
      if (!options_of(fz_optimizer_at(i), variant, &options)) continue;
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
  for (int variant = 0; variant < VARIANTS; variant++)
    for (int i = 0; fz_optimizer_at(i); i++) {
      const char *name = fz_optimizer_at(i)->name;
      fz_optimizer_options options;
      if (!options_of(fz_optimizer_at(i), variant, &options)) continue;
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
  static const char *const name[] = {"sem", "incremental", "sgd", "momentum", "nesterov", "adagrad", "tonga"};
  fz_optimizer_options options = usual_options();
  for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
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
  const struct CMUnitTest tests[] = {cmocka_unit_test(resuming_anywhere_gives_the_same_bits),
                                     cmocka_unit_test(a_stop_in_any_evaluation_leaves_no_trace),
                                     cmocka_unit_test(batches_are_whole_tiles_once_per_epoch),
                                     cmocka_unit_test(an_epoch_visits_every_tile_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
