/* How fast a file system takes data that has to be safe. */
#ifndef FZ_IO_DISK_RATE_H
#define FZ_IO_DISK_RATE_H
#include <stdint.h>

#include "core/status.h"

/** Write so many bytes into a nameless file in a folder (or, where there is none yet, in the one that will hold it),
 *  wait until they are on disk; bytes per second, and free bytes there.  Leaves nothing.
 *  calls local.  fails FZ_EIO naming the folder, FZ_ENOMEM */
fz_status fz_io_disk_rate(const char *folder, int64_t bytes, double *rate, int64_t *free_bytes, fz_error *err);

#endif
