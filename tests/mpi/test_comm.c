/* Agreement: whatever one rank knows, all know afterwards, in the same words. */
#include <string.h>

#include "mpi/fault.h"
#include "mpi_test.h"

static void all_well(fz_mpi *comm) {
  fz_error err = {0};
  CHECK(fz_mpi_agree(comm, FZ_OK, &err) == FZ_OK);
  CHECK(fz_mpi_agree(comm, FZ_OK, NULL) == FZ_OK);
  CHECK(!fz_mpi_any(comm, false));
}

static void one_rank_fails(fz_mpi *comm) {
  int size = fz_mpi_size(comm), rank = fz_mpi_rank(comm);
  for (int bad = 0; bad < size; bad++) {
    fz_error err = {0};
    fz_status st = FZ_OK;
    if (rank == bad) st = fz_fail(&err, FZ_EINPUT, "file %d is bad", bad);
    CHECK(fz_mpi_agree(comm, st, &err) == FZ_EINPUT);
    char expected[64];
    if (size > 1)
      snprintf(expected, sizeof expected, "file %d is bad (rank %d)", bad, bad);
    else
      snprintf(expected, sizeof expected, "file %d is bad", bad);
    CHECK(err.code == FZ_EINPUT && strcmp(err.text, expected) == 0);
    /* an outer function agrees once more: the words stay */
    CHECK(fz_mpi_agree(comm, err.code, &err) == FZ_EINPUT && strcmp(err.text, expected) == 0);
    CHECK(fz_mpi_any(comm, rank == bad));
  }
}

static void lowest_rank_of_the_worst_speaks(fz_mpi *comm) {
  int rank = fz_mpi_rank(comm);
  fz_error err = {0};
  fz_status st = fz_fail(&err, FZ_EIO, "disk %d", rank);
  CHECK(fz_mpi_agree(comm, st, &err) == FZ_EIO);
  CHECK(strncmp(err.text, "disk 0", 6) == 0);
  /* a stop request does not hide a failure */
  st = rank == fz_mpi_size(comm) - 1 ? fz_fail(&err, FZ_EINVAL, "wrong") : fz_fail(&err, FZ_ESTOPPED, "stop");
  CHECK(fz_mpi_agree(comm, st, &err) == FZ_EINVAL);
  CHECK(strncmp(err.text, "wrong", 5) == 0);
  /* the text of a forgotten error is not taken for this one's */
  st = FZ_ENOMEM;
  CHECK(fz_mpi_agree(comm, st, &err) == FZ_ENOMEM);
  CHECK(strncmp(err.text, "no memory", 9) == 0);
}

static void long_texts_keep_the_rank(fz_mpi *comm) {
  fz_error err = {.code = FZ_EINVAL};
  memset(err.text, 'x', sizeof err.text - 1);
  CHECK(fz_mpi_agree(comm, FZ_EINVAL, &err) == FZ_EINVAL);
  CHECK(strlen(err.text) == sizeof err.text - 1);
  CHECK((strstr(err.text, " (rank 0)") != NULL) == (fz_mpi_size(comm) > 1));
}

static void broadcast_and_reports(fz_mpi *comm) {
  int rank = fz_mpi_rank(comm), size = fz_mpi_size(comm);
  int numbers[3] = {rank, rank + 1, rank + 2};
  fz_mpi_broadcast(comm, numbers, sizeof numbers);
  CHECK(numbers[0] == 0 && numbers[1] == 1 && numbers[2] == 2);
  fz_mpi_broadcast(comm, NULL, 0);
  CHECK(fz_mpi_report_max(comm, rank) == size - 1);
  CHECK(fz_mpi_report_sum(comm, 1) == size);
}

static void faults_hit_one_site_on_one_rank(fz_mpi *comm) {
  int last = fz_mpi_size(comm) - 1;
  char fault[32];
  snprintf(fault, sizeof fault, "read:%d", last);
  CHECK(!fz_mpi_fault(comm, "read"));
  CHECK(fz_mpi_fault_arm(comm, fault, NULL) == FZ_OK);
  CHECK(fz_mpi_fault(comm, "read") == (fz_mpi_rank(comm) == last));
  CHECK(!fz_mpi_fault(comm, "write"));
  fz_error err;
  const char *const wrong[] = {"read", ":0", "read:", "read:x", "read:-1", "read:99", "read:0x"};
  for (int i = 0; i < 7; i++) CHECK(fz_mpi_fault_arm(comm, wrong[i], &err) == FZ_EINVAL && !fz_mpi_fault(comm, "read"));
  CHECK(fz_mpi_fault_arm(comm, NULL, NULL) == FZ_OK);
}

int main(int argc, char **argv) {
  static void (*const tests[])(fz_mpi *) = {all_well,
                                            one_rank_fails,
                                            lowest_rank_of_the_worst_speaks,
                                            long_texts_keep_the_rank,
                                            broadcast_and_reports,
                                            faults_hit_one_site_on_one_rank,
                                            NULL};
  return mpi_test_main(argc, argv, tests);
}
