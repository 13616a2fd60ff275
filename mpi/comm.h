/* The communicator, agreement on errors, broadcast of small decisions.  MPI_ERRORS_ARE_FATAL stays on. */
#ifndef FZ_MPI_COMM_H
#define FZ_MPI_COMM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* Opaque outside mpi/ (and the HDF5 wrapper in io/, which needs the raw handle: fz_mpi_handle). */
typedef struct fz_mpi fz_mpi;

/** Start MPI (MPI_THREAD_FUNNELED), install the fatal hook (message, then MPI_Abort).  collective, first call of main
 */
fz_mpi *fz_mpi_start(int *argc, char ***argv);
/** Have a hook told the message of a fatal error before the job is aborted; it must return in a few seconds.  NULL:
 *  none.  local */
void fz_mpi_on_fatal(void (*hook)(const char *message));
/** End MPI and free. collective, last call of main. */
void fz_mpi_finish(fz_mpi **comm);
/** Cut the ranks into `groups` groups of neighbours, as even as can be; the result is this rank's, a communicator of
 * its own.  An error agreed on in a group names its rank in the whole. owns    the caller, fz_mpi_release.  calls
 * collective, 1 <= groups <= size, the same on all; fatal without memory */
fz_mpi *fz_mpi_split(fz_mpi *comm, int groups);
/** collective in the group; accepts NULL */
void fz_mpi_release(fz_mpi **group);
int fz_mpi_rank(const fz_mpi *comm);
int fz_mpi_size(const fz_mpi *comm);

/** Turn "I failed" into "we failed": the worst status of all ranks, with the text of the lowest rank that has it.
 *  calls   collective; the result (status and err) is the same on all ranks.  Once per phase, never per particle */
fz_status fz_mpi_agree(fz_mpi *comm, fz_status st, fz_error *err);
/** Copy rank 0's bytes to all. collective */
void fz_mpi_broadcast(fz_mpi *comm, void *bytes, size_t n);
/** True on all if true on any. collective */
bool fz_mpi_any(fz_mpi *comm, bool flag);
/** True on all if all ranks hold the same n bytes. collective; n same on all ranks, at most 256 */
bool fz_mpi_same(fz_mpi *comm, const void *bytes, size_t n);
void fz_mpi_barrier(fz_mpi *comm);
/** Maximum and sum over ranks of a measurement (seconds, bytes): for reports only, never for arithmetic. collective */
double fz_mpi_report_max(fz_mpi *comm, double value);
double fz_mpi_report_sum(fz_mpi *comm, double value);

#endif
