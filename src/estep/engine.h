/* Scoring engines behind one interface.  An engine marginalizes the poses of one tile exhaustively over a quadrature,
 * in two sweeps over pose blocks (estep/pose_blocks.h); estep/marginal.h puts the blocks together.  A modal engine
 * looks at the same scores and gives all weight to the best pose. maths   score(i; j, t) = log prior + Re <x_i, S_t P_j
 * V> - 1/2 <c2_i, |P_j V|^2> (half-plane sums, weights inside x and c2; the prior covers class, rotation and shift)
 *          gain_i = log sum_{class, j, t} exp(score): log-likelihood above that of pure noise
 *          gamma = exp(score - gain);   A_j = sum gamma c2,  B_j = sum gamma S_t^* x
 *          modal: gain_i = max score, gamma = 1 at the first pose that has it and 0 elsewhere */
#ifndef FZ_ESTEP_ENGINE_H
#define FZ_ESTEP_ENGINE_H
#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"
#include "estep/pose_blocks.h"
#include "estep/profile.h"
#include "estep/statistics.h"
#include "estep/tile.h"
#include "model/frequencies.h"
#include "model/rings.h"
#include "pose/proposal.h"
#include "pose/quadrature.h"

/* First sweep, one image and one pose block: sum over its poses of exp(score), as sum x exp(largest). */
typedef struct fz_pose_total {
  double largest; /* score */
  double sum;     /* of exp(score - largest) */
} fz_pose_total;

/* Second sweep, one image and one pose block. */
typedef struct fz_pose_part {
  double mass, moment; /* sum of gamma, of gamma x score */
  double best;         /* largest score */
  /* where that is, the first of equals; direction -1 when all of the block was below the cutoff and not looked at */
  int32_t class_index, direction, psi, shift;
} fz_pose_part;

/* A coarser sampling that tells where the posterior is: a lower band limit, fewer directions, and some of the shifts
 * that the quadrature has. */
typedef struct fz_coarse_level {
  fz_quadrature quadrature;
  fz_rings rings;
} fz_coarse_level;
enum { FZ_LEVELS_MOST = 4 }; /* with the quadrature itself */

typedef struct fz_engine_setup {
  int m, box; /* edge of the volumes (work box) and of the images */
  int n_classes;
  double slice_scale;                /* slice = slice_scale DFT_m(voxels) */
  const fz_frequencies *frequencies; /* borrowed for the engine's life, as is the quadrature */
  const fz_quadrature *quadrature;
  /* Polar engine only. */
  const fz_rings *rings; /* borrowed; as many angles as the quadrature has in plane */
  double support;        /* the volumes lie within a sphere of this radius, in boxes */
  int n_coarse;          /* levels of adaptive search before the quadrature, coarsest first; 0: all poses are scored */
  const fz_coarse_level *coarse; /* [n_coarse] borrowed */
  double captured;               /* share of each level's posterior whose cells are searched further */
  /* Branch and bound instead: every pose above exp(-cutoff) of an image's best one is scored, found by its low rings
   * and a bound on what the others can add (estep/polar_bound.c).  Coarse levels only tell where to look for a good
   * pose first; without them, or without a cutoff, all poses are scored. */
  bool bounded;
  double bound_failure; /* the probability, per image, that the bound may fail: noise is Gaussian; 0: it holds always */
  int tile_capacity, threads;
  /* Posterior weights below exp(-cutoff) of an image's total are dropped from A and B; 0 = none.  Above log(poses), so
   * that the best pose is never dropped. */
  double cutoff;
  bool modal;          /* all weight to one best pose; the cutoff is then without meaning */
  int64_t cache_bytes; /* slices are kept in memory when they fit, else made anew for each tile */
  /* Of engines that sample poses. */
  uint64_t seed;
  fz_proposal_options proposal;
  const fz_pose_average *average; /* borrowed */
  fz_engine_profile *profile;     /* [threads] added to, borrowed; NULL: no clock is read */
} fz_engine_setup;

/* Of a modal engine: only blocks that hold the best score are revisited. */
static const double FZ_MODAL_CUTOFF = 1e-6;

