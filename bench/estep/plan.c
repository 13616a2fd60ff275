#include <string.h>

#include "estep/bench.h"
#include "optim/schedule.h"

fz_estep_plan fz_estep_plan_for(int kmax) {
  fz_estep_plan p = {.kmax = kmax, .box = 64, .tile_size = 64, .n_tiles = 4, .repeats = 5, .nside_plain = 2};
  if (kmax > 24) p.box = fz_work_box(kmax + kmax / 4);
  if (kmax > 8) {
    p.n_tiles = 2;
    p.repeats = 3;
    p.nside_direct = 4;
  }
  if (kmax > 16) {
    p.repeats = 2;
    p.nside = 12;
    p.nside_direct = 2;
  }
  if (kmax > 32) {
    p.repeats = 1;
    p.nside = 6;
    p.nside_direct = p.nside_plain = 1;
  }
  return p;
}

fz_stage_spec fz_estep_spec(const fz_estep_settings *s, int box, int kmax, int nside, int threads) {
  fz_random r = fz_random_stream(1, FZ_PURPOSE_GRID_ROTATION, 0, (uint64_t)kmax);
  fz_stage_spec spec = {.turn = fz_rotation_random(&r), .n_classes = 1, .want = FZ_WANT_MOMENTS, .threads = threads};
  /* Shifts around each image's centre, as in all but the first passes of a run. */
  fz_sampling_options sampling = {.shift_range_px = 0.1 * box};
  fz_schedule_sampling(&sampling, box, kmax, true, &spec);
  if (nside) spec.directions = (fz_direction_grid){FZ_DIRECTIONS_HEALPIX, nside};
  if (s->nside) spec.directions = (fz_direction_grid){FZ_DIRECTIONS_HEALPIX, (int)s->nside};
  if (s->n_psi) spec.n_psi = (int)s->n_psi;
  if (s->shift_step_px > 0) spec.shift_step_px = s->shift_step_px;
  if (s->shift_range_px > 0) {
    spec.shift_radius_px = s->shift_range_px;
    spec.shift_sd_px = s->shift_range_px / 3;
  }
  return spec;
}

int fz_estep_wants(const fz_estep_settings *s, const fz_bench_engine *engine) {
  return !strcmp(s->engine, "all") || !strcmp(s->engine, engine->name);
}

int fz_estep_nside(const fz_estep_plan *plan, const fz_bench_engine *engine) {
  if (!strcmp(engine->name, "direct")) return plan->nside_direct;
  return strcmp(engine->name, "plain") ? plan->nside : plan->nside_plain;
}

const fz_bench_engine *fz_estep_reference(const fz_estep_plan *plan, const fz_bench_engine *engine, int *nside) {
  *nside = !strcmp(engine->name, "polar") ? plan->nside_direct : fz_estep_nside(plan, engine);
  if (!strcmp(engine->name, "direct")) return NULL;
  return fz_bench_engine_find(strcmp(engine->name, "adaptive") ? "direct" : "polar");
}

fz_io_json fz_estep_row(const char *what, const fz_bench_engine *engine, const fz_bench_scoring *scoring) {
  const fz_quadrature *q = &scoring->stage.quadrature;
  fz_io_json row;
  fz_io_json_begin(&row);
  fz_io_json_text(&row, "what", what);
  fz_io_json_i64(&row, "kmax", scoring->stage.spec.kmax);
  fz_io_json_text(&row, "engine", engine->name);
  fz_io_json_i64(&row, "directions", q->n_directions);
  fz_io_json_i64(&row, "in_plane", q->n_psi);
  fz_io_json_i64(&row, "shifts", q->n_shifts);
  return row;
}
