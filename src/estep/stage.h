/* A stage: band limit, quadrature and engine fixed; turns tiles into statistics. Local: one rank's share of the work.
 */
#ifndef FZ_ESTEP_STAGE_H
#define FZ_ESTEP_STAGE_H
#include "estep/coarse.h"
#include "estep/dataset.h"
#include "estep/engine.h"

/* What becomes of the poses of an image. */
typedef enum fz_marginalization {
  FZ_MARGINALIZATION_EXHAUSTIVE, /* every point of the quadrature counts by its posterior */
  FZ_MARGINALIZATION_ADAPTIVE,   /* those points that coarser levels do not rule out; polar engine */
  FZ_MARGINALIZATION_BOUNDED,    /* those points that are not proved to hold nothing; polar engine */
  FZ_MARGINALIZATION_MODAL,      /* every point is scored, the best one counts alone */
  FZ_MARGINALIZATION_IMPORTANCE  /* points drawn where the image's last posterior lay */
} fz_marginalization;

/* Importance sampling has an engine of its own, which needs data->memory. */
typedef enum fz_engine_kind { FZ_ENGINE_POLAR, FZ_ENGINE_DIRECT, FZ_ENGINE_IMPORTANCE } fz_engine_kind;

typedef struct fz_stage_spec {
  fz_engine_kind engine;
  int kmax, n_psi;
  fz_direction_grid directions;
  double shift_step_px, shift_radius_px, shift_sd_px;
  fz_rotation turn; /* of the rotation grid */
  int n_classes;
  fz_marginalization marginalization;
  int want; /* FZ_WANT_* */
  bool double_precision;
  int threads;
  int64_t cache_bytes; /* for slices */
  uint64_t seed;       /* of poses drawn */
} fz_stage_spec;

typedef struct fz_stage {
  fz_stage_spec spec;
  fz_dataset *data; /* borrowed; states of scored images are updated */
  int m;            /* work box */
  double slice_scale;
  fz_frequencies frequencies;
  fz_quadrature quadrature;
  fz_rings rings;                         /* polar engine */
  fz_coarse_level coarse[FZ_LEVELS_MOST]; /* adaptive search */
  int n_coarse;
  fz_statistics_layout layout;
  fz_engine engine;
  fz_image_rings *image_rings;      /* when the engine reads rings */
  struct fz_stage_scratch *scratch; /* [threads] */
  double *histogram;                /* [directions + shifts] */
} fz_stage;

/** owns the caller: fz_stage_close (accepts a zeroed stage).  calls local, same on all ranks.  fails FZ_ENOMEM,
 * FZ_EINVAL */
fz_status fz_stage_open(fz_stage *stage, fz_dataset *data, const fz_stage_spec *spec, fz_error *err);
void fz_stage_close(fz_stage *stage);
/** The setup that its engine was made from; it borrows from the stage. For benches, which compare engines. local */
fz_engine_setup fz_stage_engine_setup(const fz_stage *stage);

/* A stage as it would be. */
typedef struct fz_stage_size {
  int64_t bytes;                 /* of one rank: engine, scratch */
  int64_t n_words, n_held;       /* int64 of its statistics; of those that its engine holds back */
  int64_t n_moments, n_gradient; /* of the words: B, A and class masses; gradients */
} fz_stage_size;
/** Without opening it; all 0 when it could not be opened. */
fz_stage_size fz_stage_measure(const fz_dataset *data, const fz_stage_spec *spec);

/** Read and prepare the images of tile number `index`; `tile` is from fz_tile_init with the stage's frequencies and its
 * engine's rings. calls local, thread-safe with own thread number.  fails with the reader's message */
fz_status fz_stage_fill_tile(const fz_stage *stage, int thread, int64_t index, fz_tile *tile, fz_error *err);

/* The E-step of a tile, in phases.  Several threads may share a tile's pose blocks: each loads it and takes blocks of
 * its own.  Between totals and moments the totals of all blocks, whoever found them, give the gains (estep/marginal.h);
 * after the moments all parts go to one thread that has the tile loaded, which records it.  All are local, and safe in
 * threads with their own numbers. */

/** Read a tile's images and make the thread ready for it.  fails with the reader's message */
fz_status fz_stage_load(fz_stage *stage, int thread, int64_t tile, fz_error *err);
/** Of the tile loaded: engine->totals and engine->moments; total, gain, part have its number of images. */
void fz_stage_totals(fz_stage *stage, int thread, int block, fz_pose_total *total);
void fz_stage_moments(fz_stage *stage, int thread, int block, const double *gain, int64_t *words, fz_pose_part *part);
/** engine->release of one pose block, by any thread. */
void fz_stage_release(fz_stage *stage, int thread, int block, int64_t *words);
/** Update the states of the images of `tile`, which is loaded, and add what belongs to no block to `words`.
 *  part [n_pose_blocks][images], gain [images] */
void fz_stage_record(fz_stage *stage, int thread, int64_t tile, const double *gain, const fz_pose_part *part,
                     int64_t *words);

/** What the whole batch says of all images (its sums over all ranks), once it is done: it steers the next one's
 *  importance sampling.  local, same on all ranks */
void fz_stage_learn(fz_stage *stage, const int64_t *words);

#endif
