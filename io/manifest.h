/* The list of good checkpoints of a run, newest first: a small text file, replaced as a whole. */
#ifndef FZ_IO_MANIFEST_H
#define FZ_IO_MANIFEST_H
#include <stdint.h>

#include "core/status.h"

enum { FZ_MANIFEST_MAX = 2, FZ_MANIFEST_NAME_MAX = 32 };

typedef struct fz_io_manifest_entry {
  int64_t sequence;   /* counts the checkpoints of a run; part of the file's name */
  int64_t generation; /* the caller's own count */
  int64_t bytes;
  uint32_t crc;
} fz_io_manifest_entry;

typedef struct fz_io_manifest {
  int n;
  fz_io_manifest_entry entry[FZ_MANIFEST_MAX];
} fz_io_manifest;

/** The file name (no folder) of a checkpoint: "state-000012.h5". */
void fz_io_manifest_file_name(int64_t sequence, char name[FZ_MANIFEST_NAME_MAX]);
/** Read it; no file gives n = 0.  calls local.  fails FZ_EINPUT when the content is damaged, FZ_EIO */
fz_status fz_io_manifest_read(const char *path, fz_io_manifest *manifest, fz_error *err);
/** Replace it: written under another name, synchronized, renamed.  calls local.  fails FZ_EIO, the old one then stays
 */
fz_status fz_io_manifest_write(const char *path, const fz_io_manifest *manifest, fz_error *err);

#endif
