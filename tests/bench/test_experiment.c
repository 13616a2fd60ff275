/* The experiment runner on the linear model: its records against the optimizers run by hand, F*, the stop, divergence,
 * what it writes, what it refuses.  Also under mpirun, each rank with the whole model. */
#include "../io/pictures.h"
#include "../unit/linear_model.h"

#include "common/experiment.h"
#include "io/file.h"

static fz_mpi *comm;
static ptrdiff_t blocks; /* of the communicator */

typedef struct world {
  linear_model model;
  double start[LINEAR_DIM];
  int opened, closed;
  bool broken;
} world;

static fz_status measure(void *self, const double *w, double *metric, fz_error *err) {
  const world *x = self;
  (void)err;
  metric[0] = metric[1] = 0;
  for (int j = 0; j < LINEAR_DIM; j++) {
    metric[0] += fabs(w[j] - x->model.optimum[j]);
    metric[1] += w[j];
  }
  return FZ_OK;
}

static fz_status open_world(void *context, uint64_t seed, fz_experiment_problem *p, fz_error *err) {
  world *x = context;
  x->opened++;
  if (x->broken) return fz_fail(err, FZ_EIO, "no data for this seed");
  linear_init(&x->model, 100);
  for (int j = 0; j < LINEAR_DIM; j++) x->start[j] = (double)seed - j;
  *p = (fz_experiment_problem){.self = x, .f = &x->model.f, .start = x->start, .measure = measure};
  return FZ_OK;
}

static void close_world(void *context, fz_experiment_problem *p) {
  (void)p;
  ((world *)context)->closed++;
}

static fz_optimizer_options options(int64_t batch) {
  fz_optimizer_options o = fz_optimizer_options_default();
  o.batch_images = batch;
  return o;
}

static fz_experiment_method plain(const char *label, const char *kind, int64_t batch) {
  return (fz_experiment_method){.label = label, .kind = kind, .options = options(batch)};
}

static const char *const metric[2] = {"distance to the optimum", "sum"};

static fz_experiment experiment(world *x, const fz_experiment_method *method, int n_methods) {
  return (fz_experiment){.name = "linear",
                         .title = "A linear model",
                         .context = x,
                         .open = open_world,
                         .close = close_world,
                         .method = method,
                         .n_methods = n_methods,
                         .n_metrics = 2,
                         .metric = metric,
                         .first_seed = 3,
                         .n_seeds = 2,
                         .max_passes = 200,
                         .tolerance = 1e-14,
                         .target = 1e-6};
}

static fz_experiment_result run(const fz_experiment *e, const char *dir) {
  fz_experiment_result result;
  fz_error err;
  if (fz_experiment_run(comm, e, dir, NULL, &result, &err) != FZ_OK) fail_msg("%s", err.text);
  return result;
}

/* Fixed point: 6e4 bounds an image's gain, and 480 of them fill 2^62, so that one is rounded by at most 4e-12. */
static const double rounding = 4e-12;

/* Epoch k of EM is w_k at k passes, until F changes by less than the tolerance. */
static void check_em(const fz_experiment_record *r, world *x) {
  fz_experiment_problem p;
  fz_error err;
  fz_optimizer *o;
  fz_optimizer_options opt = options(40);
  assert_int_equal(open_world(x, r->seed, &p, &err), FZ_OK);
  assert_int_equal(fz_optimizer_create(fz_optimizer_find("em"), p.f, &opt, p.start, &o, &err), FZ_OK);
  for (ptrdiff_t k = 0; k < r->n; k++) {
    double expected[2];
    measure(x, o->w, expected, &err);
    assert_float_equal(r->point[k].passes, (double)k, 0);
    assert_float_equal(r->point[k].value, linear_value(&x->model, o->w), rounding);
    assert_float_equal(r->metric[2 * k], expected[0], 1e-15);
    assert_float_equal(r->metric[2 * k + 1], expected[1], 1e-15);
    bool last = k + 1 == r->n, still = k > 0 && fabs(r->point[k].value - r->point[k - 1].value) < 1e-14;
    assert_int_equal(still, last);
    assert_int_equal(fz_optimizer_step(o, &err), FZ_OK);
  }
  assert_int_equal(r->end, FZ_END_CONVERGED);
  assert_float_equal(r->passes, (double)r->n, 0); /* the last evaluation is paid for, too */
  fz_optimizer_destroy(&o);
}

