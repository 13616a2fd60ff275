/* A bounded store of images by particle, least recently used out first.  Not thread-safe: its user holds a lock around
 * every call; the pixels of a pinned image may be touched without it. */
#ifndef FZ_IO_IMAGE_CACHE_H
#define FZ_IO_IMAGE_CACHE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fz_cache_state { FZ_CACHE_ABSENT, FZ_CACHE_LOADING, FZ_CACHE_READY } fz_cache_state;

typedef struct fz_image_cache fz_image_cache;

/** Room for `capacity` images of `pixels` floats, among `n` particles; memory is taken slab by slab as it fills. */
fz_image_cache *fz_image_cache_create(int64_t n, int64_t capacity, ptrdiff_t pixels);
void fz_image_cache_destroy(fz_image_cache **cache);

fz_cache_state fz_image_cache_state(const fz_image_cache *cache, int64_t particle);
/** A slot for an absent image, evicting if need be; it is pinned and LOADING.  NULL: everything is pinned, or no
 * memory. */
float *fz_image_cache_claim(fz_image_cache *cache, int64_t particle);
/** The claimed image is there (ready) or could not be read (absent again); unpins. */
void fz_image_cache_settle(fz_image_cache *cache, int64_t particle, bool ready);
/** Pixels of a READY image, pinned and marked as just used. */
const float *fz_image_cache_pin(fz_image_cache *cache, int64_t particle);
void fz_image_cache_unpin(fz_image_cache *cache, int64_t particle);
int64_t fz_image_cache_resident(const fz_image_cache *cache);
/** Memory taken for pixels so far. */
int64_t fz_image_cache_bytes(const fz_image_cache *cache);

#endif