typedef struct fz_engine fz_engine;
/* Thread number `thread` < setup.threads calls load, totals and moments, each thread with a tile of its own; the tile
 * stays as it is from load to the last call for it.  All are local. */
struct fz_engine {
  void *self;
  bool modal;
  const fz_rings *rings; /* on which tiles must hold rows, from the setup; NULL: the lattice rows are enough */
  int n_pose_blocks;     /* fz_pose_blocks(quadrature, n_classes) */
  double largest_gain;   /* that any image can have over pure noise, set by the stage; 0: not known */
  /** New volumes [n_classes] of m^3 voxels and class priors; until the next call only the pose blocks first_block ..
   *  first_block + n_blocks - 1 will be swept here, so slices of others need not be made.  Uses all threads; not during
   *  tiles.  fails FZ_ENOMEM */
  fz_status (*set_volumes)(void *self, const double *const *voxels, const double *class_prior, int first_block,
                           int n_blocks);
  /** Make the thread's workspace ready for this tile. */
  void (*load)(void *self, int thread, const fz_tile *tile);
  /** First sweep over one pose block: total [tile->n].  A score that is not finite shows as a total that is not. */
  void (*totals)(void *self, int thread, const fz_tile *tile, int block, fz_pose_total *total);
  /** Second sweep over one pose block: part [tile->n], and its share of B, A or gradient, of the masses of class,
   *  direction and shift, and of the model's residual power, added into `words` (shared by the threads, guarded
   *  inside).  gain [tile->n] from the totals of all blocks (fz_marginal_block_gains).  After totals() of the same
   * thread, tile and block, whose findings it may use; the sums it adds depend on (tile, block, gain) alone. */
  void (*moments)(void *self, int thread, const fz_tile *tile, int block, const double *gain,
                  const fz_statistics_layout *layout, int64_t *words, fz_pose_part *part);
  /** Sums that moments() holds back from `words`: exact, over tiles, shared by the threads, [n_held]; n_held 0: none.
   *  The caller zeroes them before the first tile, adds up those of all ranks after the last, and then has every pose
   *  block released once. */
  int64_t *held;
  ptrdiff_t n_held;
  /** Put what is held of one pose block into its place in `words`, of which `layout` tells.  Reads `held` alone, so it
   *  does not matter who releases which block.  NULL when n_held is 0 */
  void (*release)(void *self, int thread, int block, const fz_statistics_layout *layout, int64_t *words);
  /** Of the tile last loaded: [tile->n] share of the posterior, as far as coarser levels know it, that the poses looked
   *  at hold.  NULL for engines that look at all. */
  const double *(*captured)(const void *self, int thread);
  void (*destroy)(fz_engine *engine);
};

/** Direct engine: one matrix product of shifted images by slices; float and double.
 *  owns    the caller, engine->destroy.  fails FZ_ENOMEM */
fz_status fz_engine_direct_f32(const fz_engine_setup *setup, fz_engine *engine);
fz_status fz_engine_direct_f64(const fz_engine_setup *setup, fz_engine *engine);
/** Bytes that an engine of this setup allocates (volumes, slices, workspaces). */
int64_t fz_engine_direct_bytes(const fz_engine_setup *setup, int double_precision);

/** Polar engine: products by angular frequency, all in-plane angles at once; float and double.  Tiles hold ring rows.
 *  owns    the caller, engine->destroy.  fails FZ_ENOMEM, FZ_EINVAL for a number of angles without a transform */
fz_status fz_engine_polar_f32(const fz_engine_setup *setup, fz_engine *engine);
fz_status fz_engine_polar_f64(const fz_engine_setup *setup, fz_engine *engine);
int64_t fz_engine_polar_bytes_f32(const fz_engine_setup *setup);
int64_t fz_engine_polar_bytes_f64(const fz_engine_setup *setup);
/** n_held of such an engine. */
int64_t fz_engine_polar_held_f32(const fz_engine_setup *setup);
int64_t fz_engine_polar_held_f64(const fz_engine_setup *setup);

#endif
