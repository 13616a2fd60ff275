#include "voxels/judge.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "metrics/align.h"
#include "metrics/fsc.h"
#include "model/resample.h"
#include "model/start.h"
#include "mpi/objective.h"

enum { START_SHELLS = 3, GRID = 999 /* of this quadrature's rotation, no start's */ };

struct fz_voxels_judge {
  fz_voxels *v;
  fz_mpi_objective *objective;
  const fz_objective *f;
  int m;
  double *w, *start; /* [m]^3 */
  int64_t *tile, *words;
  fz_image_state *state; /* [table->n] as the climb has left them */
};

static ptrdiff_t cube(int n) {
  return (ptrdiff_t)n * n * n;
}

static fz_status open_objective(fz_voxels_judge *judge, fz_error *err) {
  fz_voxels *v = judge->v;
  fz_dataset *data = &v->set.data;
  int kmax = fz_voxels_last_kmax(v);
  fz_random r = fz_random_stream((uint64_t)v->settings->seed, FZ_PURPOSE_GRID_ROTATION, GRID, (uint64_t)kmax);
  fz_stage_spec spec = {.engine = FZ_ENGINE_POLAR,
                        .turn = fz_rotation_random(&r),
                        .n_classes = 1,
                        .marginalization = FZ_MARGINALIZATION_ADAPTIVE,
                        .want = FZ_WANT_MOMENTS,
                        .threads = v->threads,
                        .cache_bytes = (int64_t)384 << 20};
  fz_schedule_sampling(&v->sampling, data->box, kmax, false, &spec);
  double *inverse = fz_alloc(kmax + 2, sizeof *inverse);
  if (!inverse) return fz_fail(err, FZ_ENOMEM, "no memory for a spectrum");
  for (int s = 0; s < kmax + 2; s++) inverse[s] = 1 / data->signal_tau2[s < data->n_shells ? s : data->n_shells - 1];
  fz_volume_prior prior = {.inverse_tau2 = inverse, .mask_radius_px = data->mask_radius_px};
  fz_status st = fz_mpi_objective_open(v->comm, data, &spec, &prior, &judge->objective, err);
  fz_free(&inverse);
  return st;
}

static fz_status make_start(fz_voxels_judge *judge) {
  const fz_dataset *data = &judge->v->set.data;
  const fz_stage *stage = fz_mpi_objective_stage(judge->objective);
  return fz_start_volume((uint64_t)judge->v->settings->seed, 0, 0, judge->m, START_SHELLS, data->signal_tau2,
                         stage->slice_scale, data->mask_radius_px * judge->m / data->box, judge->start);
}

fz_status fz_voxels_judge_open(fz_voxels *v, fz_voxels_judge **out, fz_error *err) {
  fz_voxels_judge *judge = *out = fz_alloc(1, sizeof *judge);
  if (!judge) return fz_fail(err, FZ_ENOMEM, "no memory");
  judge->v = v;
  fz_status st = open_objective(judge, err);
  if (st != FZ_OK) return st;
  judge->f = fz_mpi_objective_view(judge->objective);
  judge->m = fz_mpi_objective_stage(judge->objective)->m;
  judge->w = fz_alloc(judge->f->dim, sizeof *judge->w);
  judge->start = fz_alloc(judge->f->dim, sizeof *judge->start);
  judge->tile = fz_alloc(judge->f->n_tiles, sizeof *judge->tile);
  judge->words = fz_alloc(judge->f->n_words, sizeof *judge->words);
  judge->state = fz_alloc(v->set.data.table->n, sizeof *judge->state);
  st = judge->w && judge->start && judge->tile && judge->words && judge->state ? make_start(judge) : FZ_ENOMEM;
  if (st != FZ_OK) fz_fail(err, st, "no memory to judge maps of %d^3 voxels", judge->m);
  for (int64_t t = 0; st == FZ_OK && t < judge->f->n_tiles; t++) judge->tile[t] = t;
  return fz_mpi_agree(v->comm, st, err);
}

void fz_voxels_judge_close(fz_voxels_judge **judge) {
  if (!*judge) return;
  fz_mpi_objective_close(&(*judge)->objective);
  fz_free(&(*judge)->w);
  fz_free(&(*judge)->start);
  fz_free(&(*judge)->tile);
  fz_free(&(*judge)->words);
  fz_free(&(*judge)->state);
  fz_free(judge);
}

