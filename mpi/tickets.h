/* Tickets 0, 1, 2, ... handed out to whoever asks first: the work of a batch is shared without a master, by one counter
 * that all ranks reach with one-sided atomic operations. */
#ifndef FZ_MPI_TICKETS_H
#define FZ_MPI_TICKETS_H
#include <stdbool.h>
#include <stdint.h>

#include "mpi/comm.h"

/* Progress: the counter lives on rank 0.  Inside one node it is shared memory and rank 0 takes no part.  Between nodes
 * some networks serve it only while rank 0 is inside MPI, so: take the next ticket BEFORE working on the current one,
 * and call fz_mpi_tickets_poke now and then during long work. */
typedef struct fz_mpi_tickets fz_mpi_tickets;

/** A closed counter.  owns the caller.  calls collective, main thread; fatal when memory runs out */
fz_mpi_tickets *fz_mpi_tickets_create(fz_mpi *comm);
/** Give everything back and set *t to NULL; accepts NULL. collective */
void fz_mpi_tickets_destroy(fz_mpi_tickets **t);

/** Offer tickets 0 .. n-1.  calls collective (no rank may still be taking from the batch before); n same on all ranks
 */
void fz_mpi_tickets_open(fz_mpi_tickets *t, int64_t n);
/** The next ticket, or -1 when all are gone or the counter was closed. calls local, main thread */
int64_t fz_mpi_tickets_take(fz_mpi_tickets *t);
/** The next `count` tickets at once, for the threads of a rank: *first, *first + 1, ...
 *  returns how many were granted (fewer at the end; 0 when all are gone or the counter was closed) */
int fz_mpi_tickets_take_many(fz_mpi_tickets *t, int count, int64_t *first);
/** Stop request: from now on no rank gets another ticket; granted ones are to be worked off. calls local */
void fz_mpi_tickets_close(fz_mpi_tickets *t);
/** Stop request beyond the batch: the same, and the others can hear of it by called_off, until tickets are opened
 * again. Both are local and one-sided, so ranks may hear at different times. */
void fz_mpi_tickets_call_off(fz_mpi_tickets *t);
bool fz_mpi_tickets_called_off(fz_mpi_tickets *t);
/** How many tickets were granted in this batch: exactly 0 .. result-1, because they go out in order.
 *  calls   collective, after every rank has stopped taking; same result on all ranks */
int64_t fz_mpi_tickets_granted(fz_mpi_tickets *t);
/** Give MPI a moment to serve other ranks' requests. local, main thread */
void fz_mpi_tickets_poke(fz_mpi_tickets *t);

#endif
