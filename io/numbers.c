#include "io/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/file.h"

typedef struct reader {
  const char *path;
  int64_t line, room, used;
  fz_io_numbers *out;
} reader;

static fz_status keep(reader *r, double value, fz_error *err) {
  if (r->used == r->room) {
    int64_t room = r->room ? 2 * r->room : 256;
    double *grown = fz_realloc(r->out->value, room, sizeof *grown);
    if (!grown) return fz_fail(err, FZ_ENOMEM, "%s: no memory for its numbers", r->path);
    r->out->value = grown;
    r->room = room;
  }
  r->out->value[r->used++] = value;
  return FZ_OK;
}

static bool separator(char c) {
  return c == ' ' || c == '\t' || c == ',' || c == ';' || c == '\r';
}

/* One line without its end; [at, end). */
static fz_status read_line(reader *r, char *at, char *end, fz_error *err) {
  int64_t columns = 0;
  char *comment = memchr(at, '#', (size_t)(end - at));
  if (comment) end = comment;
  *end = '\0';
  for (;;) {
    while (separator(*at)) at++;
    if (at == end) break;
    char *rest;
    double value = strtod(at, &rest);
    if (rest == at || (*rest && !separator(*rest)) || !isfinite(value))
      return fz_fail(err, FZ_EINPUT, "%s:%lld: number %lld of the row is not a finite number: '%.20s'", r->path,
                     (long long)r->line, (long long)columns + 1, at);
    fz_status st = keep(r, value, err);
    if (st != FZ_OK) return st;
    columns++;
    at = rest;
  }
  if (!columns) return FZ_OK;
  if (r->out->rows && columns != r->out->columns)
    return fz_fail(err, FZ_EINPUT, "%s:%lld: %lld numbers, but the rows above have %lld", r->path, (long long)r->line,
                   (long long)columns, (long long)r->out->columns);
  r->out->columns = columns;
  r->out->rows++;
  return FZ_OK;
}

fz_status fz_io_numbers_read(const char *path, fz_io_numbers *numbers, fz_error *err) {
  char *bytes = NULL;
  int64_t size;
  *numbers = (fz_io_numbers){0};
  reader r = {.path = path, .out = numbers};
  fz_status st = fz_io_file_read(path, &bytes, &size, err);
  if (st == FZ_OK && memchr(bytes, '\0', (size_t)size))
    st = fz_fail(err, FZ_EINPUT, "%s: not a text file; want rows of numbers", path);
  for (char *at = bytes; st == FZ_OK && at < bytes + size;) {
    char *end = memchr(at, '\n', (size_t)(bytes + size - at));
    if (!end) end = bytes + size;
    r.line++;
    st = read_line(&r, at, end, err);
    at = end + 1;
  }
  if (st == FZ_OK && !numbers->rows) st = fz_fail(err, FZ_EINPUT, "%s: no numbers in it", path);
  if (st != FZ_OK) fz_free(&numbers->value);
  fz_free(&bytes);
  return st;
}
