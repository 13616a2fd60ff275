/* Fixtures of the file tests: a scratch folder, raw bytes into files, MRC headers made by hand in either byte order. */
#ifndef FZ_TEST_IO_FILES_H
#define FZ_TEST_IO_FILES_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/status.h"

/* Every test program runs inside its own scratch folder, so that names in the tests are short and relative. */
static char files_home[PATH_MAX];

static inline int files_enter(void **state) {
  (void)state;
  const char *base = getenv("TMPDIR");
  snprintf(files_home, sizeof files_home, "%s/frazil-test-XXXXXX", base ? base : "/tmp");
  return mkdtemp(files_home) && chdir(files_home) == 0 ? 0 : -1;
}

static inline int files_leave(void **state) {
  (void)state;
  char command[PATH_MAX + 16];
  snprintf(command, sizeof command, "rm -rf '%s'", files_home);
  return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static inline void files_write(const char *path, const void *bytes, size_t n) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
}

static inline void files_write_text(const char *path, const char *text) {
  files_write(path, text, strlen(text));
}

/* NUL-terminated content; free() it. */
static inline char *files_slurp(const char *path) {
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  char *text = calloc((size_t)info.st_size + 1, 1);
  FILE *f = fopen(path, "rb");
  assert_non_null(text);
  assert_non_null(f);
  assert_int_equal(fread(text, 1, (size_t)info.st_size, f), info.st_size);
  fclose(f);
  return text;
}

static inline void files_put32(unsigned char *at, uint32_t word, bool big) {
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(word >> (big ? 24 - 8 * i : 8 * i));
}

static inline void files_put_real(unsigned char *at, float value, bool big) {
  uint32_t word;
  memcpy(&word, &value, 4);
  files_put32(at, word, big);
}

static inline void files_put16(unsigned char *at, uint32_t word, bool big) {
  at[big ? 0 : 1] = (unsigned char)(word >> 8);
  at[big ? 1 : 0] = (unsigned char)word;
}

/* 1024 bytes of MRC2014 header for nx x ny x nz, voxel 1.5 A. */
static inline void files_mrc_header(unsigned char *h, int nx, int ny, int nz, int mode, int ispg, bool big) {
  memset(h, 0, 1024);
  const int n[3] = {nx, ny, nz};
  for (int i = 0; i < 3; i++) {
    files_put32(h + 4 * i, (uint32_t)n[i], big);
    files_put32(h + 28 + 4 * i, (uint32_t)n[i], big);
    files_put_real(h + 40 + 4 * i, 1.5f * (float)n[i], big);
    files_put_real(h + 52 + 4 * i, 90, big);
    files_put32(h + 64 + 4 * i, (uint32_t)i + 1, big);
  }
  files_put32(h + 12, (uint32_t)mode, big);
  files_put32(h + 88, (uint32_t)ispg, big);
  files_put32(h + 108, 20140, big);
  memcpy(h + 208, "MAP ", 4);
  h[212] = h[213] = big ? 0x11 : 0x44;
}

#define ASSERT_SAYS(error, word)                                                          \
  do {                                                                                    \
    if (!strstr((error).text, word)) fail_msg("\"%s\" lacks \"%s\"", (error).text, word); \
  } while (0)

static inline void assert_no_blocks(void) {
  assert_int_equal(fz_memory_blocks(), 0);
}

#endif
