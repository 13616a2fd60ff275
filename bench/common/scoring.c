#include "common/scoring.h"

#include <omp.h>
#include <string.h>

#include "common/machine.h"
#include "common/plain.h"
#include "core/memory.h"
#include "model/resample.h"

static const fz_bench_engine engines[] = {
    {"direct", FZ_ENGINE_DIRECT, FZ_MARGINALIZATION_EXHAUSTIVE, fz_engine_direct_f32},
    {"plain", FZ_ENGINE_DIRECT, FZ_MARGINALIZATION_EXHAUSTIVE, fz_bench_plain_create},
    {"polar", FZ_ENGINE_POLAR, FZ_MARGINALIZATION_EXHAUSTIVE, fz_engine_polar_f32},
    {"adaptive", FZ_ENGINE_POLAR, FZ_MARGINALIZATION_ADAPTIVE, fz_engine_polar_f32}};

const fz_bench_engine *fz_bench_engine_at(int i) {
  return i >= 0 && i < (int)(sizeof engines / sizeof engines[0]) ? &engines[i] : NULL;
}

const fz_bench_engine *fz_bench_engine_find(const char *name) {
  for (int i = 0; fz_bench_engine_at(i); i++)
    if (!strcmp(name, engines[i].name)) return &engines[i];
  return NULL;
}

/* The stage opens with an engine of its own, which keeps no slices; the one under test keeps them all. */
static fz_status exchange_engine(fz_bench_scoring *s, const fz_bench_engine *engine) {
  fz_engine_setup setup = fz_stage_engine_setup(&s->stage);
  setup.cache_bytes = (int64_t)1 << 40;
  setup.profile = s->profile;
  s->stage.engine.destroy(&s->stage.engine);
  return engine->create(&setup, &s->stage.engine);
}

static fz_status set_map(const fz_bench_image_set *set, fz_bench_scoring *s) {
  ptrdiff_t m = s->stage.m;
  double *voxel = fz_alloc(m * m * m, sizeof *voxel), prior = 1;
  const double *volume = voxel;
  fz_status st = voxel ? fz_resample(set->map, set->data.box, voxel, (int)m) : FZ_ENOMEM;
  if (st == FZ_OK)
    st = s->stage.engine.set_volumes(s->stage.engine.self, &volume, &prior, 0, s->stage.engine.n_pose_blocks);
  fz_free(&voxel);
  return st;
}

static fz_status fill_tiles(fz_bench_scoring *s, int n_tiles, fz_error *err) {
  const fz_dataset *data = s->stage.data;
  s->n_tiles = n_tiles < data->n_tiles ? n_tiles : (int)data->n_tiles;
  s->tile = fz_alloc(s->n_tiles, sizeof *s->tile);
  s->posterior = fz_alloc((ptrdiff_t)s->n_tiles * FZ_TILE_MOST, sizeof *s->posterior);
  s->words = fz_alloc(s->stage.layout.total, sizeof *s->words);
  if (!s->tile || !s->posterior || !s->words) return FZ_ENOMEM;
  fz_status st = FZ_OK;
  for (int t = 0; t < s->n_tiles && st == FZ_OK; t++) {
    st = fz_tile_init(&s->tile[t], data->tile_size, &s->stage.frequencies, s->stage.engine.rings);
    if (st == FZ_OK) st = fz_stage_fill_tile(&s->stage, 0, t, &s->tile[t], err);
  }
  return st;
}