/* What fz_optimizer_step evaluates in full, seen from outside. */
typedef struct seen {
  world *x;
  int n;
  double value[64], passes[64];
  const fz_optimizer *o;
} seen;

static void see(void *watcher, const double *w, double value) {
  seen *s = watcher;
  if (s->n == 64) return;
  assert_float_equal(value, linear_value(&s->x->model, w), rounding);
  s->passes[s->n] = fz_optimizer_passes(s->o) - 1;
  s->value[s->n++] = linear_value(&s->x->model, w);
}

/* Epochs of a method with snapshots are its snapshots, at the cost before them. */
static void check_svrg(const fz_experiment_record *r, const fz_experiment_method *m, world *x) {
  fz_experiment_problem p;
  fz_error err;
  fz_optimizer *o;
  fz_optimizer_options opt = m->options;
  seen s = {.x = x};
  opt.seed += r->seed;
  assert_int_equal(open_world(x, r->seed, &p, &err), FZ_OK);
  assert_int_equal(fz_optimizer_create(fz_optimizer_find("svrg"), p.f, &opt, p.start, &o, &err), FZ_OK);
  s.o = o;
  o->watch = see;
  o->watcher = &s;
  while (s.n < r->n && s.n < 64) assert_int_equal(fz_optimizer_step(o, &err), FZ_OK);
  assert_true(r->n >= 4);
  for (ptrdiff_t k = 0; k < r->n - (r->end == FZ_END_PASSES) && k < 64; k++) {
    assert_float_equal(r->point[k].value, s.value[k], rounding);
    assert_float_equal(r->point[k].passes, s.passes[k], 1e-12);
  }
  fz_optimizer_destroy(&o);
}

/* Without evaluations of all images: an epoch whenever a pass has gone by, and one at the end. */
static void check_sem(const fz_experiment_record *r, double max_passes) {
  for (ptrdiff_t k = 1; k + 1 < r->n; k++) {
    double gone = r->point[k].passes - r->point[k - 1].passes;
    assert_true(gone >= 1 && gone < 1 + 60.0 / 480);
  }
  assert_true(r->n >= max_passes);
  assert_int_equal(r->end, FZ_END_PASSES);
  assert_true(r->passes >= max_passes && r->passes < max_passes + 0.2);
  assert_float_equal(r->point[r->n - 1].passes, r->passes, 1e-12);
}

static int lines(const char *text) {
  int n = 0;
  for (; *text; text++) n += *text == '\n';
  return n;
}

static void check_files(const fz_experiment *e, const fz_experiment_result *result) {
  char *curves = files_slurp("out/deep/curves.csv"), *table = files_slurp("out/deep/table.csv");
  char *words = files_slurp("out/deep/table.md"), expected[200];
  int points = 0;
  for (int i = 0; i < result->n; i++) points += (int)result->record[i].n;
  assert_int_equal(lines(curves), 1 + points);
  assert_int_equal(lines(table), 1 + e->n_methods);
  assert_int_equal(lines(words), 2 + e->n_methods);
  const fz_experiment_record *em = &result->record[e->n_methods]; /* the second seed's */
  snprintf(expected, sizeof expected, "\n4,\"EM\",2,%.6g,%.6g,%.17g,%.6e,", em->point[2].seconds,
           em->point[2].cpu_seconds, em->point[2].value, em->point[2].value - em->best);
  assert_non_null(strstr(curves, expected));
  double a = result->record[0].passes, b = em->passes;
  snprintf(expected, sizeof expected, "| EM | 3078 | %.1f [%.1f, %.1f] | ", (a + b) / 2, fmin(a, b), fmax(a, b));
  assert_non_null(strstr(words, expected));
  assert_non_null(strstr(table, "\"sEM, decaying\",sem,\"\",2,0,2,0,"));
  assert_non_null(strstr(words, "2 passes used up |"));
  picture p = read_png("out/deep/convergence.png");
  assert_true(count_color(&p, 0, 114, 178) > 100 && count_color(&p, 213, 94, 0) > 100);
  free(p.rgb);
  assert_true(fz_io_file_exists("out/deep/convergence_seconds.png") && fz_io_file_exists("out/deep/metrics.png"));
  free(words);
  free(table);
  free(curves);
}

