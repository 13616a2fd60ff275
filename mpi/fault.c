#include "mpi/fault.h"

#include <stdlib.h>
#include <string.h>

#include "mpi/comm_private.h"

fz_status fz_mpi_fault_arm(fz_mpi *comm, const char *fault, fz_error *err) {
  comm->fault_site[0] = '\0';
  if (!fault || !fault[0]) return FZ_OK;
  const char *colon = strrchr(fault, ':');
  size_t length = colon ? (size_t)(colon - fault) : 0;
  char *end = NULL;
  long rank = colon ? strtol(colon + 1, &end, 10) : -1;
  if (length == 0 || length >= sizeof comm->fault_site || end == colon + 1 || *end || rank < 0 || rank >= comm->size)
    return fz_fail(err, FZ_EINVAL, "FZ_FAULT=%s: expected SITE:RANK with a rank from 0 to %d", fault, comm->size - 1);
  memcpy(comm->fault_site, fault, length);
  comm->fault_site[length] = '\0';
  comm->fault_rank = (int)rank;
  return FZ_OK;
}

bool fz_mpi_fault(const fz_mpi *comm, const char *site) {
  return comm->fault_site[0] && comm->fault_rank == comm->rank && strcmp(comm->fault_site, site) == 0;
}
