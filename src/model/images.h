/* Where images come from, as the science sees it: pixels by particle index.  io/ implements it over stacks. */
#ifndef FZ_MODEL_IMAGES_H
#define FZ_MODEL_IMAGES_H
#include <stdint.h>

#include "core/status.h"

typedef struct fz_images {
  void *self;
  int64_t n; /* particles */
  int box;   /* pixels along an edge; all images alike */
  /** Pixels of n particles, row-major [n][box][box], as stored (not normalized).  thread-safe
   *  fails FZ_EINPUT / FZ_EIO naming stack and image */
  fz_status (*read)(void *self, const int64_t *particle, int n, float *pixels, fz_error *err);
  /** Hint that these will be read soon; returns at once.  may be NULL */
  void (*prefetch)(void *self, const int64_t *particle, int n);
} fz_images;

#endif