static void by_hand(void **state) {
  (void)state;
  static world x;
  const fz_experiment_method method[3] = {
      {.label = "EM", .kind = "em", .options = options(40), .paper = "3078"},
      {.label = "SVRG", .kind = "svrg", .options = options(40), .max_passes = 30},
      {.label = "sEM, decaying", .kind = "sem", .options = options(60), .max_passes = 12},
  };
  const fz_experiment e = experiment(&x, method, 3);
  fz_experiment_result result = run(&e, "out/deep");
  assert_int_equal(result.n, 6);
  assert_int_equal(x.opened, 2);
  assert_int_equal(x.closed, 2);
  for (int seed = 0; seed < 2; seed++) {
    const fz_experiment_record *r = result.record + 3 * seed;
    double best = INFINITY;
    for (int i = 0; i < 3; i++) {
      assert_int_equal(r[i].seed, 3 + seed);
      assert_int_equal(r[i].method, i);
      assert_float_equal(r[i].point[0].value, r[0].point[0].value, 0); /* all from the same start */
      for (ptrdiff_t k = 0; k < r[i].n; k++) best = fmin(best, r[i].point[k].value);
    }
    check_em(&r[0], &x);
    check_svrg(&r[1], &method[1], &x);
    check_sem(&r[2], 12);
    for (int i = 0; i < 3; i++) assert_float_equal(r[i].best, best, 0);
    assert_float_equal(best, linear_value(&x.model, x.model.optimum), 1e-11);
    double passes = fz_experiment_passes_to(&r[0], 1e-6);
    assert_true(passes > 1 && passes < r[0].passes);
    assert_true(r[0].point[(int)passes].value - best <= 1e-6 && r[0].point[(int)passes - 1].value - best > 1e-6);
    assert_true(fz_experiment_passes_to(&r[2], -1) == INFINITY);
  }
  if (fz_mpi_rank(comm) == 0) check_files(&e, &result);
  fz_bench_report report = {0};
  fz_experiment_report(&e, &result, &report);
  assert_non_null(strstr(report.rows, "\"method\": \"EM\", \"optimizer\": \"em\", \"paper\": \"3078\", \"seed\": 3"));
  fz_bench_report_clear(&report);
  fz_experiment_clear(&result);
  assert_int_equal(fz_memory_blocks(), blocks);
}

/* A divergence is told, and the others go on; a lower F* may come from a method that is not in the table. */
static void divergence_and_reference(void **state) {
  (void)state;
  static world x;
  fz_experiment_method method[4] = {plain("GD, step 50", "gd", 40),
                                    {.label = "EM", .kind = "em", .options = options(40), .max_passes = 4},
                                    plain("GD, out of bounds", "gd", 40),
                                    plain("GD, safe", "gd", 40)};
  const fz_experiment_method reference = {
      .label = "EM, longer", .kind = "em", .options = options(40), .max_passes = 100};
  for (int i = 0; i < 3; i += 2) {
    method[i].options.step_rule = FZ_STEP_GIVEN;
    method[i].options.step = i == 0 ? 50 : 1e6;
    method[i].options.precondition = false;
    method[i].options.safeguards = 0;
  }
  method[3].options = method[0].options;
  method[3].options.safeguards = FZ_SAFE_ALL;
  fz_experiment e = experiment(&x, method, 3);
  e.n_seeds = 1;
  fz_experiment_result alone = run(&e, NULL);
  e.reference = &reference;
  e.n_methods = 4;
  fz_experiment_result both = run(&e, "diverged");
  assert_int_equal(both.n, 4);
  const fz_experiment_record *safe = &both.record[3]; /* what was refused is no epoch */
  assert_int_equal(safe->end, FZ_END_CONVERGED);
  assert_true(safe->point[1].passes > 1);
  for (ptrdiff_t k = 1; k < safe->n; k++) assert_true(safe->point[k].value <= safe->point[k - 1].value + 1e-12);
  for (int i = 0; i < 3; i += 2) {
    assert_int_equal(both.record[i].end, FZ_END_DIVERGED);
    assert_true(strlen(both.record[i].message) > 10);
  }
  assert_non_null(strstr(both.record[0].message, "gd diverged at step"));
  assert_non_null(strstr(both.record[2].message, "a sum left its bounds"));
  assert_int_equal(both.record[1].end, FZ_END_PASSES);
  assert_int_equal(both.record[1].n, 5); /* w_0 to w_4: F of the last is known by an evaluation that does not count */
  assert_float_equal(both.record[1].passes, 4, 0);
  assert_float_equal(alone.record[1].best, alone.record[1].point[4].value, 0);
  assert_true(both.record[1].best < alone.record[1].best);
  if (fz_mpi_rank(comm) == 0) {
    char *words = files_slurp("diverged/table.md");
    assert_non_null(strstr(words, "| GD, out of bounds |  | - | - | "));
    assert_non_null(strstr(words, "diverged: gd diverged at step"));
    free(words);
  }
  fz_experiment_clear(&both);
  fz_experiment_clear(&alone);
  assert_int_equal(fz_memory_blocks(), blocks);
}

