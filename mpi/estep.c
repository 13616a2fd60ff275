#include "mpi/estep.h"

#include <omp.h>
#include <string.h>

#include "core/memory.h"
#include "core/progress.h"
#include "estep/marginal.h"
#include "mpi/fault.h"
#include "mpi/grid.h"
#include "mpi/reduce.h"
#include "mpi/tickets.h"

struct fz_mpi_estep {
  fz_mpi *comm;
  fz_stage *stage;
  fz_mpi_grid *grid;
  fz_mpi_tickets *tickets;
  fz_pose_total *total; /* [pose blocks][tiles of the round][tile_size] */
  fz_pose_part *part;   /* the same */
  double *gain;         /* [tiles of the round][tile_size] */
  double *block_gain;   /* [pose blocks][tiles of the round][tile_size] */
  fz_mpi_pause pause;
  fz_mpi_journal *journal; /* NULL: what is stopped is given up */
};

/* The particles whose states this rank has set, with those they had before. */
typedef struct progress {
  int64_t n, *particle;
  fz_image_state *before;
  fz_pose_memory *memory_before; /* NULL when none is kept */
} progress;

static void remember(progress *done, const fz_dataset *data, int64_t tile) {
  for (int64_t i = data->tile_first[tile]; i < data->tile_first[tile + 1]; i++) {
    done->before[done->n] = data->state[data->particle[i]];
    if (done->memory_before) done->memory_before[done->n] = data->memory[data->particle[i]];
    done->particle[done->n++] = data->particle[i];
  }
}

/* An evaluation that is given up leaves no trace: each rank has scored other images. */
static void take_back(const progress *done, fz_dataset *data) {
  for (int64_t i = 0; i < done->n; i++) {
    data->state[done->particle[i]] = done->before[i];
    if (done->memory_before) data->memory[done->particle[i]] = done->memory_before[i];
  }
}

static bool sampled(const fz_stage *stage) {
  return stage->spec.engine == FZ_ENGINE_IMPORTANCE;
}

static int64_t tile_images(const fz_dataset *data, int64_t tile) {
  return data->tile_first[tile + 1] - data->tile_first[tile];
}

/* ---- one round of a row: each of its ranks takes its pose blocks of the same few tiles ---- */

typedef struct round {
  fz_mpi_row row;
  int tiles;
  const int64_t *tile;
} round;

/* What one thread does: pose blocks of one tile.  Threads beyond the tiles of the round help with them. */
typedef struct deal {
  int lane, first_block, end_block;
} deal;

static deal deal_out(const round *r, int thread, int threads) {
  int lane = thread % r->tiles, share = thread / r->tiles, shares = threads / r->tiles + (lane < threads % r->tiles);
  int n = r->row.n_blocks; /* rounded up, so that a tile's first thread never goes empty */
  return (deal){.lane = lane,
                .first_block = r->row.first_block + (n * share + shares - 1) / shares,
                .end_block = r->row.first_block + (n * (share + 1) + shares - 1) / shares};
}

static ptrdiff_t place(const fz_mpi_estep *e, const round *r, int block, int lane) {
  return ((ptrdiff_t)block * r->tiles + lane) * e->stage->data->tile_size;
}

static fz_status find_totals(fz_mpi_estep *e, const round *r, fz_error *err) {
  int threads = e->stage->spec.threads, tile_size = e->stage->data->tile_size;
  fz_status st = FZ_OK;
#pragma omp parallel for schedule(static, 1) num_threads(threads)
  for (int t = 0; t < threads; t++) {
    deal d = deal_out(r, t, threads);
    if (d.first_block == d.end_block) continue;
    fz_error mine = {0};
    fz_status s = fz_stage_load(e->stage, t, r->tile[d.lane], &mine);
    if (s == FZ_OK && fz_mpi_fault(e->comm, "tile")) s = fz_fail(&mine, FZ_EIO, "a tile cannot be read");
    for (int b = d.first_block; b < d.end_block; b++) {
      fz_pose_total *total = e->total + place(e, r, b, d.lane);
      if (s == FZ_OK) fz_stage_totals(e->stage, t, b, total);
      /* The others must see nothing odd in a block that is missing: this failure is to be told, not what follows. */
      for (int i = 0; s != FZ_OK && i < tile_size; i++) total[i] = (fz_pose_total){.sum = 1};
    }
#pragma omp critical(fz_estep_error)
    if (s != FZ_OK && st == FZ_OK) {
      st = s;
      if (err) *err = mine;
    }
  }
  return st;
}

