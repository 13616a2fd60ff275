/* Where tiles come from: a dataset's images, read, normalized, masked, transformed and weighted.  One per thread. */
#ifndef FZ_ESTEP_TILE_SOURCE_H
#define FZ_ESTEP_TILE_SOURCE_H
#include "estep/tile.h"
#include "model/dataset.h"

typedef struct fz_tile_source {
  const fz_dataset *data; /* borrowed, as are the next two */
  const fz_frequencies *frequencies;
  const fz_image_rings *image_rings; /* NULL: tiles have no ring rows */
  float *pixels;
  void *plane, *rings;
  double complex *half;
} fz_tile_source;

/** owns the caller: fz_tile_source_clear (accepts a zeroed one).  calls local.  fails FZ_ENOMEM */
fz_status fz_tile_source_init(fz_tile_source *s, const fz_dataset *data, const fz_frequencies *f,
                              const fz_image_rings *image_rings);
void fz_tile_source_clear(fz_tile_source *s);

/** Read and prepare the images of tile number `index`, each about the centre in its state.  `tile` is from fz_tile_init
 *  with the same frequencies, and rings if image_rings are given.
 *  calls local, thread-safe on distinct sources.  fails with the reader's message; FZ_EIO for an image gone bad */
fz_status fz_tile_source_fill(fz_tile_source *s, int64_t index, fz_tile *tile, fz_error *err);

#endif
