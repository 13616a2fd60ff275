#include "io/star.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/file.h"
#include "io/star_table.h"

enum { COLUMNS_MOST = 2000 };

typedef struct reader {
  const char *path;
  fz_io_findings *findings;
  fz_io_star *star;
  fz_io_star_table *table; /* the block being read */
  bool in_loop, in_text;   /* in_text: between lines that begin with ';', which are left out */
  const char *at;          /* start of the current line */
  int64_t line;
  fz_error *err;
} reader;

static fz_status out_of_memory(const reader *r) {
  return fz_fail(r->err, FZ_ENOMEM, "%s:%lld: no memory", r->path, (long long)r->line);
}

#define WRONG(r, kind, advice, ...)                                                                               \
  fz_io_findings_add((r)->findings, FZ_FINDING_ERROR, &(fz_io_place){.file = (r)->path, .line = (r)->line}, kind, \
                     advice, (r)->err, __VA_ARGS__)

static fz_status open_block(reader *r, const char *name, ptrdiff_t length) {
  r->table = fz_io_star_table_append(r->star, name, length);
  r->in_loop = false;
  return r->table ? FZ_OK : out_of_memory(r);
}

/* A second loop in the same block becomes a table of the same name: nothing is lost. */
static fz_status start_loop(reader *r) {
  fz_status st = FZ_OK;
  if (!r->table) {
    FZ_TRY(WRONG(r, "no-block", "is the head of the file missing?", "loop_ before any data_ block"));
    FZ_TRY(open_block(r, "", 0));
  } else if (r->table->fields > 0) {
    FZ_TRY(open_block(r, r->table->name, (ptrdiff_t)strlen(r->table->name)));
  }
  r->table->loop = r->in_loop = true;
done:
  return st;
}

static fz_status pair_value(reader *r, const fz_io_star_cell *word, const char *at) {
  fz_io_star_cell value;
  int n = (int)(word->length < 80 ? word->length : 80);
  if (!fz_io_star_next(&at, &value)) return WRONG(r, "no-value", "", "%.*s has no value", n, word->text);
  if (value.length < 0) return WRONG(r, "open-quote", "", "the quoted value of %.*s is not closed", n, word->text);
  fz_io_star_field *field = fz_io_star_field_append(r->table, word->text + 1, word->length - 1);
  if (!field) return out_of_memory(r);
  field->text = fz_alloc(value.length + 1, 1);
  field->offset = fz_alloc(1, sizeof *field->offset);
  if (!field->text || !field->offset) return out_of_memory(r);
  memcpy(field->text, value.text, (size_t)value.length);
  if (r->table->rows == 0 && !fz_io_star_row_append(r->table, r->at - r->star->text, r->line)) return out_of_memory(r);
  return FZ_OK;
}

static fz_status label_line(reader *r, fz_io_star_cell word, const char *rest) {
  fz_status st = FZ_OK;
  if (!r->table) {
    FZ_TRY(WRONG(r, "no-block", "is the head of the file missing?", "a label before any data_ block"));
    FZ_TRY(open_block(r, "", 0));
  }
  for (int i = 0; i < r->table->fields; i++) {
    const char *label = r->table->field[i].label;
    if ((ptrdiff_t)strlen(label) != word.length - 1 || memcmp(label, word.text + 1, (size_t)word.length - 1) != 0)
      continue;
    FZ_TRY(WRONG(r, "double-label", "remove one of the columns", "_%s stands twice in this block", label));
    break;
  }
  if (r->table->fields == COLUMNS_MOST)
    return fz_io_findings_stop(r->findings, &(fz_io_place){.file = r->path, .line = r->line}, "columns", "", r->err,
                               "more than %d labels in one block; not a STAR file?", (int)COLUMNS_MOST);
  if (!r->in_loop) return pair_value(r, &word, rest);
  fz_io_star_field *field = fz_io_star_field_append(r->table, word.text + 1, word.length - 1);
  if (!field) return out_of_memory(r);
  field->source = r->table->values++;
done:
  return st;
}

