#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estep/bench.h"

typedef struct contender {
  const fz_bench_engine *engine;
  fz_bench_scoring scoring;
  double scores;                         /* of one tile */
  double rate[2][FZ_BENCH_REPEATS_MOST]; /* by job */
} contender;

/* Processor seconds; not a number for what the engine cannot do. */
static double time_tile(fz_bench_scoring *s, fz_bench_job job) {
  if (job == FZ_BENCH_ESTEP && !fz_bench_scoring_has_estep(s)) return NAN;
  fz_bench_scoring_reset(s);
  double began = fz_bench_thread_seconds();
  fz_status st = fz_bench_scoring_tile(s, 0, 0, job);
  double seconds = fz_bench_thread_seconds() - began;
  FZ_ASSERT(st == FZ_OK);
  return seconds;
}

static double median(const double *x, int n) {
  double copy[FZ_BENCH_REPEATS_MOST];
  memcpy(copy, x, sizeof *x * (size_t)n);
  return fz_bench_median(copy, n);
}

static void print_number(int width, int decimals, double x) {
  if (isfinite(x))
    printf(" %*.*f", width, decimals, x);
  else
    printf(" %*s", width, "-");
}

static const contender *named(const contender *c, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(c[i].engine->name, name)) return &c[i];
  return NULL;
}

/* Median of the ratios within the repetitions; not a number when there is nothing to compare with. */
static double ratio_to(const contender *c, const contender *other, fz_bench_job job, int n) {
  double ratio[FZ_BENCH_REPEATS_MOST];
  if (!other || c == other) return NAN;
  for (int i = 0; i < n; i++) ratio[i] = c->rate[job][i] / other->rate[job][i];
  return fz_bench_median(ratio, n);
}

/* Mean entropy in nats and mean of exp(entropy)/poses, of the last E-step. */
static void look_at_posterior(const fz_bench_scoring *s, double *entropy, double *share) {
  int n = s->tile[0].n;
  *entropy = *share = fz_bench_scoring_has_estep(s) ? 0 : NAN;
  for (int i = 0; i < n; i++) {
    *entropy += s->posterior[i].entropy / n;
    *share += exp(s->posterior[i].entropy) / fz_bench_scoring_poses(s) / n;
  }
}

static void tell(fz_estep_bench *b, const char *posterior, const contender *c, const contender *direct,
                 const contender *plain) {
  int n = b->repeats;
  const fz_stage *stage = &c->scoring.stage;
  const fz_quadrature *q = &stage->quadrature;
  double first = median(c->rate[FZ_BENCH_FIRST_SWEEP], n), whole = median(c->rate[FZ_BENCH_ESTEP], n), entropy, share;
  look_at_posterior(&c->scoring, &entropy, &share);
  /* What the score's definition asks for: a complex product's real part at each point of the half-plane. */
  double flops = 4.0 * stage->frequencies.count;
  struct {
    const char *name;
    int width, decimals;
    double value, print;
  } figure[] = {{"share_of_poses", 7, 2, share, 100 * share},
                {"first_sweep_scores_per_s", 9, 1, first, first * 1e-6},
                {"estep_scores_per_s", 9, 1, whole, whole * 1e-6},
                {"effective_gflops", 9, 0, first * flops * 1e-9, first * flops * 1e-9},
                {"first_sweep_over_plain", 7, 2, ratio_to(c, plain, FZ_BENCH_FIRST_SWEEP, n), 0},
                {"first_sweep_over_direct", 7, 2, ratio_to(c, direct, FZ_BENCH_FIRST_SWEEP, n), 0},
                {"estep_over_direct", 7, 2, ratio_to(c, direct, FZ_BENCH_ESTEP, n), 0}};
  fz_io_json row = fz_estep_row("rate", c->engine, &c->scoring);
  fz_io_json_text(&row, "posterior", posterior);
  fz_io_json_i64(&row, "images", c->scoring.tile[0].n);
  fz_io_json_f64(&row, "entropy", entropy);
  fz_io_json_f64(&row, "flops_per_score_by_definition", flops);
  printf("%4d %-8s %-12s %5d x %3d x %-4d %6d", stage->spec.kmax, c->engine->name, posterior, q->n_directions, q->n_psi,
         q->n_shifts, c->scoring.tile[0].n);
  for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++) {
    print_number(figure[i].width, figure[i].decimals, figure[i].print != 0 ? figure[i].print : figure[i].value);
    fz_io_json_f64(&row, figure[i].name, figure[i].value);
  }
  printf("\n");
  fz_bench_report_add(&b->report, &row);
}

