/* Tests under MPI: a failed check must end all ranks at once, so CHECK goes to the fatal hook (MPI_Abort). */
#ifndef FZ_TESTS_MPI_TEST_H
#define FZ_TESTS_MPI_TEST_H
#include <stdio.h>

#include "core/memory.h"
#include "core/status.h"
#include "mpi/comm.h"

#define CHECK(condition)                                                            \
  do {                                                                              \
    if (!(condition)) fz_fatal(__FILE__, __LINE__, "check failed: %s", #condition); \
  } while (0)

/** Run the tests, then see that no memory was left behind. */
static inline int mpi_test_main(int argc, char **argv, void (*const *tests)(fz_mpi *comm)) {
  fz_mpi *comm = fz_mpi_start(&argc, &argv);
  ptrdiff_t blocks = fz_memory_blocks();
  for (; *tests; tests++) {
    (*tests)(comm);
    CHECK(fz_memory_blocks() == blocks);
  }
  fz_mpi_barrier(comm);
  if (fz_mpi_rank(comm) == 0) puts("passed");
  fz_mpi_finish(&comm);
  return fz_memory_blocks() == 0 ? 0 : 1;
}

#endif
