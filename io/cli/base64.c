#include "io/cli/base64.h"

#include <stdbool.h>
#include <string.h>

#include "core/memory.h"

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void fz_base64_write(const void *bytes, size_t n, FILE *out) {
  const unsigned char *b = bytes;
  for (size_t i = 0; i < n; i += 3) {
    unsigned word = (unsigned)b[i] << 16 | (i + 1 < n ? (unsigned)b[i + 1] << 8 : 0) | (i + 2 < n ? b[i + 2] : 0);
    for (size_t k = 0; k < 4; k++) fputc(i + k <= n ? LETTERS[word >> (18 - 6 * k) & 63] : '=', out);
  }
}

fz_status fz_base64_read(const char *text, char **bytes, size_t *n) {
  size_t letters = 0, padding = 0;
  unsigned word = 0;
  *n = 0;
  *bytes = fz_alloc((ptrdiff_t)strlen(text) + 1, 1);
  if (!*bytes) return FZ_ENOMEM;
  bool good = true;
  for (const char *c = text; *c && good; c++) {
    if (strchr(" \t\r\n", *c)) continue;
    const char *at = strchr(LETTERS, *c);
    good = (at && padding == 0) || *c == '=';
    if (*c == '=') padding++;
    word = word << 6 | (at ? (unsigned)(at - LETTERS) : 0);
    if (++letters % 4 != 0) continue;
    for (size_t k = 0; k < 3 && k + padding < 3; k++) (*bytes)[(*n)++] = (char)(word >> (16 - 8 * k) & 255);
  }
  if (good && letters % 4 == 0 && padding <= 2) return FZ_OK;
  fz_free(bytes);
  return FZ_EINVAL;
}
