#include "io/npy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/file.h"

static const char MAGIC[6] = {(char)0x93, 'N', 'U', 'M', 'P', 'Y'};

/* Files are opened without blocking: a named pipe without a writer must not hang the program. */
bool fz_io_npy_is(const char *path) {
  char start[sizeof MAGIC];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  bool is = pread(fd, start, sizeof start, 0) == (ssize_t)sizeof start && memcmp(start, MAGIC, sizeof start) == 0;
  close(fd);
  return is;
}

/* The header is a Python dictionary literal; this walks over it. */
typedef struct parser {
  const char *path, *at, *end;
  fz_io_npy *npy;
  fz_error *err;
} parser;

static fz_status refuse(parser *s, const char *what) {
  int n = (int)(s->end - s->at < 40 ? s->end - s->at : 40);
  return fz_fail(s->err, FZ_EINPUT, "%s: the NumPy header %s at \"%.*s\"", s->path, what, n, s->at);
}

static void skip_blanks(parser *s) {
  while (s->at < s->end && strchr(" \t\r\n,", *s->at)) s->at++;
}

static bool accept(parser *s, char c) {
  skip_blanks(s);
  if (s->at == s->end || *s->at != c) return false;
  s->at++;
  return true;
}

static bool quoted(parser *s, const char **text, ptrdiff_t *length) {
  skip_blanks(s);
  if (s->at == s->end || (*s->at != '\'' && *s->at != '"')) return false;
  char quote = *s->at++;
  *text = s->at;
  while (s->at < s->end && *s->at != quote) s->at++;
  *length = s->at - *text;
  if (s->at == s->end) return false;
  s->at++;
  return true;
}

/* "(2,)" or "(2, 3)" or "7": the product. */
static bool shape(parser *s, int64_t *product) {
  bool tuple = accept(s, '(');
  *product = 1;
  for (;;) {
    skip_blanks(s);
    if (tuple && accept(s, ')')) return true;
    char *end;
    long long n = strtoll(s->at, &end, 10);
    if (end == s->at || end > s->end || n < 0 || n > INT64_C(1) << 40 || *product > (INT64_C(1) << 40) / (n + 1))
      return false;
    *product *= n;
    s->at = end;
    if (!tuple) return true;
  }
}

static bool machine_is_little(void) {
  const uint16_t one = 1;
  return *(const unsigned char *)&one == 1;
}

static bool element_type(const char *text, ptrdiff_t n, fz_io_npy_field *field) {
  bool little = machine_is_little();
  if (n > 0 && strchr("<>|=", *text)) {
    field->swapped = (*text == '<' && !little) || (*text == '>' && little);
    text++;
    n--;
  }
  if (n < 2 || !strchr("SUfiub", *text)) return false;
  field->kind = *text;
  long size = strtol(text + 1, NULL, 10);
  if (size < 0 || size > 1 << 20) return false;
  field->size = (int)size * (field->kind == 'U' ? 4 : 1);
  if (field->kind == 'f') return size == 4 || size == 8;
  if (strchr("iub", field->kind)) return size == 1 || size == 2 || size == 4 || size == 8;
  return true;
}

static fz_status one_field(parser *s, fz_io_npy_field *field) {
  const char *name, *type;
  ptrdiff_t name_length, type_length;
  int64_t count = 1;
  if (!quoted(s, &name, &name_length)) return refuse(s, "has no field name");
  const char *before = s->at;
  if (!quoted(s, &type, &type_length)) return refuse(s, "has no plain type");
  if (!element_type(type, type_length, field)) {
    s->at = before;
    return refuse(s, "has a type that is not read");
  }
  if (!accept(s, ')')) {
    if (!shape(s, &count) || !accept(s, ')')) return refuse(s, "has no valid shape");
  }
  if (count > 1 << 20) return refuse(s, "has too large a subarray");
  field->count = (int)count;
  field->offset = s->npy->row_bytes;
  field->name = fz_alloc(name_length + 1, 1);
  if (!field->name) return fz_fail(s->err, FZ_ENOMEM, "%s: no memory", s->path);
  memcpy(field->name, name, (size_t)name_length);
  s->npy->row_bytes += (int64_t)field->size * count;
  return FZ_OK;
}

static fz_status all_fields(parser *s) {
  int room = 0;
  if (!accept(s, '[')) return refuse(s, "does not describe rows with named fields (not a .cs file)");
  while (!accept(s, ']')) {
    if (!accept(s, '(')) return refuse(s, "does not list fields");
    if (s->npy->fields == room) {
      room = room ? 2 * room : 64;
      fz_io_npy_field *grown = fz_realloc(s->npy->field, room, sizeof *grown);
      if (!grown) return fz_fail(s->err, FZ_ENOMEM, "%s: no memory", s->path);
      s->npy->field = grown;
    }
    fz_status st = one_field(s, &s->npy->field[s->npy->fields++]);
    if (st != FZ_OK) return st;
  }
  return FZ_OK;
}

