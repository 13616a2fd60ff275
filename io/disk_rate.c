#include "io/disk_rate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"
#include "io/run_dir.h"

enum { PIECE = 1 << 20 };

/* The folder, or the nearest one above it that is there. */
static void find_folder(const char *folder, char *path, size_t n) {
  struct stat info;
  snprintf(path, n, "%s", folder);
  while (stat(path, &info) != 0) {
    char *slash = strrchr(path, '/');
    if (!slash) {
      snprintf(path, n, ".");
      return;
    }
    if (slash == path) slash++;
    *slash = 0;
  }
}

static fz_status fill(int fd, const char *path, int64_t bytes, fz_error *err) {
  char *piece = fz_alloc(PIECE, 1);
  if (!piece) return fz_fail(err, FZ_ENOMEM, "no memory to try the disk");
  for (ptrdiff_t i = 0; i < PIECE; i++) piece[i] = (char)(i * 2654435761u >> 7); /* file systems may compress */
  fz_status st = FZ_OK;
  for (int64_t done = 0; done < bytes && st == FZ_OK;) {
    size_t count = (size_t)(bytes - done < PIECE ? bytes - done : PIECE);
    ssize_t written = write(fd, piece, count);
    if (written < 0 && errno != EINTR) st = fz_fail(err, FZ_EIO, "%s: cannot write: %s", path, strerror(errno));
    if (written > 0) done += written;
  }
  if (st == FZ_OK && fsync(fd) != 0) st = fz_fail(err, FZ_EIO, "%s: cannot write: %s", path, strerror(errno));
  fz_free(&piece);
  return st;
}

fz_status fz_io_disk_rate(const char *folder, int64_t bytes, double *rate, int64_t *free_bytes, fz_error *err) {
  char where[FZ_PATH_MAX], path[FZ_PATH_MAX];
  struct statvfs space;
  find_folder(folder, where, sizeof where);
  fz_status st = fz_io_path_join(path, where, ".frazil-rate-XXXXXX", err);
  if (st != FZ_OK) return st;
  *free_bytes = statvfs(where, &space) == 0 ? (int64_t)space.f_bavail * (int64_t)space.f_frsize : INT64_MAX;
  if (bytes > *free_bytes / 2) bytes = *free_bytes / 2;
  int fd = mkstemp(path);
  if (fd < 0) return fz_fail(err, FZ_EIO, "%s: cannot write there: %s", where, strerror(errno));
  unlink(path);
  double began = fz_clock_seconds();
  st = fill(fd, where, bytes, err);
  *rate = (double)bytes / (fz_clock_seconds() - began + 1e-6);
  close(fd);
  return st;
}
