/* Particle sets: RELION STAR files (any version) and cryoSPARC .cs files in, RELION 3.1 STAR files out.
 * Reading describes what the file says; what the program cannot use is noted then and refused by
 * fz_io_particles_require_supported, so that `info` can describe such files too.
 *  units   degrees and Angstrom; angles ZYZ in RELION's sense; .cs rotation vectors and pixel shifts are converted */
#ifndef FZ_IO_PARTICLES_H
#define FZ_IO_PARTICLES_H
#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"
#include "io/findings.h"
#include "model/particle.h"

typedef struct fz_io_particles fz_io_particles;

/** Read a particle file; the kind is found from its content.
 *  Stacks are looked for as named (from the current folder), then from the particle file's folder and the folders above
 *  it.  A pixel size or box that the file lacks is taken from the stack's header; 0 stays where neither has one.
 *  owns    *out: the caller, fz_io_particles_destroy.  calls local
 *  fails   FZ_EINPUT with one message naming file, line and label; FZ_EIO, FZ_ENOMEM */
fz_status fz_io_particles_read(const char *path, fz_io_particles **out, fz_error *err);

/** The same with everything that is wrong going to `findings` (borrowed until *out is destroyed).  When these collect,
 *  rows that cannot be understood are left out of the table, and reading fails only where nothing is left to be read:
 *  such a set is for checking, not for writing. */
fz_status fz_io_particles_read_noting(const char *path, fz_io_findings *findings, fz_io_particles **out, fz_error *err);

/** The same for files that may list poses only: without image names, particles have slice = row and stack = 0 of no
 *  stacks.  Fails FZ_EINPUT when the angles are missing. */
fz_status fz_io_particles_read_poses(const char *path, fz_io_particles **out, fz_error *err);

/** A particle set made by the program (simulate), to be written: a deep copy of `table`; image names are
 *  N@stack_name[stack], or N@ the table's stack paths when stack_name is NULL.
 *  owns    *out: the caller.  fails FZ_ENOMEM */
fz_status fz_io_particles_from_table(const fz_particles *table, const char *const *stack_name, fz_io_particles **out,
                                     fz_error *err);
void fz_io_particles_destroy(fz_io_particles **p);

/** The particles; valid as long as p. */
const fz_particles *fz_io_particles_table(const fz_io_particles *p);
const char *fz_io_particles_path(const fz_io_particles *p);
/** "RELION 3.1 or later", "RELION 3.0 or older (no data_optics)", "cryoSPARC". */
const char *fz_io_particles_style(const fz_io_particles *p);
/** The file gives all three angles of each particle. */
bool fz_io_particles_have_poses(const fz_io_particles *p);
/** Where a stack was found is table->stack_path[i]; false: nowhere, the path is as the file names it. */
bool fz_io_particles_stack_found(const fz_io_particles *p, int stack);

/** What the file asks for that this program does not do, one sentence each, i < count. */
int fz_io_particles_unsupported_count(const fz_io_particles *p);
const char *fz_io_particles_unsupported(const fz_io_particles *p, int i);

/** A STAR column of this label (without '_') is read; others are only kept and written back. */
bool fz_io_particles_uses_label(const char *label);

/** Everything that stands between the set and a reconstruction, and what makes one doubtful (warnings): unsupported
 *  features; unknown or unequal pixel sizes and boxes; numbers that look like another unit's; images named twice;
 *  half-sets; stacks that are missing, truncated, of another box than the table says, or shorter than an image number.
 *  Reads one header per stack.
 *  calls   local;  fails FZ_EINPUT at the first error unless `findings` collect; FZ_ENOMEM */
fz_status fz_io_particles_check(fz_io_particles *p, fz_io_findings *findings, fz_error *err);
/** The same for those who go on only if there is no error, and need every image: the first error fails, a truncated
 *  stack is one, warnings are logged. */
fz_status fz_io_particles_require_supported(fz_io_particles *p, fz_error *err);
/** The smallest box that is reconstructed. */
enum { FZ_IO_BOX_LEAST = 12 };
/** An error for images in smaller boxes.  As fz_io_particles_check. */
fz_status fz_io_particles_check_box(fz_io_particles *p, fz_io_findings *findings, fz_error *err);
/** After a check: image i can be looked at, as far as table and headers say. */
bool fz_io_particles_image_usable(const fz_io_particles *p, int64_t i);

/** Take the particles with fault[i] != 0 (fz_image_fault) out of the set, once: the table then holds the others, in
 *  their order, as if the file had only these, and so does what is written of the set.
 *  calls   local.  fails FZ_ENOMEM, the set is then as it was */
fz_status fz_io_particles_exclude(fz_io_particles *p, const uint8_t *fault, fz_error *err);
int64_t fz_io_particles_excluded(const fz_io_particles *p);
/** Write the particles that were taken out, as the file has them (and as earlier writes have changed its columns), with
 *  a column frazilExclusionReason.  local, one caller per path.  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_io_particles_write_excluded(fz_io_particles *p, const char *path, const char *comment, fz_error *err);

/* A column to set: number or text [n particles], in the table's order. Whole numbers are written as such. */
typedef struct fz_io_particles_column {
  const char *label; /* without '_', e.g. "rlnLogLikeliContribution" */
  const double *number;
  const char *const *text; /* used when number is NULL */
  bool this_file_only;     /* later writes of the set are without the column, also if the input had it */
} fz_io_particles_column;

typedef struct fz_io_particles_output {
  const fz_particle *pose; /* [n]: angles and origins to write; NULL keeps the file's */
  int columns;
  const fz_io_particles_column *column; /* [columns] further columns */
  bool subset;                          /* write only row[0..rows), in that order */
  const int64_t *row;
  int64_t rows;
  const char *comment; /* first line of the file, or NULL */
} fz_io_particles_output;

/** Write a STAR file (3.1 style, data_optics and data_particles) with every column and block of the input kept.
 *  Old origins in pixels are replaced by Angstrom; stacks that were found elsewhere than the file says get the name
 *  under which they were found.  Complete under `path` or not at all; what was set stays set in p for later
 *  writes, except columns of this file only.
 *  calls   local, one caller per path;  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_io_particles_write(fz_io_particles *p, const char *path, const fz_io_particles_output *what,
                                fz_error *err);

#endif
