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
  int64_t count, bytes; /* bytes: in the file */
  char *waiting;        /* lines that could not be written yet */
  int64_t n_waiting;
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

static fz_status flush(fz_io_records *r, fz_error *err) {
  if (r->n_waiting == 0) return FZ_OK;
  fz_status st = fz_io_file_pwrite(r->fd, r->path, r->waiting, r->n_waiting, r->bytes, err);
  /* Half a line that cannot be cut off now is written over later, or cut off when the file is opened again. */
  if (st != FZ_OK && ftruncate(r->fd, r->bytes) != 0) return st;
  if (st != FZ_OK) return st;
  r->bytes += r->n_waiting;
  r->n_waiting = 0;
  fz_free(&r->waiting);
  return FZ_OK;
}

fz_status fz_io_records_append(fz_io_records *r, const char *line, fz_error *err) {
  FZ_ASSERT(!strchr(line, '\n'));
  int64_t length = (int64_t)strlen(line);
  char *all = fz_realloc(r->waiting, (ptrdiff_t)(r->n_waiting + length + 1), 1);
  if (!all) return fz_fail(err, FZ_ENOMEM, "%s: no memory to append", r->path);
  memcpy(all + r->n_waiting, line, (size_t)length);
  all[r->n_waiting + length] = '\n';
  r->waiting = all;
  r->n_waiting += length + 1;
  r->count++;
  return flush(r, err);
}

fz_status fz_io_records_sync(fz_io_records *r, fz_error *err) {
  fz_status st = flush(r, err);
  if (st == FZ_OK && fdatasync(r->fd) != 0)
    st = fz_fail(err, FZ_EIO, "%s: cannot write to disk: %s", r->path, strerror(errno));
  return st;
}

int64_t fz_io_records_count(const fz_io_records *r) {
  return r->count;
}

void fz_io_records_close(fz_io_records **records) {
  if (!*records) return;
  if ((*records)->fd >= 0) close((*records)->fd);
  fz_free(&(*records)->waiting);
  fz_free(&(*records)->path);
  fz_free(records);
}
