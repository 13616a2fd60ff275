/* What a file is and what it holds, in words: `frazil info`. */
#ifndef FZ_IO_DESCRIBE_H
#define FZ_IO_DESCRIBE_H
#include <stdio.h>

#include "core/status.h"

/** Find a file's kind from its content (for atomic models from its name) and print a description on `out`: maps and
 *  stacks with the statistics of all pixels, particle files with optics groups, columns and stacks, other STAR and
 * NumPy files with their blocks or fields, HDF5 files by name only. calls   local;  reads whole maps and stacks,
 * section by section fails   FZ_EINPUT with one message when the kind is unknown or the content is broken; FZ_EIO,
 * FZ_ENOMEM */
fz_status fz_io_describe(const char *path, FILE *out, fz_error *err);

#endif
