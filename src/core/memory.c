#include "core/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Each block is preceded by one 64-byte line that keeps its size. */
enum { LINE = 64 };
static _Atomic ptrdiff_t blocks_alive, bytes_alive, bytes_peak;
static _Thread_local ptrdiff_t bytes_of_thread;

static void count(ptrdiff_t blocks, ptrdiff_t bytes) {
  atomic_fetch_add(&blocks_alive, blocks);
  bytes_of_thread += bytes;
  ptrdiff_t now = atomic_fetch_add(&bytes_alive, bytes) + bytes;
  ptrdiff_t peak = atomic_load(&bytes_peak);
  while (now > peak && !atomic_compare_exchange_weak(&bytes_peak, &peak, now)) {
  }
}

void *fz_alloc(ptrdiff_t n, size_t size) {
  if (n < 0 || size == 0 || (size_t)n > (PTRDIFF_MAX - 2 * LINE) / size) return NULL;
  size_t bytes = ((size_t)n * size + LINE - 1) / LINE * LINE;
  char *line = aligned_alloc(LINE, bytes + LINE);
  if (!line) return NULL;
  memset(line, 0, bytes + LINE);
  memcpy(line, &bytes, sizeof bytes);
  count(1, (ptrdiff_t)bytes);
  return line + LINE;
}

void fz_free_block(void *p_to_pointer) {
  char *block;
  memcpy(&block, p_to_pointer, sizeof block);
  if (!block) return;
  size_t bytes;
  memcpy(&bytes, block - LINE, sizeof bytes);
  count(-1, -(ptrdiff_t)bytes);
  free(block - LINE);
  block = NULL;
  memcpy(p_to_pointer, &block, sizeof block);
}

void *fz_realloc(void *block, ptrdiff_t n, size_t size) {
  void *grown = fz_alloc(n, size);
  if (!grown || !block) return grown;
  size_t old, fresh;
  memcpy(&old, (char *)block - LINE, sizeof old);
  fresh = (size_t)n * size;
  memcpy(grown, block, old < fresh ? old : fresh);
  fz_free_block(&block);
  return grown;
}

char *fz_strdup(const char *text) {
  size_t length = strlen(text) + 1;
  char *copy = fz_alloc((ptrdiff_t)length, 1);
  if (copy) memcpy(copy, text, length);
  return copy;
}

ptrdiff_t fz_memory_blocks(void) {
  return atomic_load(&blocks_alive);
}
ptrdiff_t fz_memory_bytes(void) {
  return atomic_load(&bytes_alive);
}
ptrdiff_t fz_memory_thread_bytes(void) {
  return bytes_of_thread;
}
ptrdiff_t fz_memory_peak_bytes(void) {
  return atomic_load(&bytes_peak);
}
