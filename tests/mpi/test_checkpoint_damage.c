/* One byte of a checkpoint or of its manifest flipped, anywhere: it is seen, and the best of what is left is used. */
#include "checkpoint_fixture.h"

#include "io/seal.h"

#include <zlib.h>

enum { POSITIONS = 500 };

static unsigned char *slurp(const char *path, int64_t *n) {
  struct stat info;
  int fd = open(path, O_RDONLY);
  CHECK(fd >= 0 && fstat(fd, &info) == 0);
  unsigned char *bytes = fz_alloc((ptrdiff_t)info.st_size, 1);
  CHECK(bytes && pread(fd, bytes, (size_t)info.st_size, 0) == info.st_size);
  close(fd);
  *n = info.st_size;
  return bytes;
}

static int64_t length_of(fz_mpi *comm, const char *path) {
  struct stat info = {0};
  if (fz_mpi_rank(comm) == 0) CHECK(stat(path, &info) == 0);
  fz_mpi_broadcast(comm, &info, sizeof info);
  return info.st_size;
}

/* 1: the older one was taken, bit for bit; 2: the newest; 0: refused */
static int64_t what_is_taken(fz_mpi *comm, const mpi_folder *f, fz_error *err) {
  fz_io_checkpoint *c;
  fz_status st = fz_io_checkpoint_open(comm, f->path, &c, err);
  CHECK(st == FZ_OK || st == FZ_EINPUT);
  fz_io_checkpoint_close(&c);
  return st == FZ_OK ? resume(comm, f) : 0;
}

static void flip_at(fz_mpi *comm, const mpi_folder *f, const char *name, int64_t at) {
  patch_file(comm, f, name, at, -1);
}

static void two_checkpoints(fz_mpi *comm, const mpi_folder *f) {
  CHECK(write_version(comm, f, 1, NULL) == FZ_OK && write_version(comm, f, 2, NULL) == FZ_OK);
  CHECK(resume(comm, f) == 2);
}

/* Superblock, headers, attributes and values alike. */
static void every_flip_in_the_newest_file_means_the_older(fz_mpi *comm) {
  static const char newest[] = "checkpoint/state-000002.h5";
  mpi_folder f = mpi_folder_make(comm);
  fz_error err = {0};
  two_checkpoints(comm, &f);
  fz_set_log_sink(count_warnings);
  const int64_t length = length_of(comm, mpi_folder_file(&f, newest));
  const int64_t n = fz_mpi_size(comm) == 1 ? POSITIONS : POSITIONS / 10;
  CHECK(length > n);
  for (int64_t i = 0; i < n; i++) {
    int64_t at = i * (length - 1) / (n - 1); /* first and last byte included */
    warnings = 0;
    flip_at(comm, &f, newest, at);
    CHECK(what_is_taken(comm, &f, &err) == 1);
    CHECK(warnings > 0 || fz_mpi_rank(comm) != 0);
    flip_at(comm, &f, newest, at);
  }
  CHECK(what_is_taken(comm, &f, &err) == 2);
  fz_set_log_sink(NULL);
  mpi_folder_remove(comm, &f);
}

/* Without its list the files speak for themselves: nothing is lost, also when the newest of them is damaged too. */
static void every_flip_in_the_manifest_loses_nothing(fz_mpi *comm) {
  static const char newest[] = "checkpoint/state-000002.h5", manifest[] = "checkpoint/manifest";
  mpi_folder f = mpi_folder_make(comm);
  fz_error err = {0};
  two_checkpoints(comm, &f);
  fz_set_log_sink(count_warnings);
  const int64_t n = length_of(comm, mpi_folder_file(&f, manifest)),
                length = length_of(comm, mpi_folder_file(&f, newest));
  for (int64_t at = 0; at < n; at += fz_mpi_size(comm) == 1 ? 1 : 10) {
    warnings = 0;
    flip_at(comm, &f, manifest, at);
    CHECK(what_is_taken(comm, &f, &err) == 2);
    CHECK(warnings > 0 || fz_mpi_rank(comm) != 0);
    int64_t there = at * (length - 1) / (n - 1);
    flip_at(comm, &f, newest, there);
    CHECK(what_is_taken(comm, &f, &err) == 1);
    flip_at(comm, &f, newest, there);
    flip_at(comm, &f, manifest, at);
  }
  fz_set_log_sink(NULL);
  mpi_folder_remove(comm, &f);
}

