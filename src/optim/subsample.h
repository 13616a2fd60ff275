/* Some of the images, drawn anew for each Hessian: whole tiles, without replacement. */
#ifndef FZ_OPTIM_SUBSAMPLE_H
#define FZ_OPTIM_SUBSAMPLE_H
#include "optim/optimizer.h"

typedef struct fz_subsample {
  int64_t *tile; /* [n_tiles of the objective]; the first n are drawn */
  int64_t n;
} fz_subsample;

/** Tiles that bring their number of images nearest to `images` (at least one). calls local.  fails FZ_ENOMEM
 *  owns    the caller: fz_subsample_clear */
fz_status fz_subsample_init(fz_subsample *s, const fz_optimizer *o, int64_t images);
void fz_subsample_clear(fz_subsample *s);
/** Draw number `index`: a function of the seed and it alone. */
void fz_subsample_draw(fz_subsample *s, const fz_optimizer *o, int64_t index);
/** Counts `products` Hessian products with it as visited images; tiles are taken to be of equal size. */
void fz_subsample_count(const fz_subsample *s, fz_optimizer *o, int64_t products);

#endif
