/* The 1024 bytes at the front of an MRC file, decoded and encoded; used by mrc.c and stack.c only. */
#ifndef FZ_IO_MRC_HEADER_H
#define FZ_IO_MRC_HEADER_H
#include "io/mrc.h"

enum { FZ_MRC_HEADER_BYTES = 1024 };

/** Decode and judge a header.  file_bytes is the file's length; a file shorter than its header says is no failure here.
 *  fails   FZ_EINPUT with one message naming `path` */
fz_status fz_io_mrc_header_decode(const char *path, const unsigned char *bytes, int64_t file_bytes,
                                  fz_io_mrc_header *header, fz_error *err);

/* What a file that we write says about itself. */
typedef struct fz_io_mrc_summary {
  int64_t nx, ny, nz;
  double voxel_A; /* 0 = unknown */
  bool volume;
  double minimum, maximum, mean, rms; /* rms: deviation from the mean */
  const char *label;                  /* NULL: the program's name */
} fz_io_mrc_summary;

/** Encode a mode 2 header in this machine's byte order. */
void fz_io_mrc_header_encode(const fz_io_mrc_summary *summary, unsigned char *bytes);

#endif
