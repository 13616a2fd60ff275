#include "optim/batches.h"

#include <stddef.h>

#include "core/memory.h"
#include "core/random.h"

fz_status fz_batches_init(fz_batches *b, uint64_t seed, int64_t n_tiles, int64_t n_images, int64_t batch_images) {
  int64_t n = (n_images + batch_images / 2) / batch_images;
  *b = (fz_batches){.seed = seed, .n_tiles = n_tiles, .n_batches = n < 1 ? 1 : n > n_tiles ? n_tiles : n, .epoch = -1};
  b->tile = fz_alloc(n_tiles, sizeof *b->tile);
  return b->tile ? FZ_OK : FZ_ENOMEM;
}

void fz_batches_clear(fz_batches *b) {
  fz_free(&b->tile);
  *b = (fz_batches){0};
}

const int64_t *fz_batches_get(fz_batches *b, int64_t epoch, int64_t index, int64_t *n) {
  if (b->epoch != epoch) {
    fz_random r = fz_random_stream(b->seed, FZ_PURPOSE_BATCHES, (uint32_t)epoch, 0);
    fz_random_permutation(&r, b->n_tiles, b->tile);
    b->epoch = epoch;
  }
  int64_t first = index * b->n_tiles / b->n_batches;
  *n = (index + 1) * b->n_tiles / b->n_batches - first;
  return b->tile + first;
}
