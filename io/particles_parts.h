/* The inside of fz_io_particles, shared by the particles_*.c files. */
#ifndef FZ_IO_PARTICLES_PARTS_H
#define FZ_IO_PARTICLES_PARTS_H
#include "io/findings.h"
#include "io/names.h"
#include "io/particles.h"
#include "io/star.h"

enum { FZ_PARTICLES_NOTES = 32 };

/* Something that cannot be used. */
typedef struct fz_io_note {
  int64_t line;
  char *label, *text, *advice;
  char *whole; /* the message */
} fz_io_note;

struct fz_io_particles {
  char *path;
  fz_io_findings *findings; /* where the reader tells what is wrong */
  bool own_findings;
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
  fz_io_note note[FZ_PARTICLES_NOTES]; /* unsupported features */
  bool *bad_group;                     /* [n_optics] already found to be wrong; NULL: none */
  int64_t *holds;                      /* [n_stacks] images that can be looked at, once the stacks were checked */
  fz_particles kept;                   /* what is left after an exclusion; stacks and optics are those of table */
  int64_t *row_of;                     /* [kept.n] their rows in table; NULL: none was excluded */
  uint8_t *reason;                     /* [table.n] fz_image_fault, 0 for those that are kept; NULL with row_of */
};

/** Note something that cannot be used; further ones beyond the room are dropped (one suffices to refuse).  A label of
 *  a STAR file may come without its underscore. */
void fz_io_particles_note(fz_io_particles *p, int64_t line, const char *label, const char *advice, const char *format,
                          ...) __attribute__((format(printf, 5, 6)));

/** Fill p->table, p->stacks, p->poses, p->style and notes from an open file. */
fz_status fz_io_particles_from_star(fz_io_particles *p, fz_error *err);
fz_status fz_io_particles_from_cs(fz_io_particles *p, fz_error *err);

/** Bring p->star to its 3.1 form, with the names under which stacks were found: before every write. */
fz_status fz_io_particles_prepare_star(fz_io_particles *p, fz_error *err);

/** Make p->star from p->table. */
fz_status fz_io_particles_make_star(fz_io_particles *p, fz_error *err);

#endif
