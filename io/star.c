#include "io/star.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/file.h"
#include "io/star_table.h"

typedef struct reader {
  const char *path;
  fz_io_star *star;
  fz_io_star_table *table; /* the block being read */
  bool in_loop;
  const char *at; /* start of the current line */
  int64_t line;
  fz_error *err;
} reader;

static fz_status out_of_memory(const reader *r) {
  return fz_fail(r->err, FZ_ENOMEM, "%s:%lld: no memory", r->path, (long long)r->line);
}

static fz_status start_block(reader *r, fz_io_star_cell word) {
  r->table = fz_io_star_table_append(r->star, word.text + 5, word.length - 5);
  r->in_loop = false;
  return r->table ? FZ_OK : out_of_memory(r);
}

/* A second loop in the same block becomes a table of the same name: nothing is lost. */
static fz_status start_loop(reader *r) {
  if (!r->table)
    return fz_fail(r->err, FZ_EINPUT, "%s:%lld: loop_ before any data_ block", r->path, (long long)r->line);
  if (r->table->fields > 0) {
    r->table = fz_io_star_table_append(r->star, r->table->name, (ptrdiff_t)strlen(r->table->name));
    if (!r->table) return out_of_memory(r);
  }
  r->table->loop = r->in_loop = true;
  return FZ_OK;
}

static fz_status pair_value(reader *r, fz_io_star_field *field, const char *at) {
  fz_io_star_cell value;
  if (!fz_io_star_next(&at, &value))
    return fz_fail(r->err, FZ_EINPUT, "%s:%lld: _%s has no value", r->path, (long long)r->line, field->label);
  if (value.length < 0)
    return fz_fail(r->err, FZ_EINPUT, "%s:%lld: the quoted value of _%s is not closed", r->path, (long long)r->line,
                   field->label);
  field->text = fz_alloc(value.length + 1, 1);
  field->offset = fz_alloc(1, sizeof *field->offset);
  if (!field->text || !field->offset) return out_of_memory(r);
  memcpy(field->text, value.text, (size_t)value.length);
  if (r->table->rows == 0 && !fz_io_star_row_append(r->table, r->at - r->star->text, r->line)) return out_of_memory(r);
  return FZ_OK;
}

static fz_status label_line(reader *r, fz_io_star_cell word, const char *rest) {
  if (!r->table)
    return fz_fail(r->err, FZ_EINPUT, "%s:%lld: a label before any data_ block", r->path, (long long)r->line);
  for (int i = 0; i < r->table->fields; i++) {
    const char *label = r->table->field[i].label;
    if ((ptrdiff_t)strlen(label) == word.length - 1 && memcmp(label, word.text + 1, (size_t)word.length - 1) == 0)
      return fz_fail(r->err, FZ_EINPUT, "%s:%lld: _%s stands twice in this block", r->path, (long long)r->line, label);
  }
  fz_io_star_field *field = fz_io_star_field_append(r->table, word.text + 1, word.length - 1);
  if (!field) return out_of_memory(r);
  if (!r->in_loop) return pair_value(r, field, rest);
  field->source = r->table->values++;
  return FZ_OK;
}

static fz_status data_line(reader *r) {
  if (!r->table || !r->in_loop || r->table->fields == 0)
    return fz_fail(r->err, FZ_EINPUT, "%s:%lld: \"%.*s\" belongs to no loop; not a STAR file?", r->path,
                   (long long)r->line, (int)(strcspn(r->at, "\r\n") < 40 ? strcspn(r->at, "\r\n") : 40), r->at);
  const char *at = r->at;
  int values = 0;
  fz_io_star_cell cell;
  while (fz_io_star_next(&at, &cell)) {
    if (cell.length < 0)
      return fz_fail(r->err, FZ_EINPUT, "%s:%lld: a quoted value is not closed", r->path, (long long)r->line);
    values++;
  }
  if (values != r->table->values)
    return fz_fail(r->err, FZ_EINPUT, "%s:%lld: %d values for the %d columns of data_%s; is the file cut off?", r->path,
                   (long long)r->line, values, r->table->values, r->table->name);
  return fz_io_star_row_append(r->table, r->at - r->star->text, r->line) ? FZ_OK : out_of_memory(r);
}

static bool starts(fz_io_star_cell word, const char *prefix) {
  ptrdiff_t n = (ptrdiff_t)strlen(prefix);
  return word.length >= n && memcmp(word.text, prefix, (size_t)n) == 0;
}

static fz_status one_line(reader *r) {
  const char *at = r->at;
  fz_io_star_cell word, second;
  if (r->at[0] == ';')
    return fz_fail(r->err, FZ_EINPUT, "%s:%lld: text over several lines (;) is not read", r->path, (long long)r->line);
  bool quoted = (at += strspn(at, " \t\r"), *at == '"' || *at == '\'');
  if (!fz_io_star_next(&at, &word)) return FZ_OK; /* blank or comment */
  if (quoted) return data_line(r);
  const char *rest = at;
  bool alone = !fz_io_star_next(&at, &second);
  if (alone && starts(word, "data_")) return start_block(r, word);
  if (alone && fz_io_star_is(word, "loop_")) return start_loop(r);
  bool more_labels = !r->in_loop || r->table->rows == 0;
  if (word.text[0] == '_' && word.length > 1 && more_labels) return label_line(r, word, rest);
  return data_line(r);
}

static fz_status all_lines(reader *r) {
  while (*r->at) {
    r->line++;
    fz_status st = one_line(r);
    if (st != FZ_OK) return st;
    const char *end = strchr(r->at, '\n');
    if (!end) break;
    r->at = end + 1;
  }
  if (r->star->tables == 0) return fz_fail(r->err, FZ_EINPUT, "%s: not a STAR file: it has no data_ block", r->path);
  return FZ_OK;
}

fz_status fz_io_star_read(const char *path, fz_io_star **out, fz_error *err) {
  int64_t size;
  *out = NULL;
  fz_io_star *star = fz_io_star_create();
  if (!star) return fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
  fz_status st = fz_io_file_read(path, &star->text, &size, err);
  if (st == FZ_OK && memchr(star->text, 0, (size_t)size))
    st = fz_fail(err, FZ_EINPUT, "%s: not a STAR file: it holds binary data", path);
  if (st == FZ_OK) {
    reader r = {.path = path, .star = star, .at = star->text, .err = err};
    if (memcmp(star->text, "\xef\xbb\xbf", size < 3 ? (size_t)size : 3) == 0 && size >= 3) r.at += 3;
    st = all_lines(&r);
  }
  if (st != FZ_OK) fz_io_star_destroy(&star);
  *out = star;
  return st;
}
