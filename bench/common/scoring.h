/* An E-step to be timed: a stage on a set of images, its tiles filled, with the engine under test in place of its own.
 */
#ifndef FZ_BENCH_SCORING_H
#define FZ_BENCH_SCORING_H
#include "common/image_set.h"
#include "estep/marginal.h"
#include "estep/stage.h"

typedef struct fz_bench_engine {
  const char *name;
  fz_engine_kind kind; /* of the stage that it runs in, as is the next */
  fz_marginalization marginalization;
  fz_status (*create)(const fz_engine_setup *setup, fz_engine *engine);
} fz_bench_engine;

/** The ways of scoring there are: direct, plain (common/plain.h; no second sweep), polar, and adaptive, which is the
 * polar engine after a search that rules poses out; NULL past the last. */
const fz_bench_engine *fz_bench_engine_at(int i);
/** NULL when there is none of this name. */
const fz_bench_engine *fz_bench_engine_find(const char *name);

typedef struct fz_bench_scoring {
  fz_stage stage;
  int n_tiles;
  fz_tile *tile;                 /* [n_tiles], filled */
  int64_t *words;                /* statistics */
  fz_image_posterior *posterior; /* [n_tiles][FZ_TILE_MOST], of the last E-step; after a first sweep, gains only */
  fz_engine_profile *profile;    /* [threads], or NULL */
} fz_bench_scoring;

/** The set's map seen by `engine` at the spec's quadrature; its first tiles, at most `n_tiles` of them, made ready.
 *  The set must outlive it.  owns the caller: fz_bench_scoring_close.  calls local */
fz_status fz_bench_scoring_open(fz_bench_image_set *set, const fz_stage_spec *spec, const fz_bench_engine *engine,
                                int n_tiles, bool profiled, fz_bench_scoring *scoring, fz_error *err);
void fz_bench_scoring_close(fz_bench_scoring *scoring);

/** Poses of one image. */
double fz_bench_scoring_poses(const fz_bench_scoring *scoring);

/** The engine can do a whole E-step. */
bool fz_bench_scoring_has_estep(const fz_bench_scoring *scoring);

/** Mean over the images of the tile that `thread` did last of the share of the posterior that was looked at; 1 when all
 * of it was. */
double fz_bench_scoring_captured(const fz_bench_scoring *scoring, int thread, int tile);

/** What there is to time.  The first sweep scores every pose, norm term, maximum and sum of exponentials included; the
 *  E-step is that and the second sweep: posterior weights and statistics. */
typedef enum fz_bench_job { FZ_BENCH_FIRST_SWEEP, FZ_BENCH_ESTEP } fz_bench_job;

/** Forget the statistics so far: sums have room for each image once. */
void fz_bench_scoring_reset(fz_bench_scoring *scoring);
/** Do the job for one tile as thread `thread` of the stage.  fails FZ_EDIVERGED */
fz_status fz_bench_scoring_tile(fz_bench_scoring *scoring, int thread, int tile, fz_bench_job job);
/** Reset, and do it for all tiles with so many threads; returns seconds on the wall, 0 after a failure. */
double fz_bench_scoring_all(fz_bench_scoring *scoring, int threads, fz_bench_job job);

#endif
