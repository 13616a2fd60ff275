/* Write a stack of images that are computed: all ranks share the work and write side by side into one file. */
#ifndef FZ_IO_STACK_FILL_H
#define FZ_IO_STACK_FILL_H
#include <stdint.h>

#include "core/status.h"
#include "mpi/comm.h"

/** Make image i; pixels [box][box].  Must depend on i only. */
typedef fz_status (*fz_io_image_maker)(void *context, int64_t i, float *pixels, fz_error *err);

/** Make images 0 .. n-1 and write them as a stack (mode 2); complete under `path` or absent.
 *  The bytes depend neither on the rank count nor on the order of writing.  The file system must be shared by the
 * ranks. calls   collective; arguments same on all ranks.  fails as the maker, FZ_EIO, FZ_ENOMEM; same on all ranks */
fz_status fz_io_stack_fill(fz_mpi *comm, const char *path, int box, int64_t n, double voxel_A, fz_io_image_maker make,
                           void *context, fz_error *err);

#endif