/* Every rank of the row works out all gains, from the same bits. */
static fz_status find_gains(fz_mpi_estep *e, const round *r, fz_error *err) {
  int blocks = e->stage->engine.n_pose_blocks;
  for (int lane = 0; lane < r->tiles; lane++) {
    fz_pose_total total[FZ_POSE_BLOCKS_MOST * FZ_TILE_MOST];
    int n = (int)tile_images(e->stage->data, r->tile[lane]);
    for (int b = 0; b < blocks; b++)
      memcpy(total + (ptrdiff_t)b * n, e->total + place(e, r, b, lane), sizeof *total * (size_t)n);
    double *gain = e->gain + place(e, r, 0, lane);
    fz_status st = fz_marginal_gains(&e->stage->engine, total, n, gain);
    if (st != FZ_OK)
      return fz_fail(
          err, st,
          "no pose of the map comes near the images of tile %lld: it has diverged, or its grey scale is not theirs",
          (long long)r->tile[lane]);
    for (int b = 0; b < blocks; b++)
      fz_marginal_block_gains(&e->stage->engine, total, n, gain, b, e->block_gain + place(e, r, b, lane));
  }
  return FZ_OK;
}

static void find_moments(fz_mpi_estep *e, const round *r, int64_t *words) {
  int threads = e->stage->spec.threads;
#pragma omp parallel for schedule(static, 1) num_threads(threads)
  for (int t = 0; t < threads; t++) {
    deal d = deal_out(r, t, threads);
    for (int b = d.first_block; b < d.end_block; b++)
      fz_stage_moments(e->stage, t, b, e->block_gain + place(e, r, b, d.lane), words, e->part + place(e, r, b, d.lane));
  }
}

/* One rank of the row sets the states; thread number `lane` has the tile loaded. */
static void record(fz_mpi_estep *e, const round *r, int64_t *words, progress *done) {
  int blocks = e->stage->engine.n_pose_blocks;
  for (int lane = 0; lane < r->tiles; lane++) {
    fz_pose_part part[FZ_POSE_BLOCKS_MOST * FZ_TILE_MOST];
    int n = (int)tile_images(e->stage->data, r->tile[lane]);
    for (int b = 0; b < blocks; b++)
      memcpy(part + (ptrdiff_t)b * n, e->part + place(e, r, b, lane), sizeof *part * (size_t)n);
    remember(done, e->stage->data, r->tile[lane]);
    fz_stage_record(e->stage, lane, r->tile[lane], e->gain + place(e, r, 0, lane), part, words);
  }
}

static fz_status work_round(fz_mpi_estep *e, const round *r, int64_t *words, progress *done, fz_error *err) {
  int blocks = e->stage->engine.n_pose_blocks;
  size_t images = (size_t)r->tiles * (size_t)e->stage->data->tile_size;
  fz_status st = find_totals(e, r, err);
  fz_mpi_row_share(&r->row, e->total, sizeof *e->total * images, blocks);
  if (st == FZ_OK) st = find_gains(e, r, err);
  st = fz_mpi_agree(r->row.comm, st, err);
  if (st != FZ_OK) return st;
  find_moments(e, r, words);
  fz_mpi_row_collect(&r->row, e->part, sizeof *e->part * images, blocks);
  if (fz_mpi_rank(r->row.comm) == 0) record(e, r, words, done);
  return FZ_OK;
}

/* ---- a batch ---- */

typedef struct grant {
  int64_t first;
  int tiles;
} grant;

/* The row's first rank draws for all. */
static grant draw(fz_mpi_estep *e, const fz_mpi_row *row) {
  grant g = {0};
  if (fz_mpi_rank(row->comm) == 0) g.tiles = fz_mpi_tickets_take_many(e->tickets, row->lanes, &g.first);
  fz_mpi_broadcast(row->comm, &g, sizeof g);
  return g;
}

static void read_ahead(const fz_dataset *data, int64_t tile) {
  if (!data->images.prefetch) return;
  data->images.prefetch(data->images.self, data->particle + data->tile_first[tile], (int)tile_images(data, tile));
}

