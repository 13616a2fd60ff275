/* The image source of model/images.h over MRC stacks: runs of neighbouring images are read with one call, images wait
 * in a bounded cache, and one thread reads ahead of the hints.  A set larger than memory runs at the file system's
 * speed. */
#ifndef FZ_IO_IMAGES_H
#define FZ_IO_IMAGES_H
#include <stdint.h>

#include "core/status.h"
#include "model/images.h"
#include "model/particle.h"

/** Open the stacks of a table (reads one header per stack) and start the reading thread.
 *  `cache_bytes` bounds the pixels kept in memory (float32); less than one image means no cache and no reading ahead.
 *  owns    *out: the caller, fz_io_images_close; the table is copied as far as needed and may go away
 *  calls   local.  out->read is thread-safe; out->prefetch returns at once and drops what does not fit its queue
 *          images that a truncated stack has lost fail when they are read, naming the stack
 *  fails   FZ_EINPUT naming stack and image: missing, not square, unequal boxes, image beyond the stack; FZ_ENOMEM,
 *          FZ_EIO */
fz_status fz_io_images_open(const fz_particles *table, int64_t cache_bytes, fz_images *out, fz_error *err);

/** Stop the thread and free everything; no read may be running.  Accepts a zeroed source. */
void fz_io_images_close(fz_images *images);

/* What the source did since it was opened; for reports and tests. */
typedef struct fz_io_images_counts {
  int64_t hits, misses;    /* images served by read() from the cache, from the file */
  int64_t calls, ahead;    /* runs read from files by read(); images read by the thread */
  int64_t resident_images; /* in the cache now */
  int64_t bytes;           /* that the cache has taken for pixels so far */
} fz_io_images_counts;
fz_io_images_counts fz_io_images_count(const fz_images *images);

#endif
