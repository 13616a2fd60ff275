/* Whole files in, and files out that appear under their final name only when they are complete. */
#ifndef FZ_IO_FILE_H
#define FZ_IO_FILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/** Read a whole file; a NUL follows the last byte.
 *  owns    *bytes: the caller, fz_free.  calls local
 *  fails   FZ_EINPUT when it does not exist or is not a regular file, FZ_EIO, FZ_ENOMEM; the text names the file */
fz_status fz_io_file_read(const char *path, char **bytes, int64_t *size, fz_error *err);

/** Write a whole file: complete under its final name, or absent.
 *  calls   local, one caller per path.  fails FZ_EIO, FZ_ENOMEM; the text names the file */
fz_status fz_io_file_write(const char *path, const char *bytes, int64_t size, fz_error *err);

/** True when `path` is a regular file (after links). local */
bool fz_io_file_exists(const char *path);

/** Read exactly n bytes at an offset, resuming after short reads; pread, so thread-safe on one descriptor.
 *  fails   FZ_EIO naming `path`, also when the file ends first */
fz_status fz_io_file_pread(int fd, const char *path, void *bytes, int64_t n, int64_t offset, fz_error *err);
fz_status fz_io_file_pwrite(int fd, const char *path, const void *bytes, int64_t n, int64_t offset, fz_error *err);

/** fsync in pieces, each a tick of progress: a large file on a slow disk is not a rank that hangs.  Returns as fsync.
 *  calls   local, also on descriptors that are open for reading */
int fz_io_file_sync(int fd);

/* A file being written as "<path>.partial". */
typedef struct fz_io_output {
  int fd; /* -1 when not open */
  char *path, *partial;
} fz_io_output;

/** Open "<path>.partial" for writing, truncating what an interrupted run may have left. local
 *  fails   FZ_EIO naming the file and the system's reason, FZ_ENOMEM */
fz_status fz_io_output_open(const char *path, fz_io_output *out, fz_error *err);
/** Open the "<path>.partial" that another process has opened, to write into it at offsets; ends with leave. local
 *  fails   FZ_EIO, FZ_ENOMEM; `out` then needs nothing more */
fz_status fz_io_output_join(const char *path, fz_io_output *out, fz_error *err);
/** fsync and close what was joined, keeping the file; frees `out` in every case; accepts a cleared output. */
fz_status fz_io_output_leave(fz_io_output *out, fz_error *err);
/** fsync, close, rename to the final name, fsync the folder; frees `out` in every case and leaves no partial file. */
fz_status fz_io_output_commit(fz_io_output *out, fz_error *err);
/** Close and remove the partial file; accepts a cleared or committed output. */
void fz_io_output_abandon(fz_io_output *out);

#endif