/* Work through tickets.  A stop closes the counter: whoever draws next, in any row, finds it empty. */
static fz_status work(fz_mpi_estep *e, const fz_mpi_row *row, const int64_t *tile, int64_t n, int64_t *words,
                      progress *done, bool *stopped, fz_error *err) {
  for (grant g; (g = draw(e, row)).tiles > 0;) {
    round r = {.row = *row, .tiles = g.tiles, .tile = tile + g.first};
    fz_status st = work_round(e, &r, words, done, err);
    if (fz_mpi_pause_ask(&e->pause) != FZ_GO_ON) *stopped = true;
    if (st != FZ_OK || *stopped) fz_mpi_tickets_close(e->tickets);
    if (st != FZ_OK) return st;
    if (g.first + g.tiles < n) read_ahead(e->stage->data, tile[g.first + g.tiles]);
  }
  return FZ_OK;
}

/* What the engine has held back, of all ranks together: each puts its share of the pose blocks in place. */
static void release_held(fz_mpi_estep *e, int64_t *words) {
  const fz_engine *engine = &e->stage->engine;
  ptrdiff_t first, count;
  if (!engine->n_held) return;
  fz_mpi_sum_i64(e->comm, engine->held, engine->n_held);
  fz_mpi_slice(e->comm, engine->n_pose_blocks, &first, &count);
#pragma omp parallel for schedule(dynamic, 1) num_threads(e->stage->spec.threads)
  for (ptrdiff_t b = first; b < first + count; b++) fz_stage_release(e->stage, omp_get_thread_num(), (int)b, words);
}

/* ---- an evaluation, begun or taken up again ---- */

static int64_t begin(fz_mpi_estep *e, int64_t *words) {
  const fz_engine *engine = &e->stage->engine;
  ptrdiff_t n = e->stage->layout.total;
  if (e->journal) return fz_mpi_journal_begin(e->journal, words, n, engine->held, engine->n_held);
  memset(words, 0, sizeof *words * (size_t)n);
  if (engine->n_held) memset(engine->held, 0, sizeof *words * (size_t)engine->n_held);
  return 0;
}

/* The states that this rank has set, to all. */
static fz_status merge(fz_mpi_estep *e, const progress *done, fz_error *err) {
  fz_dataset *data = e->stage->data;
  int64_t n = data->table->n;
  fz_status st = fz_mpi_merge_records(e->comm, data->state, sizeof *data->state, n, done->particle, done->n, err);
  if (st == FZ_OK && sampled(e->stage))
    st = fz_mpi_merge_records(e->comm, data->memory, sizeof *data->memory, n, done->particle, done->n, err);
  return st;
}

/* Stopped: what was done stays, the first tiles of the list. */
static fz_status leave(fz_mpi_estep *e, int64_t before, const int64_t *words, const progress *done, fz_error *err) {
  const fz_engine *engine = &e->stage->engine;
  int64_t tiles = before + fz_mpi_tickets_granted(e->tickets);
  fz_status st = merge(e, done, err);
  if (st == FZ_OK)
    st = fz_mpi_journal_leave(e->journal, tiles, words, e->stage->layout.total, engine->held, engine->n_held, err);
  return st == FZ_OK ? FZ_ESTOPPED : st;
}

static fz_status finish(fz_mpi_estep *e, int64_t *words, const progress *done, fz_error *err) {
  release_held(e, words);
  fz_mpi_sum_i64(e->comm, words, e->stage->layout.total);
  fz_status st = merge(e, done, err);
  if (st != FZ_OK) return st;
  fz_stage_learn(e->stage, words);
  return e->journal ? fz_mpi_journal_complete(e->journal, words, e->stage->layout.total, err) : FZ_OK;
}

static fz_status make_progress(const fz_mpi_estep *e, const int64_t *tile, int64_t n, progress *done) {
  int64_t images = 0;
  for (int64_t t = 0; t < n; t++) images += tile_images(e->stage->data, tile[t]);
  *done = (progress){.particle = fz_alloc(images, sizeof *done->particle),
                     .before = fz_alloc(images, sizeof *done->before)};
  if (sampled(e->stage)) done->memory_before = fz_alloc(images, sizeof *done->memory_before);
  return done->particle && done->before && sampled(e->stage) == (done->memory_before != NULL) ? FZ_OK : FZ_ENOMEM;
}