/* Of thousands of epochs some hundreds are kept, among them the first and the last. */
static void thinned(void **state) {
  (void)state;
  static world x;
  fz_experiment_method method = plain("GD, slow", "gd", 40);
  method.options.step_rule = FZ_STEP_GIVEN;
  method.options.step = 1e-3;
  method.options.precondition = false;
  fz_experiment e = experiment(&x, &method, 1);
  e.n_seeds = 1;
  e.max_passes = 3000;
  fz_experiment_result result = run(&e, NULL);
  const fz_experiment_record *r = result.record;
  assert_true(r->n > 300 && r->n < 900);
  for (ptrdiff_t k = 1; k < r->n; k++) assert_true(r->point[k].passes > r->point[k - 1].passes);
  assert_float_equal(r->point[r->n - 1].passes, r->passes, 0);
  assert_true(r->passes >= 3000);
  fz_experiment_clear(&result);
  assert_int_equal(fz_memory_blocks(), blocks);
}

static void refusals(void **state) {
  (void)state;
  static world x;
  fz_experiment_method method[2] = {plain("EM", "em", 40), plain("what", "nonsense", 40)};
  fz_experiment e = experiment(&x, method, 2);
  fz_experiment_result result;
  fz_error err;
  assert_int_equal(fz_experiment_run(comm, &e, "refused", NULL, &result, &err), FZ_EINVAL);
  ASSERT_SAYS(err, "nonsense");
  assert_int_equal(result.n, 0); /* before the first method has run */
  assert_int_equal(x.opened, x.closed);
  fz_experiment_clear(&result);
  method[1] = plain("too large a batch", "svrg", 100000);
  assert_int_equal(fz_experiment_run(comm, &e, "refused", NULL, &result, &err), FZ_EINVAL);
  assert_int_equal(result.n, 0);
  fz_experiment_clear(&result);
  assert_false(fz_io_file_exists("refused/table.md"));
  x.broken = true;
  e.n_methods = 1;
  assert_int_equal(fz_experiment_run(comm, &e, NULL, NULL, &result, &err), FZ_EIO);
  ASSERT_SAYS(err, "no data");
  assert_int_equal(x.opened, x.closed);
  fz_experiment_clear(&result);
  x.broken = false;
  if (fz_mpi_rank(comm) == 0) files_write_text("taken", "a file where a folder should be");
  assert_int_equal(fz_experiment_run(comm, &e, "taken", NULL, &result, &err), FZ_EIO);
  fz_experiment_clear(&result);
  assert_int_equal(fz_memory_blocks(), blocks);
}

int main(int argc, char **argv) {
  comm = fz_mpi_start(&argc, &argv);
  blocks = fz_memory_blocks();
  const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(divergence_and_reference),
                                     cmocka_unit_test(thinned), cmocka_unit_test(refusals)};
  int failed = cmocka_run_group_tests(tests, files_enter, files_leave);
  fz_mpi_finish(&comm);
  return failed;
}
