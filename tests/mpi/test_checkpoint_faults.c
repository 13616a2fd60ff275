/* Every single dealing of a checkpoint with the file system fails, in every way: all ranks hear of it, the checkpoint
 * before stands and is read back bit for bit, nothing half-written stays, and the next attempt succeeds. */
#include "checkpoint_fixture.h"

#include "faults/inject.h"

enum { MOST_CALLS = 300 };

/* Version 2 is written over version 1 while the n-th call on one rank fails; false when it makes fewer calls. */
static bool one_fault(fz_mpi *comm, int bad_rank, int n, const char *error) {
  mpi_folder f = mpi_folder_make(comm);
  fz_error err = {0};
  char rules[32];
  CHECK(write_version(comm, &f, 1, NULL) == FZ_OK);
  snprintf(rules, sizeof rules, "any:%d:%s", n, error);
  fz_inject(fz_mpi_rank(comm) == bad_rank ? rules : "", f.path);
  fz_status st = write_version(comm, &f, 2, &err);
  bool struck = fz_mpi_any(comm, fz_inject_hits() > 0);
  fz_inject("", NULL);
  CHECK(st == FZ_OK || (st == FZ_EIO && struck && strstr(err.text, f.path)));
  fz_mpi_barrier(comm);
  CHECK(resume(comm, &f) == (st == FZ_OK ? 2 : 1));
  if (struck && strcmp(error, "short") == 0) CHECK(st == FZ_OK); /* the rest is written by another call */
  int files = count_files(&f, "state");
  CHECK(files == (st == FZ_OK ? 2 : 1) || struck); /* what could not be removed is removed by the next one */
  fz_mpi_barrier(comm);
  if (n % 5 == 0)
    CHECK(write_version(comm, &f, 3, NULL) == FZ_OK && resume(comm, &f) == 3 && count_files(&f, "state") == 2);
  mpi_folder_remove(comm, &f);
  return struck;
}

static void every_call_may_fail(fz_mpi *comm) {
  static const char *const errors[] = {"ENOSPC", "EIO", "short", "EDQUOT", "EROFS", "ESTALE"};
  const int last = fz_mpi_size(comm) - 1,
            kinds = last == 0 ? 6 : 1; /* one rank shows the kinds, several the agreement */
  for (int bad = 0; bad <= last; bad += last > 1 ? last : 1)
    for (int e = 0; e < kinds; e++) {
      int n = 1;
      while (n < MOST_CALLS && one_fault(comm, bad, n, errors[e])) n++;
      CHECK(n > 3 && n < MOST_CALLS);
      if (bad == 0) CHECK(n > 20);
    }
}

/* The disk stays full: nothing can even be removed or cut, and still the old one stands. */
static void nothing_works_from_some_call_on(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  CHECK(write_version(comm, &f, 1, NULL) == FZ_OK);
  fz_status st = FZ_EIO;
  for (int n = 1; n < MOST_CALLS && st == FZ_EIO; n++) {
    char rules[32];
    fz_error err = {0};
    snprintf(rules, sizeof rules, "any:%d+:EIO", n);
    fz_inject(rules, f.path);
    st = write_version(comm, &f, 2, &err);
    fz_inject("", NULL);
    CHECK(st == FZ_OK ? n > 15 : st == FZ_EIO && err.text[0]);
    fz_mpi_barrier(comm);
    CHECK(resume(comm, &f) == (st == FZ_OK ? 2 : 1));
    fz_mpi_barrier(comm);
  }
  CHECK(st == FZ_OK); /* what is done after the manifest may fail */
  CHECK(write_version(comm, &f, 2, NULL) == FZ_OK && resume(comm, &f) == 2 && count_files(&f, "state") == 2);
  mpi_folder_remove(comm, &f);
}

int main(int argc, char **argv) {
  static void (*const tests[])(fz_mpi *) = {every_call_may_fail, nothing_works_from_some_call_on, NULL};
  return mpi_test_main(argc, argv, tests);
}