static fz_status score(fz_voxels_judge *judge, fz_voxels_point *point, fz_error *err) {
  fz_dataset *data = &judge->v->set.data;
  const fz_objective *f = judge->f;
  memcpy(judge->state, data->state, sizeof *data->state * (size_t)data->table->n);
  fz_status st = f->evaluate(f->self, judge->w, judge->tile, f->n_tiles, judge->words, err);
  memcpy(data->state, judge->state, sizeof *data->state * (size_t)data->table->n);
  if (st != FZ_OK) return st;
  point->nll = -f->gain(f->self, judge->words) / (double)f->n_images;
  point->f = point->nll + f->prior(f->self, judge->w);
  return FZ_OK;
}

static fz_status to_map(const fz_voxels_judge *judge, const double *from, int m, fz_map *map) {
  const fz_dataset *data = &judge->v->set.data;
  double *full = fz_alloc(cube(data->box), sizeof *full);
  *map = (fz_map){.n = data->box, .voxel_A = data->pixel_A, .voxel = fz_alloc(cube(data->box), sizeof(float))};
  fz_status st = full && map->voxel ? fz_resample(from, m, full, data->box) : FZ_ENOMEM;
  for (ptrdiff_t i = 0; st == FZ_OK && i < cube(data->box); i++) map->voxel[i] = (float)full[i];
  fz_free(&full);
  if (st != FZ_OK) fz_map_clear(map);
  return st;
}

fz_status fz_voxels_judge_truth(const fz_voxels_judge *judge, bool band_limited, fz_map *map, fz_error *err) {
  double *coarse = fz_alloc(cube(judge->m), sizeof *coarse);
  const double *truth = judge->v->set.map;
  int n = judge->v->set.data.box;
  fz_status st = coarse ? fz_resample(truth, n, coarse, judge->m) : FZ_ENOMEM;
  if (st == FZ_OK) st = band_limited ? to_map(judge, coarse, judge->m, map) : to_map(judge, truth, n, map);
  fz_free(&coarse);
  return st == FZ_OK ? FZ_OK : fz_fail(err, st, "no memory for the truth");
}

/* Maps have nothing beyond the last band limit, so nothing is to be won there. */
static fz_align_options align_options(const fz_voxels_judge *judge) {
  fz_align_options options = fz_align_default(judge->v->set.data.box);
  for (int i = 0; i < FZ_ALIGN_LEVELS; i++) options.shells[i] = fmin(options.shells[i], fz_voxels_last_kmax(judge->v));
  options.step_deg = 15;
  return options;
}

static fz_status compare(const fz_voxels_judge *judge, const double *w, int m, fz_voxels_point *point, fz_map *aligned,
                         fz_error *err) {
  fz_map map = {0}, truth = {0}, moved = {0};
  int n = judge->v->set.data.box;
  double *fsc = fz_alloc(fz_fsc_shells(n), sizeof *fsc);
  fz_align_result found;
  fz_align_options options = align_options(judge);
  fz_status st = fsc ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for a curve");
  if (st != FZ_OK) goto done;
  FZ_TRY(fz_voxels_judge_truth(judge, false, &truth, err));
  FZ_TRY(to_map(judge, w, m, &map));
  FZ_TRY(fz_align_find(&map, &truth, &options, &found, err));
  FZ_TRY(fz_resample_rigid(&map, &found.hand[found.best].motion, &moved, err));
  FZ_TRY(fz_fsc_compute(&moved, &truth, NULL, fsc, err));
  fz_fsc_crossing crossing = fz_fsc_cross(fsc, n, truth.voxel_A, 0.5);
  point->shell = crossing.shell;
  point->resolution_A = crossing.resolution_A;
  if (aligned) {
    fz_map_clear(aligned);
    *aligned = moved;
    moved = (fz_map){0};
  }
done:
  fz_map_clear(&map);
  fz_map_clear(&truth);
  fz_map_clear(&moved);
  fz_free(&fsc);
  return st;
}

fz_status fz_voxels_judge_map(fz_voxels_judge *judge, const double *w, int m, fz_voxels_point *point, fz_map *aligned,
                              fz_error *err) {
  fz_status st = fz_resample(w, m, judge->w, judge->m);
  if (st != FZ_OK) fz_fail(err, st, "no memory to resample a volume");
  FZ_TRY(fz_mpi_agree(judge->v->comm, st, err));
  FZ_TRY(score(judge, point, err));
  if (fz_mpi_rank(judge->v->comm) == 0) st = compare(judge, w, m, point, aligned, err);
  FZ_TRY(fz_mpi_agree(judge->v->comm, st, err));
  fz_mpi_broadcast(judge->v->comm, point, sizeof *point);
done:
  return st;
}

const double *fz_voxels_judge_start(const fz_voxels_judge *judge, int *m) {
  *m = judge->m;
  return judge->start;
}
