#include "io/star_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static char *copy_text(const char *text, ptrdiff_t length) {
  char *copy = fz_alloc(length + 1, 1);
  if (copy) memcpy(copy, text, (size_t)length);
  return copy;
}

fz_io_star *fz_io_star_create(void) {
  return fz_alloc(1, sizeof(fz_io_star));
}

static void clear_field(fz_io_star_field *field) {
  fz_free(&field->number);
  fz_free(&field->text);
  fz_free(&field->offset);
}

static void destroy_table(fz_io_star_table **p) {
  fz_io_star_table *table = *p;
  if (!table) return;
  for (int i = 0; i < table->fields; i++) {
    clear_field(&table->field[i]);
    fz_free(&table->field[i].label);
  }
  fz_free(&table->field);
  fz_free(&table->row_offset);
  fz_free(&table->row_line);
  fz_free(&table->name);
  fz_free(p);
}

void fz_io_star_destroy(fz_io_star **p) {
  fz_io_star *star = *p;
  if (!star) return;
  for (int i = 0; i < star->tables; i++) destroy_table(&star->table[i]);
  fz_free(&star->table);
  fz_free(&star->text);
  fz_free(p);
}

fz_io_star_table *fz_io_star_table_append(fz_io_star *star, const char *name, ptrdiff_t name_length) {
  if (star->tables == star->table_room) {
    int room = star->table_room ? 2 * star->table_room : 8;
    fz_io_star_table **grown = fz_realloc(star->table, room, sizeof *grown);
    if (!grown) return NULL;
    star->table = grown;
    star->table_room = room;
  }
  fz_io_star_table *table = fz_alloc(1, sizeof *table);
  if (!table) return NULL;
  table->name = copy_text(name, name_length);
  table->file = star->text;
  if (!table->name) destroy_table(&table);
  if (table) star->table[star->tables++] = table;
  return table;
}

fz_io_star_field *fz_io_star_field_append(fz_io_star_table *table, const char *label, ptrdiff_t length) {
  if (table->fields == table->field_room) {
    int room = table->field_room ? 2 * table->field_room : 32;
    fz_io_star_field *grown = fz_realloc(table->field, room, sizeof *grown);
    if (!grown) return NULL;
    table->field = grown;
    table->field_room = room;
  }
  fz_io_star_field *field = &table->field[table->fields];
  *field = (fz_io_star_field){.label = copy_text(label, length), .source = -1};
  if (!field->label) return NULL;
  table->fields++;
  return field;
}

bool fz_io_star_row_append(fz_io_star_table *table, int64_t offset, int64_t line) {
  if (table->rows == table->row_room) {
    int64_t room = table->row_room ? 2 * table->row_room : 256;
    int64_t *offsets = fz_realloc(table->row_offset, room, sizeof *offsets);
    if (!offsets) return false;
    table->row_offset = offsets;
    int64_t *lines = fz_realloc(table->row_line, room, sizeof *lines);
    if (!lines) return false;
    table->row_line = lines;
    table->row_room = room;
  }
  table->row_offset[table->rows] = offset;
  table->row_line[table->rows++] = line;
  return true;
}

int fz_io_star_table_count(const fz_io_star *star) {
  return star->tables;
}
fz_io_star_table *fz_io_star_table_at(fz_io_star *star, int i) {
  return star->table[i];
}

fz_io_star_table *fz_io_star_find(fz_io_star *star, const char *name) {
  for (int i = 0; i < star->tables; i++)
    if (strcmp(star->table[i]->name, name) == 0) return star->table[i];
  return NULL;
}

fz_io_star_table *fz_io_star_add(fz_io_star *star, const char *name, int64_t rows, bool first) {
  fz_io_star_table *table = fz_io_star_table_append(star, name, (ptrdiff_t)strlen(name));
  if (!table) return NULL;
  table->loop = true;
  table->rows = rows;
  table->file = NULL;
  if (first) {
    memmove(star->table + 1, star->table, (size_t)(star->tables - 1) * sizeof *star->table);
    star->table[0] = table;
  }
  return table;
}

const char *fz_io_star_name(const fz_io_star_table *table) {
  return table->name;
}

fz_status fz_io_star_rename(fz_io_star_table *table, const char *name, fz_error *err) {
  char *copy = fz_strdup(name);
  if (!copy) return fz_fail(err, FZ_ENOMEM, "no memory for a block name");
  fz_free(&table->name);
  table->name = copy;
  return FZ_OK;
}

bool fz_io_star_is_loop(const fz_io_star_table *table) {
  return table->loop;
}
int64_t fz_io_star_rows(const fz_io_star_table *table) {
  return table->rows;
}
int fz_io_star_columns(const fz_io_star_table *table) {
  return table->fields;
}
const char *fz_io_star_label(const fz_io_star_table *table, int column) {
  return table->field[column].label;
}
int64_t fz_io_star_line(const fz_io_star_table *table, int64_t row) {
  return table->file ? table->row_line[row] : 0;
}

int fz_io_star_column(const fz_io_star_table *table, const char *label) {
  for (int i = 0; i < table->fields; i++)
    if (!table->field[i].dropped && strcmp(table->field[i].label, label) == 0) return i;
  return -1;
}