fz_status fz_bench_scoring_open(fz_bench_image_set *set, const fz_stage_spec *spec, const fz_bench_engine *engine,
                                int n_tiles, bool profiled, fz_bench_scoring *s, fz_error *err) {
  *s = (fz_bench_scoring){0};
  fz_stage_spec with = *spec;
  with.engine = engine->kind;
  with.marginalization = engine->marginalization;
  fz_status st = fz_stage_open(&s->stage, &set->data, &with, err);
  if (st != FZ_OK) return st;
  if (profiled && !(s->profile = fz_alloc(spec->threads, sizeof *s->profile))) st = FZ_ENOMEM;
  if (st == FZ_OK) st = exchange_engine(s, engine);
  if (st == FZ_OK) st = set_map(set, s);
  if (st == FZ_OK) st = fill_tiles(s, n_tiles, err);
  if (st == FZ_OK) return FZ_OK;
  fz_bench_scoring_close(s);
  return fz_fail(err, st, "the %s engine cannot be opened at kmax %d: %s", engine->name, spec->kmax,
                 fz_status_name(st));
}

void fz_bench_scoring_close(fz_bench_scoring *s) {
  for (int t = 0; s->tile && t < s->n_tiles; t++) fz_tile_clear(&s->tile[t]);
  fz_free(&s->tile);
  fz_free(&s->posterior);
  fz_free(&s->words);
  fz_stage_close(&s->stage);
  fz_free(&s->profile);
}

double fz_bench_scoring_poses(const fz_bench_scoring *s) {
  const fz_quadrature *q = &s->stage.quadrature;
  return (double)q->n_directions * q->n_psi * q->n_shifts;
}

double fz_bench_scoring_captured(const fz_bench_scoring *s, int thread, int tile) {
  const fz_engine *e = &s->stage.engine;
  const double *captured = e->captured ? e->captured(e->self, thread) : NULL;
  double sum = 0;
  for (int i = 0; i < s->tile[tile].n; i++) sum += captured ? captured[i] : 1;
  return sum / s->tile[tile].n;
}

bool fz_bench_scoring_has_estep(const fz_bench_scoring *s) {
  return s->stage.engine.moments != NULL;
}

static fz_status first_sweep(const fz_engine *e, int thread, const fz_tile *tile, fz_image_posterior *posterior) {
  fz_pose_total total[FZ_POSE_BLOCKS_MOST * FZ_TILE_MOST];
  double gain[FZ_TILE_MOST];
  e->load(e->self, thread, tile);
  for (int b = 0; b < e->n_pose_blocks; b++) e->totals(e->self, thread, tile, b, total + b * tile->n);
  fz_status st = fz_marginal_gains(e, total, tile->n, gain);
  for (int i = 0; i < tile->n; i++) posterior[i].gain = gain[i];
  return st;
}

void fz_bench_scoring_reset(fz_bench_scoring *s) {
  const fz_engine *engine = &s->stage.engine;
  memset(s->words, 0, sizeof *s->words * (size_t)s->stage.layout.total);
  if (engine->n_held) memset(engine->held, 0, sizeof *engine->held * (size_t)engine->n_held);
}

fz_status fz_bench_scoring_tile(fz_bench_scoring *s, int thread, int tile, fz_bench_job job) {
  fz_image_posterior *posterior = s->posterior + (ptrdiff_t)tile * FZ_TILE_MOST;
  if (job == FZ_BENCH_FIRST_SWEEP) return first_sweep(&s->stage.engine, thread, &s->tile[tile], posterior);
  return fz_marginal_tile(&s->stage.engine, thread, &s->tile[tile], &s->stage.layout, s->words, posterior);
}

double fz_bench_scoring_all(fz_bench_scoring *s, int threads, fz_bench_job job) {
  const fz_engine *engine = &s->stage.engine;
  int failures = 0;
  fz_bench_scoring_reset(s);
  double began = fz_bench_wall_seconds();
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) reduction(+ : failures)
  for (int t = 0; t < s->n_tiles; t++) failures += fz_bench_scoring_tile(s, omp_get_thread_num(), t, job) != FZ_OK;
  if (job == FZ_BENCH_FIRST_SWEEP || failures || !engine->n_held) return failures ? 0 : fz_bench_wall_seconds() - began;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int b = 0; b < engine->n_pose_blocks; b++) fz_stage_release(&s->stage, omp_get_thread_num(), b, s->words);
  return fz_bench_wall_seconds() - began;
}