/* A run whose list was damaged goes on and has a good list again. */
static void a_damaged_manifest_is_mended(fz_mpi *comm) {
  static const char manifest[] = "checkpoint/manifest";
  mpi_folder f = mpi_folder_make(comm);
  fz_io_manifest list;
  fz_io_manifest_condition is;
  fz_io_checkpoint *c;
  two_checkpoints(comm, &f);
  fz_set_log_sink(count_warnings);
  for (int mend = 0; mend < 3; mend++) {
    if (mend == 2) { /* lost altogether */
      fz_mpi_barrier(comm);
      if (fz_mpi_rank(comm) == 0) CHECK(unlink(mpi_folder_file(&f, manifest)) == 0);
      fz_mpi_barrier(comm);
    } else {
      flip_at(comm, &f, manifest, 30);
    }
    if (mend == 1) { /* in the middle of a run */
      CHECK(write_version(comm, &f, 3, NULL) == FZ_OK);
    } else {
      CHECK(fz_io_checkpoint_open(comm, f.path, &c, NULL) == FZ_OK && c);
      CHECK(fz_io_checkpoint_adopt(comm, f.path, c, NULL) == FZ_OK);
      fz_io_checkpoint_close(&c);
    }
    warnings = 0;
    CHECK(resume(comm, &f) == (mend ? 3 : 2) && warnings == 0 && count_files(&f, "state") == 2);
    if (fz_mpi_rank(comm) == 0)
      CHECK(fz_io_manifest_read(mpi_folder_file(&f, manifest), &list, &is, NULL) == FZ_OK && is == FZ_MANIFEST_GOOD &&
            list.n == 2);
  }
  /* No list and no file that could be used is not the same as no checkpoint. */
  fz_mpi_barrier(comm);
  if (fz_mpi_rank(comm) == 0) CHECK(unlink(mpi_folder_file(&f, manifest)) == 0);
  fz_error err = {0};
  flip_at(comm, &f, "checkpoint/state-000003.h5", 5);
  CHECK(what_is_taken(comm, &f, &err) == 2);
  flip_at(comm, &f, "checkpoint/state-000002.h5", 5);
  CHECK(what_is_taken(comm, &f, &err) == 0 && strstr(err.text, "--fresh"));
  CHECK(fz_io_checkpoint_discard(comm, f.path, NULL) == FZ_OK && resume(comm, &f) == -1);
  fz_set_log_sink(NULL);
  mpi_folder_remove(comm, &f);
}

/* A file that was renamed, or copied from another run over this one, is not taken by its name alone. */
static void a_file_under_another_name_is_not_taken(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  fz_error err = {0};
  two_checkpoints(comm, &f);
  fz_set_log_sink(count_warnings);
  if (fz_mpi_rank(comm) == 0) {
    char from[512];
    snprintf(from, sizeof from, "%s/checkpoint/state-000001.h5", f.path);
    CHECK(rename(from, mpi_folder_file(&f, "checkpoint/state-000007.h5")) == 0);
    CHECK(unlink(mpi_folder_file(&f, "checkpoint/manifest")) == 0);
  }
  fz_mpi_barrier(comm);
  CHECK(what_is_taken(comm, &f, &err) == 2);
  fz_set_log_sink(NULL);
  mpi_folder_remove(comm, &f);
}

/* A value changed after the checksum of the file was looked at, so that only the one of the dataset can tell: made by
 * mending the seal and the manifest around the change. */
static void each_dataset_has_its_own_checksum(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  fz_error err = {0};
  fz_io_checkpoint *c;
  CHECK(write_version(comm, &f, 1, NULL) == FZ_OK);
  if (fz_mpi_rank(comm) == 0) {
    int64_t n;
    static const char wanted[] = "seed: 1";
    char path[512];
    snprintf(path, sizeof path, "%s", mpi_folder_file(&f, "checkpoint/state-000001.h5"));
    unsigned char *bytes = slurp(path, &n), *at = memmem(bytes, (size_t)n, wanted, strlen(wanted));
    CHECK(at);
    at[6] = '2';
    fz_io_manifest m = {.n = 1};
    CHECK(fz_io_seal_parse((char *)bytes, &m.entry[0]));
    m.entry[0].crc = (uint32_t)crc32_z(0, bytes + FZ_SEAL_BYTES, (z_size_t)(n - FZ_SEAL_BYTES));
    fz_io_seal_make(&m.entry[0], (char *)bytes);
    m.entry[0].crc = fz_io_seal_whole_crc((char *)bytes, &m.entry[0]);
    int fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && pwrite(fd, bytes, (size_t)n, 0) == n && close(fd) == 0);
    CHECK(fz_io_manifest_write(mpi_folder_file(&f, "checkpoint/manifest"), &m, NULL) == FZ_OK);
    fz_free(&bytes);
  }
  fz_mpi_barrier(comm);
  toy *got = toy_create(comm, false, 0);
  CHECK(fz_io_checkpoint_open(comm, f.path, &c, NULL) == FZ_OK && c);
  CHECK(fz_io_checkpoint_read(comm, c, &got->list, &err) == FZ_EIO && strstr(err.text, "parameters"));
  fz_io_checkpoint_close(&c);
  toy_destroy(&got);
  mpi_folder_remove(comm, &f);
}

int main(int argc, char **argv) {
  static void (*const tests[])(fz_mpi *) = {every_flip_in_the_newest_file_means_the_older,
                                            every_flip_in_the_manifest_loses_nothing,
                                            a_damaged_manifest_is_mended,
                                            a_file_under_another_name_is_not_taken,
                                            each_dataset_has_its_own_checksum,
                                            NULL};
  return mpi_test_main(argc, argv, tests);
}
