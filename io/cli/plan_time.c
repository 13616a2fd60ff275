#include "io/cli/plan_time.h"

#include <math.h>

#include "mpi/grid.h"

/* Of a sum over ranks on one node: each word is read and written by several. */
static const double COPIES = 4, LATENCY = 3e-5;
/* Where ranks share cores, those who wait take turns with those who work: per evaluation, for each rank too many. */
static const double TURNS = 0.015;
static const double RECORD = sizeof(fz_image_state) + sizeof(int64_t);

static double evaluations_of(const fz_run_settings *s, const fz_dataset *data, const fz_run_place *place) {
  if (place->phase == FZ_RUN_COMPARE) return 1;
  if (place->phase == FZ_RUN_REFINE) return 2;
  if (place->phase != FZ_RUN_CLIMB || !(s->kind->takes & FZ_TAKES_BATCH)) return 1;
  int64_t batch = s->optimizer.batch_images ? s->optimizer.batch_images : s->schedule.ladder[place->rung].batch_images;
  return fmax(1, floor((double)data->n / (double)batch + 0.5));
}

/* How many times slower a rank is that has `threads` busy threads while its neighbours have, too. */
static double crowding(const fz_plan_layout *l, int threads) {
  return fmax(1, (double)l->ranks_per_node * threads / l->cores_per_node);
}

/* One evaluation's tiles, shared as mpi/grid.h does. */
static double time_tiles(const fz_plan_layout *l, const fz_plan_rates *rates, double tiles, double tile) {
  int64_t whole = (int64_t)fmax(1, ceil(tiles - 1e-9));
  int blocks = rates->n_blocks > 0 ? rates->n_blocks : 1;
  int rows = fz_mpi_grid_rows(l->ranks, l->threads, whole, blocks);
  double queue = (double)fz_mpi_grid_time(l->ranks, l->threads, whole, blocks, rows) / blocks * tile;
  double workers = fmin((double)l->ranks * l->threads, (double)l->nodes * l->cores_per_node);
  return fmax(queue, tiles * tile / workers);
}

static double time_sum(const fz_plan_layout *l, const fz_plan_rehearsal *r, double bytes) {
  if (l->ranks == 1) return 0;
  double memory = COPIES * bytes * l->ranks_per_node / fmin(l->ranks_per_node, l->cores_per_node) / r->sum_bytes;
  double network = l->nodes > 1 ? 2 * bytes / l->network_bytes : 0;
  double turns = TURNS * (crowding(l, l->threads) - 1);
  return memory + network + turns + LATENCY * ceil(log2(l->ranks));
}

static void time_place(const fz_run_settings *s, const fz_dataset *data, const fz_plan_rehearsal *r,
                       const fz_plan_rates *rates, const fz_plan_layout *l, fz_plan_place *out) {
  double evaluations = evaluations_of(s, data, &rates->place), tiles = (double)data->n_tiles / evaluations;
  double tile = rates->image * (double)data->n / (double)data->n_tiles;
  double images = evaluations * time_tiles(l, rates, tiles, tile);
  double alone = rates->evaluation * crowding(l, r->threads) + rates->update * crowding(l, 1);
  double sums = time_sum(l, r, (double)rates->reduced_bytes + RECORD * (double)data->n / evaluations);
  *out = (fz_plan_place){.place = rates->place, .measured = rates->measured, .passes = rates->place.passes};
  bool polish = rates->place.phase == FZ_RUN_POLISH;
  /* A refinement pass opens a stage for each half-set, a start one for each band limit. */
  double opened = rates->place.phase == FZ_RUN_REFINE ? 2 : 1 / fmax(1, out->passes / s->starts);
  double once = polish ? 0 : rates->open * crowding(l, 1) * opened;
  out->seconds = images + (polish ? 0 : evaluations * (alone + sums)) + once;
  out->share = out->seconds > 0 ? images / out->seconds : 0;
  out->bytes = (int64_t)(evaluations * (double)rates->reduced_bytes) + (int64_t)RECORD * data->n;
}

void fz_plan_time_make(const fz_run_settings *s, const fz_dataset *data, const fz_plan_rehearsal *r,
                       const fz_plan_layout *l, fz_plan_time *out) {
  *out = (fz_plan_time){.n = r->n};
  double workers = fmin((double)l->ranks * l->threads, (double)l->nodes * l->cores_per_node);
  out->scan = r->scan_image * (double)data->n / workers;
  out->run = out->scan;
  for (int i = 0; i < r->n; i++) {
    time_place(s, data, r, &r->rates[i], l, &out->place[i]);
    out->run += out->place[i].passes * out->place[i].seconds;
  }
}
