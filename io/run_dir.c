#include "io/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/file.h"

struct fz_io_run_dir {
  char path[FZ_PATH_MAX];
  int lock; /* rank 0: open and locked file; -1 elsewhere */
};

fz_status fz_io_path_join(char out[FZ_PATH_MAX], const char *dir, const char *name, fz_error *err) {
  int length = snprintf(out, FZ_PATH_MAX, "%s/%s", dir, name);
  if (length < 0 || length >= FZ_PATH_MAX) return fz_fail(err, FZ_EINVAL, "the path of %s is too long", name);
  return FZ_OK;
}

fz_status fz_io_make_last_dir(const char *path, fz_error *err) {
  struct stat info;
  if (mkdir(path, 0777) == 0) return FZ_OK;
  int why = errno;
  if (why == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return FZ_OK;
  return fz_fail(err, FZ_EIO, "%s: cannot make this folder: %s", path, strerror(why == EEXIST ? ENOTDIR : why));
}

fz_status fz_io_make_dir(const char *path, fz_error *err) {
  char part[FZ_PATH_MAX];
  if (strlen(path) >= sizeof part) return fz_fail(err, FZ_EINVAL, "the path of the folder is too long");
  strcpy(part, path);
  for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    fz_status st = fz_io_make_last_dir(part, err);
    if (st != FZ_OK) return st;
    *slash = '/';
  }
  return fz_io_make_last_dir(part, err);
}

fz_status fz_io_write_atomic(const char *path, const void *bytes, int64_t n, fz_error *err) {
  fz_io_output out;
  fz_status st = fz_io_output_open(path, &out, err);
  if (st != FZ_OK) return st;
  st = fz_io_file_pwrite(out.fd, out.partial, bytes, n, 0, err);
  if (st == FZ_OK) return fz_io_output_commit(&out, err);
  fz_io_output_abandon(&out);
  return st;
}

static fz_status taken(int fd, const char *path, fz_error *err) {
  char holder[256] = "";
  ssize_t got = pread(fd, holder, sizeof holder - 1, 0);
  if (got > 0) holder[got] = '\0';
  holder[strcspn(holder, "\n")] = '\0';
  return fz_fail(err, FZ_EINVAL, "%s: another job is running in this folder (%s); wait for it or choose another folder",
                 path, holder[0] ? holder : "unknown host");
}

static void sign(int fd) {
  char host[128] = "unknown host", text[256];
  if (gethostname(host, sizeof host - 1) != 0) strcpy(host, "unknown host");
  int length = snprintf(text, sizeof text, "host %s process %ld\n", host, (long)getpid());
  /* The text only helps the reader of a refusal; the lock itself is the kernel's. */
  if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)length, 0) != length)
    fz_log(FZ_LOG_DETAIL, "the lock file could not be signed");
}

static fz_status lock(const char *dir, int *out, fz_error *err) {
  char path[FZ_PATH_MAX];
  fz_status st = fz_io_path_join(path, dir, ".lock", err);
  if (st != FZ_OK) return st;
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return fz_fail(err, FZ_EIO, "%s: cannot create: %s", path, strerror(errno));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      st = taken(fd, dir, err);
      close(fd);
      return st;
    }
    fz_log(FZ_LOG_WARN, "%s: this file system has no locks (%s): take care that no second job runs here", dir,
           strerror(errno));
  }
  sign(fd);
  *out = fd;
  return FZ_OK;
}

fz_status fz_io_run_dir_open(fz_mpi *comm, const char *path, fz_io_run_dir **out, fz_error *err) {
  fz_io_run_dir *dir = fz_alloc(1, sizeof *dir);
  fz_status st = dir ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for the run folder");
  if (st == FZ_OK) {
    dir->lock = -1;
    if (strlen(path) >= FZ_PATH_MAX)
      st = fz_fail(err, FZ_EINVAL, "the path of the output folder is too long");
    else
      strcpy(dir->path, path);
  }
  if (st == FZ_OK && fz_mpi_rank(comm) == 0) {
    st = fz_io_make_dir(path, err);
    if (st == FZ_OK) st = lock(path, &dir->lock, err);
    /* Nothing is lost yet: a folder that cannot be written to is a wrong argument, not a failed run. */
    if (st == FZ_EIO) st = err->code = FZ_EINVAL;
  }
  st = fz_mpi_agree(comm, st, err);
  if (st != FZ_OK) fz_io_run_dir_close(&dir);
  *out = dir;
  return st;
}

void fz_io_run_dir_close(fz_io_run_dir **dir) {
  if (!*dir) return;
  /* The file stays: removing it would let two later jobs lock two different files of this name. */
  if ((*dir)->lock >= 0) close((*dir)->lock);
  fz_free(dir);
}

const char *fz_io_run_dir_path(const fz_io_run_dir *dir) {
  return dir->path;
}
