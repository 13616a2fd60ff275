#include "mpi/memory.h"

#include <sys/resource.h>

int64_t fz_mpi_memory_peak_bytes(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return (int64_t)usage.ru_maxrss * 1024; /* Linux counts in KiB */
}

int64_t fz_mpi_memory_peak_bytes_max(fz_mpi *comm) {
  return (int64_t)fz_mpi_report_max(comm, (double)fz_mpi_memory_peak_bytes());
}
