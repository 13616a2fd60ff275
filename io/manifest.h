/* The list of good checkpoints of a run, newest first: a small text file, replaced as a whole, with a checksum of its
 * own. */
#ifndef FZ_IO_MANIFEST_H
#define FZ_IO_MANIFEST_H
#include <stdint.h>

#include "core/status.h"

enum { FZ_MANIFEST_MAX = 4, FZ_MANIFEST_NAME_MAX = 32 };

typedef struct fz_io_manifest_entry {
  int64_t sequence;   /* counts the checkpoints of a run; part of the file's name */
  int64_t generation; /* the caller's own count */
  int64_t bytes;
  uint32_t crc; /* of the whole file */
} fz_io_manifest_entry;

typedef struct fz_io_manifest {
  int n;
  fz_io_manifest_entry entry[FZ_MANIFEST_MAX];
} fz_io_manifest;

/** The file name (no folder) of a checkpoint: "state-000012.h5". */
void fz_io_manifest_file_name(int64_t sequence, char name[FZ_MANIFEST_NAME_MAX]);
typedef enum fz_io_manifest_condition {
  FZ_MANIFEST_GOOD,
  FZ_MANIFEST_MISSING,
  FZ_MANIFEST_DAMAGED
} fz_io_manifest_condition;

/** Read it; n = 0 when it is missing or any byte of it is not as it was written.
 *  calls   local.  fails FZ_EINPUT when another version wrote it or it is no file, FZ_EIO, FZ_ENOMEM */
fz_status fz_io_manifest_read(const char *path, fz_io_manifest *manifest, fz_io_manifest_condition *condition,
                              fz_error *err);
/** Replace it: written under another name, synchronized, renamed.  calls local.  fails FZ_EIO, the old one then stays
 */
fz_status fz_io_manifest_write(const char *path, const fz_io_manifest *manifest, fz_error *err);

#endif
