#include "io/checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "core/memory.h"
#include "io/file.h"
#include "mpi/reduce.h"

enum { BLOCK_BYTES = 1 << 22 };

typedef struct part {
  int64_t bytes;
  uint64_t crc;
} part;

static fz_status read_part(const char *path, int64_t first, int64_t count, uint64_t *crc, fz_error *err) {
  fz_status st = FZ_OK;
  *crc = crc32(0, NULL, 0);
  if (count == 0) return FZ_OK;
  unsigned char *block = fz_alloc(count < BLOCK_BYTES ? (ptrdiff_t)count : BLOCK_BYTES, 1);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (!block) st = fz_fail(err, FZ_ENOMEM, "%s: no memory to read it", path);
  if (st == FZ_OK && fd < 0) st = fz_fail(err, FZ_EIO, "%s: cannot open: %s", path, strerror(errno));
  for (int64_t done = 0; st == FZ_OK && done < count; done += BLOCK_BYTES) {
    int64_t now = count - done < BLOCK_BYTES ? count - done : BLOCK_BYTES;
    st = fz_io_file_pread(fd, path, block, now, first + done, err);
    if (st == FZ_OK) *crc = crc32(*crc, block, (uInt)now);
  }
  if (fd >= 0) close(fd);
  fz_free(&block);
  return st;
}

static fz_status file_length(fz_mpi *comm, const char *path, int64_t *bytes, fz_error *err) {
  fz_status st = FZ_OK;
  struct stat info;
  *bytes = 0;
  if (fz_mpi_rank(comm) == 0) {
    if (stat(path, &info) != 0)
      st = fz_fail(err, errno == ENOENT ? FZ_EINPUT : FZ_EIO, "%s: %s", path, strerror(errno));
    else
      *bytes = info.st_size;
  }
  st = fz_mpi_agree(comm, st, err);
  if (st == FZ_OK) fz_mpi_broadcast(comm, bytes, sizeof *bytes);
  return st;
}

fz_status fz_io_file_crc32(fz_mpi *comm, const char *path, int64_t *bytes, uint32_t *crc, fz_error *err) {
  ptrdiff_t first, count;
  int64_t n_all;
  void *all = NULL;
  fz_status st = file_length(comm, path, bytes, err);
  if (st != FZ_OK) return st;
  fz_mpi_slice(comm, *bytes, &first, &count);
  part mine = {.bytes = count};
  st = read_part(path, first, count, &mine.crc, err);
  st = fz_mpi_agree(comm, st, err);
  if (st == FZ_OK) st = fz_mpi_allgather_bytes(comm, &mine, sizeof mine, &all, &n_all, err);
  if (st != FZ_OK) return st;
  uLong total = crc32(0, NULL, 0);
  const part *parts = all;
  for (int r = 0; r < fz_mpi_size(comm); r++) total = crc32_combine(total, (uLong)parts[r].crc, parts[r].bytes);
  *crc = (uint32_t)total;
  fz_free(&all);
  return FZ_OK;
}
