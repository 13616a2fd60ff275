#include "io/records.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/file.h"

enum { BLOCK_BYTES = 1 << 16 };

struct fz_io_records {
  char *path;
  int fd;
  int64_t count, bytes;
};

/* Find where the first `keep` lines end. */
static fz_status find_end(fz_io_records *r, int64_t keep, fz_error *err) {
  struct stat info;
  fz_status st = FZ_OK;
  char *block = fz_alloc(BLOCK_BYTES, 1);
  if (!block) return fz_fail(err, FZ_ENOMEM, "%s: no memory to read it", r->path);
  if (fstat(r->fd, &info) != 0) st = fz_fail(err, FZ_EIO, "%s: cannot examine: %s", r->path, strerror(errno));
  for (int64_t at = 0; st == FZ_OK && at < info.st_size && r->count < keep; at += BLOCK_BYTES) {
    int64_t now = info.st_size - at < BLOCK_BYTES ? info.st_size - at : BLOCK_BYTES;
    st = fz_io_file_pread(r->fd, r->path, block, now, at, err);
    for (int64_t i = 0; st == FZ_OK && i < now && r->count < keep; i++)
      if (block[i] == '\n') {
        r->count++;
        r->bytes = at + i + 1;
      }
  }
  fz_free(&block);
  return st;
}

fz_status fz_io_records_open(const char *path, int64_t keep, fz_io_records **out, fz_error *err) {
  fz_status st = FZ_OK;
  *out = NULL;
  fz_io_records *r = fz_alloc(1, sizeof *r);
  if (!r) return fz_fail(err, FZ_ENOMEM, "%s: no memory to open it", path);
  r->path = fz_strdup(path);
  r->fd = r->path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
  if (!r->path)
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory to open it", path);
  else if (r->fd < 0)
    st = fz_fail(err, FZ_EIO, "%s: cannot open: %s", path, strerror(errno));
  FZ_TRY(st);
  FZ_TRY(find_end(r, keep, err));
  if (ftruncate(r->fd, r->bytes) != 0) st = fz_fail(err, FZ_EIO, "%s: cannot shorten: %s", path, strerror(errno));
done:
  if (st != FZ_OK) fz_io_records_close(&r);
  *out = r;
  return st;
}

fz_status fz_io_records_append(fz_io_records *r, const char *line, fz_error *err) {
  FZ_ASSERT(!strchr(line, '\n'));
  size_t length = strlen(line);
  char *whole = fz_alloc((ptrdiff_t)length + 1, 1);
  if (!whole) return fz_fail(err, FZ_ENOMEM, "%s: no memory to append", r->path);
  memcpy(whole, line, length);
  whole[length] = '\n';
  fz_status st = fz_io_file_pwrite(r->fd, r->path, whole, (int64_t)length + 1, r->bytes, err);
  fz_free(&whole);
  if (st == FZ_OK) {
    r->bytes += (int64_t)length + 1;
    r->count++;
  } else if (ftruncate(r->fd, r->bytes) != 0) {
    return st; /* the half line that may be left is cut off when the file is opened again */
  }
  return st;
}

int64_t fz_io_records_count(const fz_io_records *r) {
  return r->count;
}

void fz_io_records_close(fz_io_records **records) {
  if (!*records) return;
  if ((*records)->fd >= 0) close((*records)->fd);
  fz_free(&(*records)->path);
  fz_free(records);
}
