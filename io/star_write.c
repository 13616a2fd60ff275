/* The writer of star.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/file.h"
#include "io/star_table.h"

/* Text on its way to the file; the first failure is kept, later calls do nothing. */
typedef struct writer {
  fz_io_output out;
  char *buffer;
  ptrdiff_t used;
  int64_t offset;
  fz_status st;
  fz_error *err;
} writer;

enum { BUFFER = 1 << 20 };

static void flush(writer *w) {
  if (w->st == FZ_OK) w->st = fz_io_file_pwrite(w->out.fd, w->out.partial, w->buffer, w->used, w->offset, w->err);
  w->offset += w->used;
  w->used = 0;
}

static void put(writer *w, const char *text, ptrdiff_t n) {
  while (n > 0) {
    ptrdiff_t now = n < BUFFER - w->used ? n : BUFFER - w->used;
    memcpy(w->buffer + w->used, text, (size_t)now);
    w->used += now;
    text += now;
    n -= now;
    if (w->used == BUFFER) flush(w);
  }
}

static void put_text(writer *w, const char *text) {
  put(w, text, (ptrdiff_t)strlen(text));
}

/* A line of just this word begins something else than a row. */
static bool is_keyword(const char *text, ptrdiff_t n) {
  return n >= 5 && (memcmp(text, "data_", 5) == 0 || (n == 5 && memcmp(text, "loop_", 5) == 0));
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

/* A quote before white space would close the value; others within it are no harm, but better avoided. */
static const char *choose_quote(const char *text, ptrdiff_t n) {
  bool inside[2] = {false, false}, closes[2] = {false, false};
  for (ptrdiff_t i = 0; i < n; i++)
    for (int q = 0; q < 2; q++) {
      if (text[i] != "\"'"[q]) continue;
      inside[q] = true;
      closes[q] = closes[q] || (i + 1 < n && is_blank(text[i + 1]));
    }
  return !inside[0] ? "\"" : !inside[1] || closes[0] ? "'" : "\"";
}

/* Quotes only where reading back would go wrong without them. */
static void put_value(writer *w, const char *text, ptrdiff_t n, bool alone) {
  bool plain = n > 0 && !strchr("\"'#_;", text[0]) && !(alone && is_keyword(text, n));
  for (ptrdiff_t i = 0; i < n; i++) plain = plain && !is_blank(text[i]);
  const char *quote = choose_quote(text, n);
  if (!plain) put(w, quote, 1);
  put(w, text, n);
  if (!plain) put(w, quote, 1);
}

static void put_number(writer *w, double number, int decimals) {
  char text[64];
  if (decimals >= 0 && fabs(number) < 1e15)
    snprintf(text, sizeof text, "%12.*f", decimals, number);
  else
    snprintf(text, sizeof text, "%12.10g", number);
  put_text(w, text);
}

static void put_field(writer *w, const fz_io_star_field *field, fz_io_star_cell cell, int64_t row, bool alone) {
  if (field->number) {
    put_number(w, field->number[row], field->decimals);
  } else if (field->text) {
    const char *text = field->text + field->offset[row];
    put_value(w, text, (ptrdiff_t)strlen(text), alone);
  } else {
    put_value(w, cell.text, cell.length, alone);
  }
}

static void put_loop(writer *w, const fz_io_star_table *table, fz_io_star_cell *cell, const int64_t *rows, int64_t n) {
  char text[32];
  int number = 0;
  put_text(w, "loop_\n");
  for (int i = 0; i < table->fields; i++) {
    if (table->field[i].dropped) continue;
    snprintf(text, sizeof text, " #%d\n", ++number);
    put_text(w, "_");
    put_text(w, table->field[i].label);
    put_text(w, text);
  }
  for (int64_t k = 0; k < n && w->st == FZ_OK; k++) {
    int64_t row = rows ? rows[k] : k;
    fz_io_star_row(table, row, cell);
    for (int i = 0; i < table->fields; i++) {
      if (table->field[i].dropped) continue;
      put_field(w, &table->field[i], cell[i], row, number == 1);
      put(w, " ", 1);
    }
    put(w, "\n", 1);
  }
}

static void put_pairs(writer *w, const fz_io_star_table *table) {
  for (int i = 0; i < table->fields; i++) {
    const fz_io_star_field *field = &table->field[i];
    if (field->dropped) continue;
    put_text(w, "_");
    put_text(w, field->label);
    put_text(w, " ");
    put_field(w, field, (fz_io_star_cell){"", 0}, 0, false);
    put_text(w, "\n");
  }
}

static int most_fields(const fz_io_star *star) {
  int most = 1;
  for (int i = 0; i < star->tables; i++)
    if (star->table[i]->fields > most) most = star->table[i]->fields;
  return most;
}

fz_status fz_io_star_write(const fz_io_star *star, const char *path, const char *comment,
                           const fz_io_star_table *subset, const int64_t *row, int64_t n_rows, fz_error *err) {
  writer w = {.out.fd = -1, .buffer = fz_alloc(BUFFER, 1), .err = err};
  fz_io_star_cell *cell = fz_alloc(most_fields(star), sizeof *cell);
  if (!w.buffer || !cell) {
    w.st = fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
    goto done;
  }
  w.st = fz_io_output_open(path, &w.out, err);
  if (comment) {
    put_text(&w, "# ");
    put_text(&w, comment);
    put_text(&w, "\n");
  }
  for (int i = 0; i < star->tables && w.st == FZ_OK; i++) {
    const fz_io_star_table *table = star->table[i];
    put_text(&w, "\n# version 30001\n\ndata_");
    put_text(&w, table->name);
    put_text(&w, "\n\n");
    if (!table->loop)
      put_pairs(&w, table);
    else if (table == subset)
      put_loop(&w, table, cell, row, n_rows);
    else
      put_loop(&w, table, cell, NULL, table->rows);
    put_text(&w, "\n");
  }
  if (w.st == FZ_OK) flush(&w);
  if (w.st == FZ_OK) w.st = fz_io_output_commit(&w.out, err);
done:
  fz_io_output_abandon(&w.out);
  fz_free(&cell);
  fz_free(&w.buffer);
  return w.st;
}
