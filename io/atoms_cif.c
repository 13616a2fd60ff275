/* The _atom_site loop of an mmCIF file: a stream of tokens, quoted or not, and text between lines that start with ';'.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "io/atoms_reader.h"

enum { SYMBOL, X, Y, Z, OCCUPANCY, B_FACTOR, RESIDUE, MODEL, FIELDS, COLUMNS_MAX = 128 };
static const char *const field_name[FIELDS] = {"type_symbol", "Cartn_x",        "Cartn_y",       "Cartn_z",
                                               "occupancy",   "B_iso_or_equiv", "label_comp_id", "pdbx_PDB_model_num"};

typedef struct scanner {
  const char *at;
  bool line_start;
  int64_t line, token_line;
} scanner;

static void skip_blank(scanner *s) {
  while (*s->at) {
    if (*s->at == '\n') {
      s->line++;
      s->line_start = true;
      s->at++;
    } else if (isspace((unsigned char)*s->at)) {
      s->line_start = false;
      s->at++;
    } else if (*s->at == '#') {
      while (*s->at && *s->at != '\n') s->at++;
    } else {
      return;
    }
  }
}

static fz_io_span text_field(scanner *s) {
  fz_io_span t = {++s->at, 0};
  while (*s->at && !(s->at[0] == '\n' && s->at[1] == ';')) s->line += *s->at++ == '\n';
  t.length = s->at - t.text;
  if (*s->at) {
    s->at += 2;
    s->line++;
  }
  return t;
}

/* The next token; an empty one at address NULL ends the file.  *quoted tells a value "loop_" from the word loop_. */
static fz_io_span next_token(scanner *s, bool *quoted) {
  skip_blank(s);
  fz_io_span t = {s->at, 0};
  s->token_line = s->line;
  *quoted = true;
  if (!*s->at) return (fz_io_span){NULL, 0};
  if (*s->at == ';' && s->line_start) {
    t = text_field(s);
  } else if (*s->at == '\'' || *s->at == '"') {
    char quote = *s->at++;
    t.text = s->at;
    /* A quote ends the value only in front of white space. */
    while (*s->at && *s->at != '\n' && !(*s->at == quote && (!s->at[1] || isspace((unsigned char)s->at[1])))) s->at++;
    t.length = s->at - t.text;
    if (*s->at == quote) s->at++;
  } else {
    *quoted = false;
    while (*s->at && !isspace((unsigned char)*s->at)) s->at++;
    t.length = s->at - t.text;
  }
  s->line_start = false;
  return t;
}

static bool starts(fz_io_span t, const char *word) {
  ptrdiff_t n = (ptrdiff_t)strlen(word);
  return t.length >= n && strncasecmp(t.text, word, (size_t)n) == 0;
}

static bool is(fz_io_span t, const char *word) {
  return t.length == (ptrdiff_t)strlen(word) && starts(t, word);
}

/* '.' and '?' stand for values that are not given. */
static bool given(fz_io_span t) {
  return t.length > 0 && !is(t, ".") && !is(t, "?");
}

static fz_status read_row(fz_io_atoms_reader *r, const fz_io_span *cell, const int *column, fz_error *err) {
  fz_io_span value[FIELDS];
  fz_status st = FZ_OK;
  for (int f = 0; f < FIELDS; f++) value[f] = column[f] >= 0 ? cell[column[f]] : (fz_io_span){".", 1};
  fz_atom atom = {.occupancy = 1, .number = fz_element_number(value[SYMBOL].text, value[SYMBOL].length)};
  if (atom.number == 0)
    return fz_fail(err, FZ_EINPUT, "%s:%lld: no element called '%.*s' (_atom_site.type_symbol)", r->path,
                   (long long)r->line, (int)(value[SYMBOL].length < 20 ? value[SYMBOL].length : 20),
                   value[SYMBOL].text);
  for (int c = 0; c < 3; c++) FZ_TRY(fz_io_atoms_number(r, value[X + c], field_name[X + c], &atom.at_A[c], err));
  if (given(value[OCCUPANCY]))
    FZ_TRY(fz_io_atoms_number(r, value[OCCUPANCY], field_name[OCCUPANCY], &atom.occupancy, err));
  if (given(value[B_FACTOR]))
    FZ_TRY(fz_io_atoms_number(r, value[B_FACTOR], field_name[B_FACTOR], &atom.b_factor_A2, err));
  st = fz_io_atoms_add(r, &atom, value[RESIDUE], err);
done:
  return st;
}

/* Column labels of a loop whose first label is `t`; leaves the first value in *t.  columns < 0: too many. */
static int read_labels(scanner *s, fz_io_span *t, bool *quoted, int *column) {
  static const char category[] = "_atom_site.";
  int columns = 0;
  for (int f = 0; f < FIELDS; f++) column[f] = -1;
  while (!*quoted && t->text && t->text[0] == '_') {
    fz_io_span name = {t->text + sizeof category - 1, t->length - (ptrdiff_t)sizeof category + 1};
    for (int f = 0; f < FIELDS; f++)
      if (starts(*t, category) && is(name, field_name[f])) column[f] = columns;
    if (++columns > COLUMNS_MAX) return -1;
    *t = next_token(s, quoted);
  }
  return columns;
}

static bool ends_loop(fz_io_span t, bool quoted) {
  return !t.text || (!quoted && (t.text[0] == '_' || is(t, "loop_") || starts(t, "data_") || is(t, "stop_")));
}

static fz_status read_loop(fz_io_atoms_reader *r, scanner *s, fz_io_span t, bool quoted, fz_error *err) {
  int column[FIELDS], columns = read_labels(s, &t, &quoted, column);
  fz_io_span cell[COLUMNS_MAX], model = {NULL, 0};
  if (columns < 0)
    return fz_fail(err, FZ_EINPUT, "%s:%lld: more than %d columns in the _atom_site loop", r->path, (long long)s->line,
                   (int)COLUMNS_MAX);
  for (int f = SYMBOL; f <= Z; f++)
    if (column[f] < 0)
      return fz_fail(err, FZ_EINPUT, "%s: the _atom_site loop has no column _atom_site.%s", r->path, field_name[f]);
  while (!ends_loop(t, quoted)) {
    r->line = s->token_line;
    for (int c = 0; c < columns; c++) {
      if (ends_loop(t, quoted))
        return fz_fail(err, FZ_EINPUT, "%s:%lld: the row of the _atom_site loop ends after %d of %d values", r->path,
                       (long long)r->line, c, columns);
      cell[c] = t;
      t = next_token(s, &quoted);
    }
    if (column[MODEL] >= 0) {
      fz_io_span now = cell[column[MODEL]];
      if (!model.text) model = now;
      if (now.length != model.length || memcmp(now.text, model.text, (size_t)now.length) != 0) break;
    }
    fz_status st = read_row(r, cell, column, err);
    if (st != FZ_OK) return st;
  }
  return FZ_OK;
}

fz_status fz_io_atoms_from_cif(fz_io_atoms_reader *r, const char *text, fz_error *err) {
  scanner s = {.at = text, .line_start = true, .line = 1};
  bool quoted, after_loop = false;
  for (fz_io_span t = next_token(&s, &quoted); t.text; t = next_token(&s, &quoted)) {
    if (after_loop && !quoted && starts(t, "_atom_site.")) return read_loop(r, &s, t, quoted, err);
    after_loop = !quoted && is(t, "loop_");
  }
  return fz_fail(err, FZ_EINPUT, "%s: an mmCIF file without an _atom_site loop holds no atoms", r->path);
}
