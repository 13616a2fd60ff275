/* PDB records: fixed columns, one record per line. */
#include <ctype.h>
#include <string.h>

#include "io/atoms_reader.h"

/* Columns first..last of a record, 1-based as in the format's description; shorter lines give empty spans. */
static fz_io_span columns(fz_io_span line, int first, int last) {
  fz_io_span s = {line.text + first - 1, last - first + 1};
  if (line.length < first) return (fz_io_span){line.text, 0};
  if (line.length < last) s.length = line.length - first + 1;
  return s;
}

/* Columns 77-78; old files leave them blank, and then the name's columns 13-14 hold the element, right-aligned. */
static int element(fz_io_span line) {
  fz_io_span s = fz_io_span_trim(columns(line, 77, 78));
  int number = fz_element_number(s.text, s.length);
  if (number || s.length > 0) return number;
  fz_io_span whole = fz_io_span_trim(columns(line, 13, 16)), name = columns(line, 13, 14);
  if (whole.length == 4 && whole.text[0] == 'H') return 1; /* HG21 is no mercury: long hydrogen names start at 13 */
  if (name.length == 2 && isdigit((unsigned char)name.text[0])) name.text++, name.length--;
  s = fz_io_span_trim(name);
  return fz_element_number(s.text, s.length);
}

static fz_status read_atom(fz_io_atoms_reader *r, fz_io_span line, fz_error *err) {
  static const char *const axis[] = {"coordinate x (columns 31-38)", "coordinate y (columns 39-46)",
                                     "coordinate z (columns 47-54)"};
  fz_atom atom = {.occupancy = 1, .number = element(line)};
  fz_status st = FZ_OK;
  fz_io_span occupancy = fz_io_span_trim(columns(line, 55, 60)), b = fz_io_span_trim(columns(line, 61, 66));
  if (atom.number == 0)
    return fz_fail(err, FZ_EINPUT, "%s:%lld: no element of that name (columns 77-78 '%.*s', atom name '%.*s')", r->path,
                   (long long)r->line, (int)columns(line, 77, 78).length, columns(line, 77, 78).text,
                   (int)columns(line, 13, 16).length, columns(line, 13, 16).text);
  for (int c = 0; c < 3; c++)
    FZ_TRY(fz_io_atoms_number(r, columns(line, 31 + 8 * c, 38 + 8 * c), axis[c], &atom.at_A[c], err));
  if (occupancy.length > 0) FZ_TRY(fz_io_atoms_number(r, occupancy, "occupancy", &atom.occupancy, err));
  if (b.length > 0) FZ_TRY(fz_io_atoms_number(r, b, "temperature factor", &atom.b_factor_A2, err));
  st = fz_io_atoms_add(r, &atom, columns(line, 18, 20), err);
done:
  return st;
}

fz_status fz_io_atoms_from_pdb(fz_io_atoms_reader *r, const char *text, fz_error *err) {
  while (*text) {
    size_t length = strcspn(text, "\r\n");
    fz_io_span line = {text, (ptrdiff_t)length};
    r->line++;
    if (strncmp(text, "ENDMDL", 6) == 0) return FZ_OK; /* the first model only */
    if (strncmp(text, "ATOM  ", 6) == 0 || strncmp(text, "HETATM", 6) == 0) {
      fz_status st = read_atom(r, line, err);
      if (st != FZ_OK) return st;
    }
    text += length;
    if (*text == '\r') text++;
    if (*text == '\n') text++;
  }
  return FZ_OK;
}
