/* Scoring engines behind one interface.  An engine marginalizes the poses of one tile exhaustively over a quadrature.
 *  maths   score(i; j, t) = Re <x_i, S_t P_j V> - 1/2 <c2_i, |P_j V|^2>   (half-plane sums, weights inside x and c2)
 *          gain_i = log sum_{class, j, t} prior exp(score): log-likelihood above that of pure noise
 *          gamma = prior exp(score - gain);   A_j = sum gamma c2,  B_j = sum gamma S_t^* x */
#ifndef FZ_ESTEP_ENGINE_H
#define FZ_ESTEP_ENGINE_H
#include <stdint.h>

#include "core/status.h"
#include "estep/statistics.h"
#include "estep/tile.h"
#include "model/frequencies.h"
#include "pose/quadrature.h"

/* Best pose and posterior of one image. */
typedef struct fz_image_posterior {
  double gain;    /* log-likelihood gain over pure noise */
  double entropy; /* of the posterior over all poses and classes, nats */
  double peak;    /* its largest probability at one quadrature point */
  int32_t class_index, direction, psi, shift;
} fz_image_posterior;

typedef struct fz_engine_setup {
  int m, box; /* edge of the volumes (work box) and of the images */
  int n_classes;
  double slice_scale;                /* slice = slice_scale DFT_m(voxels) */
  const fz_frequencies *frequencies; /* borrowed for the engine's life, as is the quadrature */
  const fz_quadrature *quadrature;
  int tile_capacity, threads;
  double cutoff;       /* posterior weights below exp(-cutoff) of an image's total are dropped from A and B; 0 = none */
  int64_t cache_bytes; /* slices are kept in memory when they fit, else made anew for each tile */
} fz_engine_setup;

typedef struct fz_engine fz_engine;
struct fz_engine {
  void *self;
  /** New volumes [n_classes] of m^3 voxels and class priors. local, uses all threads; not during tiles */
  fz_status (*set_volumes)(void *self, const double *const *voxels, const double *class_prior);
  /** Marginalize one tile: posterior [tile->n], statistics added into `words` (shared by the threads, guarded inside).
   *  local; called by thread number `thread` < setup.threads.  fails FZ_EDIVERGED when a score is not finite */
  fz_status (*tile)(void *self, int thread, const fz_tile *tile, const fz_statistics_layout *layout, int64_t *words,
                    fz_image_posterior *posterior);
  void (*destroy)(fz_engine *engine);
};

/** Direct engine: one matrix product of shifted images by slices; float and double.
 *  owns    the caller, engine->destroy.  fails FZ_ENOMEM */
fz_status fz_engine_direct_f32(const fz_engine_setup *setup, fz_engine *engine);
fz_status fz_engine_direct_f64(const fz_engine_setup *setup, fz_engine *engine);
/** Bytes that an engine of this setup allocates (volumes, slices, workspaces). */
int64_t fz_engine_direct_bytes(const fz_engine_setup *setup, int double_precision);

#endif
