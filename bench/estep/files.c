#include <stdio.h>
#include <string.h>

#include "estep/bench.h"

static void tell(fz_estep_bench *b, const fz_bench_engine *engine, const fz_bench_scoring *s, double scoring,
                 double whole) {
  const fz_quadrature *q = &s->stage.quadrature;
  double poses = fz_bench_scoring_poses(s), n = (double)s->stage.data->n;
  printf("%4d %-8s %5d x %3d x %-4d %10.0f %6.0f %9.1f %9.1f %10.2f %10.2f\n", s->stage.spec.kmax, engine->name,
         q->n_directions, q->n_psi, q->n_shifts, poses, n, poses * n / scoring * 1e-6, poses * n / whole * 1e-6,
         1e3 * scoring / n, 1e3 * whole / n);
  fz_io_json row = fz_estep_row("files", engine, s);
  fz_io_json_f64(&row, "poses", poses);
  fz_io_json_i64(&row, "images", s->stage.data->n);
  fz_io_json_f64(&row, "first_sweep_scores_per_s", poses * n / scoring);
  fz_io_json_f64(&row, "estep_scores_per_s", poses * n / whole);
  fz_io_json_f64(&row, "first_sweep_ms_per_image", 1e3 * scoring / n);
  fz_io_json_f64(&row, "estep_ms_per_image", 1e3 * whole / n);
  fz_bench_report_add(&b->report, &row);
}

/* Seconds for all images, each read and prepared anew. */
static fz_status time_all(fz_bench_scoring *s, fz_bench_job job, double *seconds, fz_error *err) {
  fz_bench_scoring_reset(s);
  double began = fz_bench_thread_seconds();
  for (int64_t t = 0; t < s->stage.data->n_tiles; t++) {
    fz_status st = fz_stage_fill_tile(&s->stage, 0, t, &s->tile[0], err);
    if (st == FZ_OK) st = fz_bench_scoring_tile(s, 0, 0, job);
    if (st != FZ_OK) return st;
  }
  *seconds = fz_bench_thread_seconds() - began;
  return FZ_OK;
}

fz_status fz_estep_files(fz_estep_bench *b, int kmax, fz_error *err) {
  enum { TILE = 64 };
  fz_bench_image_set set;
  fz_bench_scoring s;
  b->repeats = b->settings->repeats ? (int)b->settings->repeats : 3;
  fz_status st = fz_bench_image_set_read(b->comm, b->settings->particles, b->settings->map, TILE, &set, err);
  if (st != FZ_OK) return st;
  printf("%4s %-8s %5s x %3s x %-4s %10s %6s %9s %9s %10s %10s\n", "kmax", "engine", "dir", "psi", "shift", "poses",
         "images", "sweep", "E-step", "sweep", "E-step");
  printf("%43s %6s %19s %21s\n", "", "", "million scores/s", "ms per image");
  for (int i = 0; fz_bench_engine_at(i) && st == FZ_OK; i++) {
    const fz_bench_engine *engine = fz_bench_engine_at(i);
    double scoring[FZ_BENCH_REPEATS_MOST], whole[FZ_BENCH_REPEATS_MOST];
    int n = b->repeats;
    if (!fz_estep_wants(b->settings, engine) || !strcmp(engine->name, "plain")) continue;
    fz_stage_spec spec = fz_estep_spec(b->settings, set.data.box, kmax, 0, 1);
    st = fz_bench_scoring_open(&set, &spec, engine, 1, false, &s, err);
    if (st != FZ_OK) break;
    st = time_all(&s, FZ_BENCH_FIRST_SWEEP, scoring, err); /* the files come into memory */
    for (int r = 0; r < n && st == FZ_OK; r++) {
      st = time_all(&s, FZ_BENCH_FIRST_SWEEP, &scoring[r], err);
      if (st == FZ_OK) st = time_all(&s, FZ_BENCH_ESTEP, &whole[r], err);
    }
    if (st == FZ_OK) tell(b, engine, &s, fz_bench_median(scoring, n), fz_bench_median(whole, n));
    fz_bench_scoring_close(&s);
  }
  fz_bench_image_set_clear(&set);
  return st;
}
