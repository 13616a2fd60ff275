#define _GNU_SOURCE /* sync_file_range */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/progress.h"

/* Linux moves at most 2^31 - 4096 bytes per call; small enough to be seen moving. */
static const int64_t MOST_BYTES_PER_CALL = 1 << 26;

fz_status fz_io_file_pread(int fd, const char *path, void *bytes, int64_t n, int64_t offset, fz_error *err) {
  char *to = bytes;
  while (n > 0) {
    ssize_t got = pread(fd, to, (size_t)(n < MOST_BYTES_PER_CALL ? n : MOST_BYTES_PER_CALL), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fz_fail(err, FZ_EIO, "%s: cannot read: %s", path, strerror(errno));
    if (got == 0)
      return fz_fail(err, FZ_EIO, "%s: ends at byte %lld while reading; it changed under the program", path,
                     (long long)offset);
    to += got;
    offset += got;
    n -= got;
  }
  return FZ_OK;
}

fz_status fz_io_file_pwrite(int fd, const char *path, const void *bytes, int64_t n, int64_t offset, fz_error *err) {
  const char *from = bytes;
  while (n > 0) {
    ssize_t put = pwrite(fd, from, (size_t)(n < MOST_BYTES_PER_CALL ? n : MOST_BYTES_PER_CALL), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return fz_fail(err, FZ_EIO, "%s: cannot write: %s", path, strerror(put < 0 ? errno : ENOSPC));
    from += put;
    offset += put;
    n -= put;
  }
  return FZ_OK;
}

/* An error of writing is told once to a descriptor, fsync would know nothing of it.  Others mean that the file system
 * has no ranges; then fsync does it all. */
int fz_io_file_sync(int fd) {
  struct stat info;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
    for (int64_t at = 0; at < info.st_size; at += MOST_BYTES_PER_CALL) {
      if (sync_file_range(fd, at, MOST_BYTES_PER_CALL,
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER) != 0) {
        if (errno == EIO || errno == ENOSPC || errno == EDQUOT) return -1;
        break;
      }
      fz_progress_tick();
    }
  return fsync(fd);
}

bool fz_io_file_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

fz_status fz_io_file_read(const char *path, char **bytes, int64_t *size, fz_error *err) {
  fz_status st = FZ_OK;
  struct stat info;
  *bytes = NULL;
  *size = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fz_fail(err, FZ_EINPUT, "%s: cannot open: %s", path, strerror(errno));
  if (fstat(fd, &info) != 0) {
    st = fz_fail(err, FZ_EIO, "%s: cannot examine: %s", path, strerror(errno));
    goto done;
  }
  if (!S_ISREG(info.st_mode)) {
    st = fz_fail(err, FZ_EINPUT, "%s: is not a regular file", path);
    goto done;
  }
  *bytes = fz_alloc((ptrdiff_t)info.st_size + 1, 1);
  if (!*bytes) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory for %lld bytes", path, (long long)info.st_size);
    goto done;
  }
  FZ_TRY(fz_io_file_pread(fd, path, *bytes, info.st_size, 0, err));
  *size = info.st_size;
done:
  if (st != FZ_OK) fz_free(bytes);
  close(fd);
  return st;
}

static fz_status open_partial(const char *path, int flags, const char *verb, fz_io_output *out, fz_error *err) {
  *out = (fz_io_output){.fd = -1};
  size_t room = strlen(path) + sizeof ".partial";
  out->path = fz_strdup(path);
  out->partial = fz_alloc((ptrdiff_t)room, 1);
  if (!out->path || !out->partial) {
    fz_free(&out->partial);
    fz_free(&out->path);
    return fz_fail(err, FZ_ENOMEM, "%s: no memory for a file name", path);
  }
  snprintf(out->partial, room, "%s.partial", path);
  out->fd = open(out->partial, flags | O_CLOEXEC, 0666);
  if (out->fd < 0) {
    fz_status st = fz_fail(err, FZ_EIO, "%s: cannot %s: %s", out->partial, verb, strerror(errno));
    fz_free(&out->partial); /* not ours: nothing to remove */
    fz_free(&out->path);
    return st;
  }
  return FZ_OK;
}

fz_status fz_io_output_open(const char *path, fz_io_output *out, fz_error *err) {
  return open_partial(path, O_RDWR | O_CREAT | O_TRUNC, "create", out, err);
}

fz_status fz_io_output_join(const char *path, fz_io_output *out, fz_error *err) {
  return open_partial(path, O_WRONLY, "open", out, err);
}

fz_status fz_io_output_leave(fz_io_output *out, fz_error *err) {
  fz_status st = FZ_OK;
  if (out->partial) {
    if (fz_io_file_sync(out->fd) != 0)
      st = fz_fail(err, FZ_EIO, "%s: cannot write to disk: %s", out->partial, strerror(errno));
    if (close(out->fd) != 0 && st == FZ_OK)
      st = fz_fail(err, FZ_EIO, "%s: cannot close: %s", out->partial, strerror(errno));
  }
  fz_free(&out->partial);
  fz_free(&out->path);
  out->fd = -1;
  return st;
}

/* After a crash the new name must still be there; folders that cannot be opened (some network file systems) are left
 * to the file system's own order. */
static void sync_folder(const char *path) {
  char folder[4096];
  const char *slash = strrchr(path, '/');
  size_t length = slash ? (size_t)(slash - path) : 0;
  if (length >= sizeof folder) return;
  memcpy(folder, path, length);
  folder[length] = 0;
  if (length == 0) strcpy(folder, slash ? "/" : ".");
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

fz_status fz_io_output_commit(fz_io_output *out, fz_error *err) {
  fz_status st = FZ_OK;
  if (fz_io_file_sync(out->fd) != 0) {
    st = fz_fail(err, FZ_EIO, "%s: cannot write to disk: %s", out->partial, strerror(errno));
    goto done;
  }
  int failed = close(out->fd);
  out->fd = -1;
  if (failed) {
    st = fz_fail(err, FZ_EIO, "%s: cannot close: %s", out->partial, strerror(errno));
    goto done;
  }
  if (rename(out->partial, out->path) != 0) {
    st = fz_fail(err, FZ_EIO, "%s: cannot rename to %s: %s", out->partial, out->path, strerror(errno));
    goto done;
  }
  sync_folder(out->path);
  fz_free(&out->partial);
done:
  fz_io_output_abandon(out);
  return st;
}

void fz_io_output_abandon(fz_io_output *out) {
  if (out->partial) {
    if (out->fd >= 0) close(out->fd);
    unlink(out->partial);
  }
  fz_free(&out->partial);
  fz_free(&out->path);
  out->fd = -1;
}

fz_status fz_io_file_write(const char *path, const char *bytes, int64_t size, fz_error *err) {
  fz_io_output out;
  fz_status st = fz_io_output_open(path, &out, err);
  if (st != FZ_OK) return st;
  st = fz_io_file_pwrite(out.fd, out.partial, bytes, size, 0, err);
  if (st != FZ_OK) {
    fz_io_output_abandon(&out);
    return st;
  }
  return fz_io_output_commit(&out, err);
}
