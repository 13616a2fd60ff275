/* Fault injection: make a named place in the program fail on one rank, to prove that all ranks then leave together. */
#ifndef FZ_MPI_FAULT_H
#define FZ_MPI_FAULT_H
#include <stdbool.h>

#include "mpi/comm.h"

/** Arm the fault "SITE:RANK" (the front-end passes the value of FZ_FAULT); NULL or "" disarms.
 *  calls   local, same text on all ranks.  fails FZ_EINVAL when it is not of that form or there is no such rank */
fz_status fz_mpi_fault_arm(fz_mpi *comm, const char *fault, fz_error *err);
/** True on the rank that is to fail at this site. local; costs one comparison when nothing is armed */
bool fz_mpi_fault(const fz_mpi *comm, const char *site);
/** A site at which nothing can fail, but a rank can die or get stuck: armed as "kill-SITE" the process kills itself
 *  (SIGKILL), as "suspend-SITE" it suspends itself (SIGSTOP), as "stall-SITE" the calling thread sleeps for ever.
 *  fz_mpi_fault is such a site, too.  calls local */
void fz_mpi_stall(const fz_mpi *comm, const char *site);

#endif
