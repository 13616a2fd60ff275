#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estep/bench.h"

/* Wall clocks tell nothing when other programs had the processor. */
static void tell_disturbance(double ran) {
  if (ran < 0.97)
    printf("; DISTURBED, the threads ran %.0f %% of the time\n", 100 * ran);
  else
    printf("\n");
}

fz_status fz_estep_threads(fz_estep_bench *b, const fz_estep_plan *plan, fz_bench_image_set *set, fz_error *err) {
  const fz_bench_engine *engine = fz_bench_engine_find("polar");
  fz_stage_spec spec = fz_estep_spec(b->settings, plan->box, plan->kmax, fz_estep_nside(plan, engine), 2);
  fz_bench_scoring s;
  double ratio[FZ_BENCH_REPEATS_MOST];
  int n = b->repeats;
  if (b->machine.cores < 2 || !fz_estep_wants(b->settings, engine)) return FZ_OK;
  fz_status st = fz_bench_scoring_open(set, &spec, engine, plan->n_tiles, false, &s, err);
  if (st != FZ_OK) return st;
  fz_bench_scoring_all(&s, 2, FZ_BENCH_FIRST_SWEEP); /* memory is touched for the first time */
  double ran = 0;
  for (int r = 0; r < n; r++) {
    double one = fz_bench_scoring_all(&s, 1, FZ_BENCH_ESTEP), began = fz_bench_process_seconds();
    double two = fz_bench_scoring_all(&s, 2, FZ_BENCH_ESTEP);
    ratio[r] = one / two;
    ran += (fz_bench_process_seconds() - began) / (2 * two) / n;
  }
  double median = fz_bench_median(ratio, n);
  printf("     two threads over one, E-step of %d tiles, %s: %.2f (%.2f to %.2f)", s.n_tiles, engine->name, median,
         ratio[0], ratio[n - 1]);
  tell_disturbance(ran);
  fz_io_json row = fz_estep_row("threads", engine, &s);
  fz_io_json_i64(&row, "tiles", s.n_tiles);
  fz_io_json_f64(&row, "two_threads_over_one", median);
  fz_io_json_f64(&row, "ran_share", ran);
  fz_bench_report_add(&b->report, &row);
  fz_bench_scoring_close(&s);
  return FZ_OK;
}

static const char *const phase_name[FZ_PHASES] = {"load",    "products", "transforms", "epilogue",
                                                  "adjoint", "scatter",  "slices"};

static void tell_profile(fz_estep_bench *b, const fz_bench_engine *engine, const fz_bench_scoring *s, const char *job,
                         const fz_engine_profile *p, double seconds, double ran) {
  double rest = seconds, gflops = p->flops[FZ_PHASE_PRODUCTS] / p->seconds[FZ_PHASE_PRODUCTS] * 1e-9;
  double share = gflops / b->peak_gflops;
  fz_io_json row = fz_estep_row("profile", engine, s);
  fz_io_json_text(&row, "job", job);
  fz_io_json_f64(&row, "seconds", seconds);
  printf("     %-8s %-11s", engine->name, job);
  for (int i = 0; i < FZ_PHASES; i++) {
    char name[32];
    rest -= p->seconds[i];
    if (p->seconds[i] > 0) printf(" %s %.1f %%,", phase_name[i], 100 * p->seconds[i] / seconds);
    snprintf(name, sizeof name, "%s_share", phase_name[i]);
    fz_io_json_f64(&row, name, p->seconds[i] / seconds);
  }
  printf(" other %.1f %%; products %.1f Gflop/s = %.0f %% of SGEMM's", 100 * rest / seconds, gflops, 100 * share);
  tell_disturbance(ran);
  fz_io_json_f64(&row, "ran_share", ran);
  fz_io_json_f64(&row, "products_gflops", gflops);
  fz_io_json_f64(&row, "products_share_of_sgemm_peak", share);
  fz_io_json_f64(&row, "adjoint_gflops", p->flops[FZ_PHASE_ADJOINT] / p->seconds[FZ_PHASE_ADJOINT] * 1e-9);
  fz_bench_report_add(&b->report, &row);
}

/* The phases are timed on the wall clock, so the repetition that was disturbed least counts. */
static fz_status profile_job(fz_estep_bench *b, const fz_bench_engine *engine, fz_bench_scoring *s, fz_bench_job job) {
  fz_engine_profile best = {0};
  double least = INFINITY, ran = 0;
  for (int r = 0; r < b->repeats; r++) {
    *s->profile = (fz_engine_profile){0};
    fz_bench_scoring_reset(s);
    double began = fz_bench_wall_seconds(), thread_began = fz_bench_thread_seconds();
    fz_status st = fz_bench_scoring_tile(s, 0, 0, job);
    double seconds = fz_bench_wall_seconds() - began;
    if (st != FZ_OK) return st;
    if (seconds < least) {
      least = seconds;
      ran = (fz_bench_thread_seconds() - thread_began) / seconds;
      best = *s->profile;
    }
  }
  tell_profile(b, engine, s, job == FZ_BENCH_ESTEP ? "E-step" : "first sweep", &best, least, ran);
  return FZ_OK;
}

fz_status fz_estep_profile(fz_estep_bench *b, const fz_estep_plan *plan, fz_bench_image_set *set, fz_error *err) {
  fz_bench_scoring s;
  fz_status st = FZ_OK;
  for (int i = 0; i < 2 && st == FZ_OK; i++) {
    const fz_bench_engine *engine = fz_bench_engine_find(i ? "polar" : "direct");
    if (!fz_estep_wants(b->settings, engine)) continue;
    fz_stage_spec spec = fz_estep_spec(b->settings, plan->box, plan->kmax, fz_estep_nside(plan, engine), 1);
    st = fz_bench_scoring_open(set, &spec, engine, 1, true, &s, err);
    if (st != FZ_OK) return st;
    st = profile_job(b, engine, &s, FZ_BENCH_FIRST_SWEEP);
    if (st == FZ_OK) st = profile_job(b, engine, &s, FZ_BENCH_ESTEP);
    fz_bench_scoring_close(&s);
  }
  return st;
}
