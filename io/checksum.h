/* CRC-32 (the one of zlib, gzip and PNG) of whole files, computed by all ranks together. */
#ifndef FZ_IO_CHECKSUM_H
#define FZ_IO_CHECKSUM_H
#include <stdint.h>

#include "mpi/comm.h"

/** Length and CRC-32 of a file: each rank reads its share, the parts are combined in order.
 *  calls   collective; same result on all ranks, whatever their number
 *  fails   FZ_EINPUT when there is no such file, FZ_EIO, FZ_ENOMEM; same on all ranks */
fz_status fz_io_file_crc32(fz_mpi *comm, const char *path, int64_t *bytes, uint32_t *crc, fz_error *err);

#endif