static bool rules_nothing_out(const fz_bench_engine *engine, const char *posterior) {
  return !strcmp(engine->name, "adaptive") && !strcmp(posterior, "broad");
}

fz_status fz_estep_rates(fz_estep_bench *b, const fz_estep_plan *plan, const char *posterior, fz_bench_image_set *set,
                         fz_error *err) {
  contender c[FZ_BENCH_ENGINES_MOST];
  int n = 0;
  fz_status st = FZ_OK;
  for (int i = 0; fz_bench_engine_at(i); i++) {
    const fz_bench_engine *engine = fz_bench_engine_at(i);
    if (!fz_estep_wants(b->settings, engine) || rules_nothing_out(engine, posterior)) continue;
    fz_stage_spec spec = fz_estep_spec(b->settings, plan->box, plan->kmax, fz_estep_nside(plan, engine), 1);
    c[n] = (contender){.engine = engine};
    FZ_TRY(fz_bench_scoring_open(set, &spec, engine, 1, false, &c[n].scoring, err));
    c[n].scores = fz_bench_scoring_poses(&c[n].scoring) * c[n].scoring.tile[0].n;
    time_tile(&c[n].scoring, FZ_BENCH_FIRST_SWEEP); /* memory is touched for the first time */
    n++;
  }
  for (int r = 0; r < b->repeats; r++)
    for (int job = FZ_BENCH_FIRST_SWEEP; job <= FZ_BENCH_ESTEP; job++)
      for (int i = 0; i < n; i++) c[i].rate[job][r] = c[i].scores / time_tile(&c[i].scoring, (fz_bench_job)job);
  for (int i = 0; i < n; i++) tell(b, posterior, &c[i], named(c, n, "direct"), named(c, n, "plain"));
done:
  for (int i = 0; i < n; i++) fz_bench_scoring_close(&c[i].scoring);
  return st;
}

static void tell_agreement(fz_estep_bench *b, const char *posterior, const fz_bench_engine *const *pair,
                           const fz_bench_scoring *s) {
  int n = s[0].tile[0].n;
  double mean = 0, square = 0, largest = 0, gain = 0, captured = fz_bench_scoring_captured(&s[0], 0, 0);
  for (int i = 0; i < n; i++) {
    double d = s[0].posterior[i].gain - s[1].posterior[i].gain;
    mean += d / n;
    square += d * d / n;
    largest = fmax(largest, fabs(d));
    gain += s[1].posterior[i].gain / n;
  }
  printf("     %s - %s, gains of %d %s images: mean %.1e, rms %.1e, largest %.1e (mean gain %.1f", pair[0]->name,
         pair[1]->name, n, posterior, mean, sqrt(square), largest, gain);
  printf(captured < 1 ? ", captured %.5f)\n" : ")\n", captured);
  fz_io_json row = fz_estep_row("agreement", pair[0], &s[0]);
  fz_io_json_text(&row, "reference", pair[1]->name);
  fz_io_json_text(&row, "posterior", posterior);
  fz_io_json_f64(&row, "mean_gain", gain);
  fz_io_json_f64(&row, "mean_gain_difference", mean);
  fz_io_json_f64(&row, "rms_gain_difference", sqrt(square));
  fz_io_json_f64(&row, "largest_gain_difference", largest);
  fz_io_json_f64(&row, "captured", captured);
  fz_bench_report_add(&b->report, &row);
}

fz_status fz_estep_agreement(fz_estep_bench *b, const fz_estep_plan *plan, const char *posterior,
                             fz_bench_image_set *set, fz_error *err) {
  fz_bench_scoring s[2] = {0};
  fz_status st = FZ_OK;
  for (int k = 0; fz_bench_engine_at(k); k++) {
    int nside;
    const fz_bench_engine *engine = fz_bench_engine_at(k);
    const fz_bench_engine *pair[2] = {engine, fz_estep_reference(plan, engine, &nside)};
    if (!pair[1] || !fz_estep_wants(b->settings, engine) || rules_nothing_out(engine, posterior)) continue;
    fz_stage_spec spec = fz_estep_spec(b->settings, plan->box, plan->kmax, nside, 1);
    for (int i = 0; i < 2; i++) {
      FZ_TRY(fz_bench_scoring_open(set, &spec, pair[i], 1, false, &s[i], err));
      FZ_TRY(fz_bench_scoring_tile(&s[i], 0, 0, FZ_BENCH_FIRST_SWEEP));
    }
    tell_agreement(b, posterior, pair, s);
    for (int i = 0; i < 2; i++) fz_bench_scoring_close(&s[i]);
  }
done:
  for (int i = 0; i < 2; i++) fz_bench_scoring_close(&s[i]);
  return st;
}
