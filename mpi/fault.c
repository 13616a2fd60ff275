#include "mpi/fault.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
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

void fz_mpi_stall(const fz_mpi *comm, const char *site) {
  if (!comm->fault_site[0] || comm->fault_rank != comm->rank) return;
  const char *dash = strchr(comm->fault_site, '-');
  if (!dash || strcmp(dash + 1, site) != 0) return;
  fz_log(FZ_LOG_ERROR, "injected fault: %s", comm->fault_site);
  if (strncmp(comm->fault_site, "kill-", 5) == 0) raise(SIGKILL);
  if (strncmp(comm->fault_site, "suspend-", 8) == 0) raise(SIGSTOP);
  while (strncmp(comm->fault_site, "stall-", 6) == 0) pause();
}

bool fz_mpi_fault(const fz_mpi *comm, const char *site) {
  fz_mpi_stall(comm, site);
  return comm->fault_site[0] && comm->fault_rank == comm->rank && strcmp(comm->fault_site, site) == 0;
}
