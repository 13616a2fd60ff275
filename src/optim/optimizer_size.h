/* What an optimizer will keep, before there is anything to optimize: it is asked itself, over objectives of a few
 * sizes. maths   what optimizers allocate is linear in the number of parameters, words and moments; so is what they
 * write down
 */
#ifndef FZ_OPTIM_OPTIMIZER_SIZE_H
#define FZ_OPTIM_OPTIMIZER_SIZE_H
#include "optim/optimizer.h"

/* Of an objective: see there. */
typedef struct fz_objective_size {
  int64_t dim, n_words, n_moments, n_tiles, n_images;
  int n_classes, ranks; /* that share what is kept of batches */
} fz_objective_size;

typedef struct fz_optimizer_size {
  int64_t bytes;       /* of one rank, with what the algebra keeps for it */
  int64_t state_bytes; /* in a checkpoint, of all ranks together */
  bool keeps_batches;
} fz_optimizer_size;

/** calls local.  fails FZ_ENOMEM, as fz_optimizer_create */
fz_status fz_optimizer_measure(const fz_optimizer_kind *kind, const fz_optimizer_options *options,
                               const fz_objective_size *of, fz_optimizer_size *size, fz_error *err);

#endif