bool fz_io_star_next(const char **at, fz_io_star_cell *cell) {
  const char *c = *at;
  while (*c == ' ' || *c == '\t' || *c == '\r') c++;
  if (*c == 0 || *c == '\n' || *c == '#') {
    *at = c;
    return false;
  }
  if (*c == '"' || *c == '\'') {
    char quote = *c++;
    const char *from = c;
    /* The closing quote is the one followed by white space: 'a'b' is the value a'b. */
    while (*c && *c != '\n' && !(*c == quote && (c[1] == 0 || strchr(" \t\r\n", c[1])))) c++;
    *cell = (fz_io_star_cell){from, *c == quote ? c - from : -1};
    *at = *c == quote ? c + 1 : c;
    return true;
  }
  const char *from = c;
  while (*c && *c != ' ' && *c != '\t' && *c != '\r' && *c != '\n') c++;
  *cell = (fz_io_star_cell){from, c - from};
  *at = c;
  return true;
}

/* The pairs of a block without a loop stand on lines of their own; their value is the field's text. */
static void pair_row(const fz_io_star_table *table, fz_io_star_cell *cell) {
  for (int i = 0; i < table->fields; i++) {
    const fz_io_star_field *field = &table->field[i];
    cell[i] = (fz_io_star_cell){"", 0};
    if (field->text) cell[i] = (fz_io_star_cell){field->text, (ptrdiff_t)strlen(field->text)};
  }
}

void fz_io_star_row(const fz_io_star_table *table, int64_t row, fz_io_star_cell *cell) {
  if (!table->loop) {
    pair_row(table, cell);
    return;
  }
  const char *at = table->file ? table->file + table->row_offset[row] : "";
  int field = 0;
  for (int value = 0; value < table->values; value++) {
    fz_io_star_cell next = {"", 0};
    fz_io_star_next(&at, &next);
    while (field < table->fields && table->field[field].source < value) cell[field++] = (fz_io_star_cell){"", 0};
    if (field < table->fields && table->field[field].source == value) cell[field++] = next;
  }
  while (field < table->fields) cell[field++] = (fz_io_star_cell){"", 0};
}

bool fz_io_star_number(fz_io_star_cell cell, double *value) {
  char text[64];
  if (cell.length < 1 || cell.length >= (ptrdiff_t)sizeof text) return false;
  memcpy(text, cell.text, (size_t)cell.length);
  text[cell.length] = 0;
  char *end;
  *value = strtod(text, &end);
  return *end == 0 && isfinite(*value);
}

bool fz_io_star_integer(fz_io_star_cell cell, int64_t *value) {
  double number;
  if (!fz_io_star_number(cell, &number) || number != floor(number) || fabs(number) > 9e15) return false;
  *value = (int64_t)number;
  return true;
}

bool fz_io_star_is(fz_io_star_cell cell, const char *text) {
  return cell.length == (ptrdiff_t)strlen(text) && memcmp(cell.text, text, (size_t)cell.length) == 0;
}

/* The field to fill: the one with this label, emptied, or a new one.  Its place among the columns stays. */
static fz_io_star_field *field_to_set(fz_io_star_table *table, const char *label) {
  int i = fz_io_star_column(table, label);
  if (i < 0) return fz_io_star_field_append(table, label, (ptrdiff_t)strlen(label));
  clear_field(&table->field[i]);
  return &table->field[i];
}

fz_status fz_io_star_set_numbers(fz_io_star_table *table, const char *label, const double *number, int decimals,
                                 fz_error *err) {
  double *copy = fz_alloc((ptrdiff_t)table->rows, sizeof *copy);
  fz_io_star_field *field = copy ? field_to_set(table, label) : NULL;
  if (!field) {
    fz_free(&copy);
    return fz_fail(err, FZ_ENOMEM, "no memory for the column %s", label);
  }
  memcpy(copy, number, (size_t)table->rows * sizeof *copy);
  field->number = copy;
  field->decimals = decimals;
  return FZ_OK;
}

fz_status fz_io_star_set_text(fz_io_star_table *table, const char *label, const char *const *text, fz_error *err) {
  ptrdiff_t bytes = 0;
  for (int64_t i = 0; i < table->rows; i++) bytes += (ptrdiff_t)strlen(text[i]) + 1;
  char *copy = fz_alloc(bytes, 1);
  int64_t *offset = fz_alloc((ptrdiff_t)table->rows, sizeof *offset);
  fz_io_star_field *field = copy && offset ? field_to_set(table, label) : NULL;
  if (!field) {
    fz_free(&copy);
    fz_free(&offset);
    return fz_fail(err, FZ_ENOMEM, "no memory for the column %s", label);
  }
  bytes = 0;
  for (int64_t i = 0; i < table->rows; i++) {
    offset[i] = bytes;
    size_t length = strlen(text[i]) + 1;
    memcpy(copy + bytes, text[i], length);
    bytes += (ptrdiff_t)length;
  }
  field->text = copy;
  field->offset = offset;
  return FZ_OK;
}

void fz_io_star_drop(fz_io_star_table *table, const char *label) {
  int i = fz_io_star_column(table, label);
  if (i >= 0) table->field[i].dropped = true;
}
