/* Memory: 64-byte aligned, overflow-checked, counted blocks. */
#ifndef FZ_CORE_MEMORY_H
#define FZ_CORE_MEMORY_H
#include <stddef.h>

/** n objects of `size` bytes, zeroed, 64-byte aligned; NULL when memory or size_t runs out. n = 0 gives a valid block.
 *  owns    the caller, who gives it back with fz_free.  calls local, thread-safe */
void *fz_alloc(ptrdiff_t n, size_t size);
/** Grow or shrink a block from fz_alloc, keeping its content (new bytes are zero).  NULL leaves the old block. */
void *fz_realloc(void *block, ptrdiff_t n, size_t size);
/** Free the block that *p points to and set *p to NULL; accepts a NULL block. `fz_free(&x)`, any pointer type. */
void fz_free_block(void *p_to_pointer);
#define fz_free(pointer_to_pointer) fz_free_block((void *)(pointer_to_pointer))
/** Duplicate a string (counted block). */
char *fz_strdup(const char *text);
/** Blocks alive, bytes alive now and at most since the last reset: tests end by asserting zero live blocks. */
ptrdiff_t fz_memory_blocks(void);
ptrdiff_t fz_memory_bytes(void);
ptrdiff_t fz_memory_peak_bytes(void);
/** Bytes that the calling thread has taken less those it gave back: what happens in between is the difference. */
ptrdiff_t fz_memory_thread_bytes(void);

#endif
