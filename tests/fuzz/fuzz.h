/* What the fuzz targets share: an input becomes a file in memory, which the readers open by name. */
#ifndef FZ_TESTS_FUZZ_H
#define FZ_TESTS_FUZZ_H
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

typedef struct fuzz_file {
  int fd;
  char path[40];
} fuzz_file;

static inline fuzz_file fuzz_open(const uint8_t *bytes, size_t n) {
  fuzz_file file = {.fd = (int)memfd_create("input", MFD_CLOEXEC)};
  if (file.fd < 0 || write(file.fd, bytes, n) != (ssize_t)n) abort();
  snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.fd);
  return file;
}

/* Every reader gives back all it took, also after a failure, and a failure has a message. */
static inline void fuzz_close(const fuzz_file *file, fz_status st, const fz_error *err) {
  close(file->fd);
  if (fz_memory_blocks() != 0) abort();
  if (st != FZ_OK && !err->text[0]) abort();
}

#endif