fz_status fz_mpi_estep_run(fz_mpi_estep *e, const double *const *volume, const double *class_prior, const int64_t *tile,
                           int64_t n, int64_t *words, fz_error *err) {
  fz_stage *stage = e->stage;
  bool stopped = false, known = false;
  progress done = {0};
  fz_status st = e->journal ? fz_mpi_journal_recall(e->journal, words, stage->layout.total, &known, err) : FZ_OK;
  if (st != FZ_OK || known) return st;
  int64_t before = begin(e, words);
  tile += before;
  n -= before;
  fz_mpi_row row = fz_mpi_grid_arrange(e->grid, n, stage->engine.n_pose_blocks);
  st = make_progress(e, tile, n, &done);
  if (st == FZ_OK)
    st = stage->engine.set_volumes(stage->engine.self, volume, class_prior, row.first_block, row.n_blocks);
  if (st != FZ_OK) fz_fail(err, st, "no memory for an E-step of %lld tiles", (long long)n);
  FZ_TRY(fz_mpi_agree(e->comm, st, err));
  fz_progress_at(FZ_AT_SCORE);
  fz_mpi_tickets_open(e->tickets, n);
  st = work(e, &row, tile, n, words, &done, &stopped, err);
  if (st == FZ_OK && stopped) st = fz_fail(err, FZ_ESTOPPED, "stopped on request");
  st = fz_mpi_agree(e->comm, st, err);
  if (st == FZ_ESTOPPED && e->journal) {
    st = leave(e, before, words, &done, err);
    goto done;
  }
  if (st != FZ_OK) {
    take_back(&done, stage->data);
    goto done;
  }
  fz_progress_at(FZ_AT_SUM);
  st = finish(e, words, &done, err);
done:
  fz_free(&done.particle);
  fz_free(&done.before);
  fz_free(&done.memory_before);
  return st;
}

fz_status fz_mpi_estep_create(fz_mpi *comm, fz_stage *stage, fz_mpi_estep **out, fz_error *err) {
  fz_mpi_estep *e = *out = fz_alloc(1, sizeof *e);
  ptrdiff_t images = (ptrdiff_t)stage->spec.threads * stage->data->tile_size, blocks = stage->engine.n_pose_blocks;
  if (e) {
    e->comm = comm;
    e->stage = stage;
    e->total = fz_alloc(blocks * images, sizeof *e->total);
    e->part = fz_alloc(blocks * images, sizeof *e->part);
    e->gain = fz_alloc(images, sizeof *e->gain);
    e->block_gain = fz_alloc(blocks * images, sizeof *e->block_gain);
  }
  fz_status st =
      e && e->total && e->part && e->gain && e->block_gain ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for an E-step");
  st = fz_mpi_agree(comm, st, err);
  if (st != FZ_OK) {
    fz_mpi_estep_destroy(out);
    return st;
  }
  e->grid = fz_mpi_grid_create(comm, stage->spec.threads);
  e->tickets = fz_mpi_tickets_create(comm);
  return FZ_OK;
}

void fz_mpi_estep_destroy(fz_mpi_estep **e) {
  if (!*e) return;
  fz_mpi_tickets_destroy(&(*e)->tickets);
  fz_mpi_grid_destroy(&(*e)->grid);
  fz_free(&(*e)->total);
  fz_free(&(*e)->part);
  fz_free(&(*e)->gain);
  fz_free(&(*e)->block_gain);
  fz_free(e);
}

void fz_mpi_estep_set_pose_blocks(fz_mpi_estep *e, int ranks) {
  fz_mpi_grid_set_columns(e->grid, ranks);
}

void fz_mpi_estep_on_round(fz_mpi_estep *e, fz_mpi_pause pause, fz_mpi_journal *journal) {
  e->pause = pause;
  e->journal = journal;
}

bool fz_mpi_estep_stop_heard(fz_mpi_estep *e) {
  if (fz_mpi_pause_ask(&e->pause) != FZ_STOP) return fz_mpi_tickets_called_off(e->tickets);
  fz_mpi_tickets_call_off(e->tickets);
  return true;
}
