#include "io/atoms.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "io/atoms_reader.h"
#include "io/file.h"

fz_io_span fz_io_span_trim(fz_io_span s) {
  while (s.length > 0 && isspace((unsigned char)s.text[0])) {
    s.text++;
    s.length--;
  }
  while (s.length > 0 && isspace((unsigned char)s.text[s.length - 1])) s.length--;
  return s;
}

fz_status fz_io_atoms_number(const fz_io_atoms_reader *r, fz_io_span span, const char *what, double *value,
                             fz_error *err) {
  char buffer[32], *end;
  span = fz_io_span_trim(span);
  if (span.length > 0 && span.length < (ptrdiff_t)sizeof buffer) {
    memcpy(buffer, span.text, (size_t)span.length);
    buffer[span.length] = 0;
    *value = strtod(buffer, &end);
    if (*end == 0 && isfinite(*value)) return FZ_OK;
  }
  return fz_fail(err, FZ_EINPUT, "%s:%lld: %s is '%.*s', not a number", r->path, (long long)r->line, what,
                 (int)(span.length < 40 ? span.length : 40), span.text);
}

static bool is_water(fz_io_span residue) {
  static const char *const names[] = {"HOH", "WAT", "DOD", "H2O"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (residue.length == 3 && memcmp(residue.text, names[i], 3) == 0) return true;
  return false;
}

fz_status fz_io_atoms_add(fz_io_atoms_reader *r, const fz_atom *atom, fz_io_span residue, fz_error *err) {
  if (atom->number == 1 || !(atom->occupancy > 0) || is_water(fz_io_span_trim(residue))) return FZ_OK;
  if (r->atoms->n == r->room) {
    ptrdiff_t room = r->room ? 2 * r->room : 4096;
    fz_atom *grown = r->room ? fz_realloc(r->atoms->atom, room, sizeof *grown) : fz_alloc(room, sizeof *grown);
    if (!grown) return fz_fail(err, FZ_ENOMEM, "%s: no memory for %td atoms", r->path, room);
    r->atoms->atom = grown;
    r->room = room;
  }
  r->atoms->atom[r->atoms->n++] = *atom;
  return FZ_OK;
}

/* mmCIF files begin with data_NAME, after comments; PDB files with a record name. */
static bool is_cif(const char *text) {
  while (*text) {
    while (isspace((unsigned char)*text)) text++;
    if (*text != '#') break;
    while (*text && *text != '\n') text++;
  }
  return strncasecmp(text, "data_", 5) == 0;
}

fz_status fz_io_atoms_read(const char *path, fz_atoms *atoms, fz_error *err) {
  char *text = NULL;
  int64_t size;
  *atoms = (fz_atoms){0};
  fz_io_atoms_reader r = {.path = path, .atoms = atoms};
  fz_status st = FZ_OK;
  FZ_TRY(fz_io_file_read(path, &text, &size, err));
  if (memchr(text, 0, (size_t)size)) {
    st = fz_fail(err, FZ_EINPUT, "%s: not a text file, so neither PDB nor mmCIF", path);
    goto done;
  }
  FZ_TRY(is_cif(text) ? fz_io_atoms_from_cif(&r, text, err) : fz_io_atoms_from_pdb(&r, text, err));
  if (atoms->n == 0)
    st = fz_fail(err, FZ_EINPUT, "%s: no atoms of an atomic model in it (hydrogens and water do not count)", path);
done:
  fz_free(&text);
  if (st != FZ_OK) fz_atoms_clear(atoms);
  return st;
}
