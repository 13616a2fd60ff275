/* A temporary folder that all ranks share; its name depends on nothing but the system. */
#ifndef FZ_TESTS_MPI_FOLDER_H
#define FZ_TESTS_MPI_FOLDER_H
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mpi_test.h"

typedef struct mpi_folder {
  char path[256];
} mpi_folder;

static inline mpi_folder mpi_folder_make(fz_mpi *comm) {
  mpi_folder f;
  memset(&f, 0, sizeof f);
  if (fz_mpi_rank(comm) == 0) {
    const char *parent = getenv("TMPDIR");
    snprintf(f.path, sizeof f.path, "%s/frazil-test-XXXXXX", parent ? parent : "/tmp");
    CHECK(mkdtemp(f.path));
  }
  fz_mpi_broadcast(comm, &f, sizeof f);
  return f;
}

static inline int mpi_folder_unlink(const char *path, const struct stat *info, int kind, struct FTW *where) {
  (void)info;
  (void)kind;
  (void)where;
  return remove(path);
}

static inline void mpi_folder_remove(fz_mpi *comm, const mpi_folder *f) {
  fz_mpi_barrier(comm);
  if (fz_mpi_rank(comm) == 0) nftw(f->path, mpi_folder_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* "folder/name" in a static buffer: use it at once */
static inline const char *mpi_folder_file(const mpi_folder *f, const char *name) {
  static char path[512];
  snprintf(path, sizeof path, "%s/%s", f->path, name);
  return path;
}

#endif
