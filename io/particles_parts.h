/* The inside of fz_io_particles, shared by the particles_*.c files. */
#ifndef FZ_IO_PARTICLES_PARTS_H
#define FZ_IO_PARTICLES_PARTS_H
#include "io/names.h"
#include "io/particles.h"
#include "io/star.h"

enum { FZ_PARTICLES_NOTES = 32 };

struct fz_io_particles {
  char *path;
  const char *style;
  fz_particles table;
  fz_io_names stacks;      /* as the file names them; table.stack_path says where they are */
  bool *found, *elsewhere; /* [n_stacks]: found at all; found under another name than given */
  bool cs;                 /* read from a .cs file: messages speak of its rows and fields */
  bool poses;
  bool images_optional; /* read for its poses only */
  bool old_origins;     /* origins in the table are still in pixels (only while reading) */
  fz_io_star *star;     /* NULL for .cs until it is written */
  fz_io_star_table *rows;
  bool modern; /* star already has its 3.1 form */
  int notes;
  char *note[FZ_PARTICLES_NOTES]; /* unsupported features */
};

/** Note something that cannot be used; further ones beyond the room are dropped (one suffices to refuse). */
void fz_io_particles_note(fz_io_particles *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Fill p->table, p->stacks, p->poses, p->style and notes from an open file. */
fz_status fz_io_particles_from_star(fz_io_particles *p, fz_error *err);
fz_status fz_io_particles_from_cs(fz_io_particles *p, fz_error *err);

/** Make p->star from p->table. */
fz_status fz_io_particles_make_star(fz_io_particles *p, fz_error *err);

#endif