static fz_status dictionary(parser *s) {
  const char *key;
  ptrdiff_t length;
  bool have_rows = false;
  if (!accept(s, '{')) return refuse(s, "is not a dictionary");
  while (!accept(s, '}')) {
    if (!quoted(s, &key, &length) || !accept(s, ':')) return refuse(s, "has no key");
    if (length == 5 && memcmp(key, "descr", 5) == 0) {
      fz_status st = all_fields(s);
      if (st != FZ_OK) return st;
    } else if (length == 5 && memcmp(key, "shape", 5) == 0) {
      if (!shape(s, &s->npy->rows)) return refuse(s, "has no valid shape");
      have_rows = true;
    } else { /* fortran_order: no matter for rows */
      skip_blanks(s);
      while (s->at < s->end && *s->at != ',' && *s->at != '}') s->at++;
    }
  }
  if (!have_rows || s->npy->fields == 0 || s->npy->row_bytes == 0) return refuse(s, "lacks descr or shape");
  return FZ_OK;
}

fz_status fz_io_npy_read(const char *path, fz_io_npy *npy, fz_error *err) {
  int64_t size;
  *npy = (fz_io_npy){0};
  fz_status st = fz_io_file_read(path, &npy->bytes, &size, err);
  if (st != FZ_OK) return st;
  const unsigned char *b = (const unsigned char *)npy->bytes;
  if (size < 12 || memcmp(b, MAGIC, sizeof MAGIC) != 0) {
    st = fz_fail(err, FZ_EINPUT, "%s: not a NumPy file", path);
    goto done;
  }
  int64_t prefix = b[6] == 1 ? 10 : 12, length = b[8] | b[9] << 8;
  if (b[6] > 1) length |= (int64_t)b[10] << 16 | (int64_t)b[11] << 24;
  if (prefix + length > size) {
    st = fz_fail(err, FZ_EINPUT, "%s: truncated inside the NumPy header", path);
    goto done;
  }
  parser s = {.path = path, .at = npy->bytes + prefix, .end = npy->bytes + prefix + length, .npy = npy, .err = err};
  FZ_TRY(dictionary(&s));
  npy->row0 = npy->bytes + prefix + length;
  int64_t have = size - prefix - length;
  if (npy->rows > have / npy->row_bytes)
    st = fz_fail(err, FZ_EINPUT,
                 "%s: truncated: %lld rows of %lld bytes are announced, but only %lld bytes follow the header", path,
                 (long long)npy->rows, (long long)npy->row_bytes, (long long)have);
done:
  if (st != FZ_OK) fz_io_npy_clear(npy);
  return st;
}

void fz_io_npy_clear(fz_io_npy *npy) {
  for (int i = 0; i < npy->fields; i++) fz_free(&npy->field[i].name);
  fz_free(&npy->field);
  fz_free(&npy->bytes);
  *npy = (fz_io_npy){0};
}

const fz_io_npy_field *fz_io_npy_find(const fz_io_npy *npy, const char *name) {
  for (int i = 0; i < npy->fields; i++)
    if (strcmp(npy->field[i].name, name) == 0) return &npy->field[i];
  return NULL;
}

static double integer(const fz_io_npy_field *field, uint64_t word) {
  if (field->kind != 'i') return (double)word;
  int shift = 64 - 8 * field->size;
  return (double)((int64_t)(word << shift) >> shift);
}

double fz_io_npy_number(const fz_io_npy *npy, const fz_io_npy_field *field, int64_t row, int i) {
  const char *at = npy->row0 + row * npy->row_bytes + field->offset + (int64_t)i * field->size;
  unsigned char raw[8] = {0};
  FZ_ASSERT(i < field->count && field->size <= 8 && field->kind != 'S' && field->kind != 'U');
  memcpy(raw, at, (size_t)field->size);
  for (int k = 0; field->swapped && k < field->size / 2; k++) {
    unsigned char t = raw[k];
    raw[k] = raw[field->size - 1 - k];
    raw[field->size - 1 - k] = t;
  }
  if (field->kind == 'f' && field->size == 4) {
    float value;
    memcpy(&value, raw, 4);
    return (double)value;
  }
  if (field->kind == 'f' && field->size == 8) {
    double value;
    memcpy(&value, raw, 8);
    return value;
  }
  uint64_t word = 0;
  for (int k = 0; k < field->size; k++) word |= (uint64_t)raw[machine_is_little() ? k : field->size - 1 - k] << (8 * k);
  return integer(field, word);
}

const char *fz_io_npy_text(const fz_io_npy *npy, const fz_io_npy_field *field, int64_t row, ptrdiff_t *length) {
  const char *text = npy->row0 + row * npy->row_bytes + field->offset;
  FZ_ASSERT(field->kind == 'S');
  *length = (ptrdiff_t)strnlen(text, (size_t)field->size);
  return text;
}
