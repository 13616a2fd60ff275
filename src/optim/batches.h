/* Mini-batches: a whole number of tiles each, dealt by a permutation that belongs to (seed, epoch). */
#ifndef FZ_OPTIM_BATCHES_H
#define FZ_OPTIM_BATCHES_H
#include <stdint.h>

#include "core/status.h"

typedef struct fz_batches {
  uint64_t seed;
  int64_t n_tiles, n_batches;
  int64_t *tile; /* [n_tiles] permutation of the present epoch */
  int64_t epoch; /* that `tile` belongs to; -1 at first */
} fz_batches;

/** As many batches as bring their size nearest to batch_images (at least 1, at most one tile each). fails FZ_ENOMEM */
fz_status fz_batches_init(fz_batches *b, uint64_t seed, int64_t n_tiles, int64_t n_images, int64_t batch_images);
void fz_batches_clear(fz_batches *b);
/** Tiles of batch `index` in `epoch`: pointer into b->tile, valid until the epoch changes. */
const int64_t *fz_batches_get(fz_batches *b, int64_t epoch, int64_t index, int64_t *n);

#endif
