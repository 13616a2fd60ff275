/* From pose blocks to the whole posterior of a tile's images.  Blocks are combined in block order, whoever worked them
 * out, so the result does not depend on how they were shared.  Arrays over blocks are [n_blocks][n_images]. */
#ifndef FZ_ESTEP_MARGINAL_H
#define FZ_ESTEP_MARGINAL_H
#include "estep/engine.h"

/* Best pose and posterior of one image. */
typedef struct fz_image_posterior {
  double gain;    /* log-likelihood gain over pure noise */
  double entropy; /* of the posterior over all poses and classes, nats */
  double peak;    /* its largest probability at one quadrature point */
  int32_t class_index, direction, psi, shift;
} fz_image_posterior;

/** gain [n_images] = log of the sum of all blocks' totals, of a modal engine their largest score.
 *  calls local.  fails FZ_EDIVERGED when a gain is not finite, or a map fits worse than none by more than any could fit
 *  better (at least 1e5 nats) */
fz_status fz_marginal_gains(const fz_engine *engine, const fz_pose_total *total, int n_images, double *gain);
/** What the weights of block `block` are measured against: block_gain [n_images] = gain.  Of a modal engine only in the
 *  first block that holds the best score, and out of reach in the others, so that equal scores in two blocks do not
 *  count twice.  calls local */
void fz_marginal_block_gains(const fz_engine *engine, const fz_pose_total *total, int n_images, const double *gain,
                             int block, double *block_gain);

/** posterior [n_images] from all blocks' parts: the largest score wins, the first block on ties.  calls local */
void fz_marginal_posterior(const double *gain, const fz_pose_part *part, int n_blocks, int n_images,
                           fz_image_posterior *posterior);

/** Add what belongs to the tile and to no pose block: its data power, its number of images, the sum of its gains.
 *  calls local, once per tile and job; safe in threads */
void fz_marginal_add_tile(const fz_tile *tile, const double *gain, const fz_statistics_layout *layout, int64_t *words);

/** Release what the engine holds of all pose blocks, and zero it; nothing to do for engines that hold nothing back.
 *  calls local, not during tiles */
void fz_marginal_release(const fz_engine *engine, int thread, const fz_statistics_layout *layout, int64_t *words);

/** All of it by one thread: posterior [tile->n], statistics added into `words`, but for those held back.
 *  calls local, safe in threads with their own numbers.  fails FZ_EDIVERGED when a score is not finite */
fz_status fz_marginal_tile(const fz_engine *engine, int thread, const fz_tile *tile, const fz_statistics_layout *layout,
                           int64_t *words, fz_image_posterior *posterior);

#endif
