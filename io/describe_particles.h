/* The part of describe.h that speaks of particle sets and STAR files. */
#ifndef FZ_IO_DESCRIBE_PARTICLES_H
#define FZ_IO_DESCRIBE_PARTICLES_H
#include <stdio.h>

#include "core/status.h"

/** A file that fz_io_particles_read reads: counts, optics groups, stacks, what is not supported. local */
fz_status fz_io_describe_particles(const char *path, FILE *out, fz_error *err);
/** Any STAR file: as particles when a block has image names, else its blocks; then the columns. local */
fz_status fz_io_describe_star(const char *path, FILE *out, fz_error *err);

#endif
