/* What the PDB and the mmCIF reader share. */
#ifndef FZ_IO_ATOMS_READER_H
#define FZ_IO_ATOMS_READER_H
#include <stdbool.h>
#include <stdint.h>

#include "io/atoms.h"

/* A piece of the file's text. */
typedef struct fz_io_span {
  const char *text;
  ptrdiff_t length;
} fz_io_span;

typedef struct fz_io_atoms_reader {
  const char *path;
  int64_t line; /* 1-based, of the record being read */
  fz_atoms *atoms;
  ptrdiff_t room;
} fz_io_atoms_reader;

fz_io_span fz_io_span_trim(fz_io_span span);
/** The span as a finite number; fails FZ_EINPUT naming file, line and `what`. */
fz_status fz_io_atoms_number(const fz_io_atoms_reader *r, fz_io_span span, const char *what, double *value,
                             fz_error *err);
/** Append one atom, unless io/atoms.h says it is left out. */
fz_status fz_io_atoms_add(fz_io_atoms_reader *r, const fz_atom *atom, fz_io_span residue, fz_error *err);

fz_status fz_io_atoms_from_pdb(fz_io_atoms_reader *r, const char *text, fz_error *err);
fz_status fz_io_atoms_from_cif(fz_io_atoms_reader *r, const char *text, fz_error *err);

#endif
