#include "optim/subsample.h"

#include <math.h>

#include "core/memory.h"
#include "core/random.h"

static const uint64_t STREAM = UINT64_MAX; /* beside those of batches.c and snapshot.c */

fz_status fz_subsample_init(fz_subsample *s, const fz_optimizer *o, int64_t images) {
  const double tiles = (double)images * (double)o->f->n_tiles / (double)o->f->n_images;
  s->n = (int64_t)fmin(fmax(1, round(tiles)), (double)o->f->n_tiles);
  s->tile = fz_alloc(o->f->n_tiles, sizeof *s->tile);
  return s->tile ? FZ_OK : FZ_ENOMEM;
}

void fz_subsample_clear(fz_subsample *s) {
  fz_free(&s->tile);
}

void fz_subsample_draw(fz_subsample *s, const fz_optimizer *o, int64_t index) {
  fz_random r = fz_random_stream(o->options.seed, FZ_PURPOSE_BATCHES, (uint32_t)index, STREAM);
  fz_random_permutation(&r, o->f->n_tiles, s->tile);
}

void fz_subsample_count(const fz_subsample *s, fz_optimizer *o, int64_t products) {
  double images = (double)s->n * (double)o->f->n_images / (double)o->f->n_tiles;
  o->visited += llround((double)products * o->f->hessian_cost * images);
}