static fz_status data_line(reader *r) {
  size_t length = strcspn(r->at, "\r\n");
  if (!r->table || !r->in_loop || r->table->fields == 0)
    return WRONG(r, "no-loop", "", "\"%.*s\" belongs to no loop; not a STAR file?", (int)(length < 40 ? length : 40),
                 r->at);
  const char *at = r->at;
  int values = 0;
  fz_io_star_cell cell;
  while (fz_io_star_next(&at, &cell)) {
    if (cell.length < 0) return WRONG(r, "open-quote", "", "a quoted value is not closed");
    values++;
  }
  if (values != r->table->values)
    return WRONG(r, "row-length", "", "%d values for the %d columns of data_%.80s; is the file cut off?", values,
                 r->table->values, r->table->name);
  return fz_io_star_row_append(r->table, r->at - r->star->text, r->line) ? FZ_OK : out_of_memory(r);
}

static bool starts(fz_io_star_cell word, const char *prefix) {
  ptrdiff_t n = (ptrdiff_t)strlen(prefix);
  return word.length >= n && memcmp(word.text, prefix, (size_t)n) == 0;
}

static fz_status one_line(reader *r) {
  const char *at = r->at;
  fz_io_star_cell word, second;
  if (r->in_text) {
    r->in_text = r->at[0] != ';';
    return FZ_OK;
  }
  if (r->at[0] == ';') {
    r->in_text = true;
    return WRONG(r, "text-block", "put it on one line, in quotes", "text over several lines (;) is not read");
  }
  bool quoted = (at += strspn(at, " \t\r"), *at == '"' || *at == '\'');
  if (!fz_io_star_next(&at, &word)) return FZ_OK; /* blank or comment */
  if (quoted) return data_line(r);
  const char *rest = at;
  bool alone = !fz_io_star_next(&at, &second);
  if (alone && starts(word, "data_")) return open_block(r, word.text + 5, word.length - 5);
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
  return FZ_OK;
}

/* What no STAR file is. */
static fz_status judge(const reader *r, int64_t size) {
  const fz_io_place at = {.file = r->path};
  const char *text = r->star->text, *back = memchr(text, '\r', (size_t)size);
  if (memchr(text, 0, (size_t)size))
    return fz_io_findings_stop(r->findings, &at, "not-star", "", r->err, "not a STAR file: it holds binary data");
  if (back && !memchr(text, '\n', (size_t)size))
    return fz_io_findings_stop(r->findings, &at, "line-ends", "convert them (tr '\\r' '\\n')", r->err,
                               "its lines end with carriage returns only");
  return FZ_OK;
}

fz_status fz_io_star_read_noting(const char *path, fz_io_findings *findings, fz_io_star **out, fz_error *err) {
  int64_t size;
  *out = NULL;
  fz_io_star *star = fz_io_star_create();
  if (!star) return fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
  reader r = {.path = path, .findings = findings, .star = star, .err = err};
  fz_status st;
  FZ_TRY(fz_io_file_read(path, &star->text, &size, err));
  FZ_TRY(judge(&r, size));
  r.at = star->text;
  if (size >= 3 && memcmp(star->text, "\xef\xbb\xbf", 3) == 0) r.at += 3;
  FZ_TRY(all_lines(&r));
  if (star->tables == 0)
    st = fz_io_findings_stop(findings, &(fz_io_place){.file = path}, "not-star", "", err,
                             "not a STAR file: it has no data_ block");
done:
  if (st != FZ_OK) fz_io_star_destroy(&star);
  *out = star;
  return st;
}

fz_status fz_io_star_read(const char *path, fz_io_star **out, fz_error *err) {
  fz_io_findings *findings = fz_io_findings_create(true);
  *out = NULL;
  if (!findings) return fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
  fz_status st = fz_io_star_read_noting(path, findings, out, err);
  fz_io_findings_destroy(&findings);
  return st;
}
