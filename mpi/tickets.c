#include "mpi/tickets.h"

#include "core/memory.h"
#include "core/progress.h"
#include "mpi/comm_private.h"

/* Closing adds this to the counter: far above any ticket, and small enough that every rank may do it at once. */
#define CLOSED ((int64_t)1 << 40)
enum { HOST = 0 };

/* Debian's Open MPI 4 has both of its components for plain networks switched off in openmpi-mca-params.conf. */
static const char NO_WINDOW[] =
    "the MPI library offers no one-sided communication between these ranks. With Open MPI see the parameter \"osc\": "
    "export OMPI_MCA_osc=^ucx before mpirun or srun lets it use plain TCP";

struct fz_mpi_tickets {
  fz_mpi *comm;
  MPI_Win window;
  int64_t *counter; /* on HOST: the next ticket */
  int64_t n;        /* tickets in this batch */
  int64_t granted;  /* one past the last ticket this rank was given */
  bool closed;      /* this rank knows that nothing more will come */
};

/* Only sums and reads ever meet on the counter, which MPI keeps atomic by default ("same_op_no_op"). */
static int64_t fetch_and_add(fz_mpi_tickets *t, int64_t amount) {
  int64_t before;
  MPI_Fetch_and_op(&amount, &before, MPI_INT64_T, HOST, 0, MPI_SUM, t->window);
  FZ_WAIT(MPI_Win_flush(HOST, t->window));
  return before;
}

fz_mpi_tickets *fz_mpi_tickets_create(fz_mpi *comm) {
  fz_mpi_tickets *t = fz_alloc(1, sizeof *t);
  if (!t) fz_fatal(__FILE__, __LINE__, "no memory for the ticket counter");
  t->comm = comm;
  MPI_Aint bytes = comm->rank == HOST ? (MPI_Aint)sizeof(int64_t) : 0;
  MPI_Comm_set_errhandler(comm->handle, MPI_ERRORS_RETURN);
  int code;
  FZ_WAIT(code = MPI_Win_allocate(bytes, sizeof(int64_t), MPI_INFO_NULL, comm->handle, &t->counter, &t->window));
  MPI_Comm_set_errhandler(comm->handle, MPI_ERRORS_ARE_FATAL);
  if (code != MPI_SUCCESS) fz_fatal(__FILE__, __LINE__, NO_WINDOW);
  MPI_Win_lock_all(MPI_MODE_NOCHECK, t->window);
  fz_mpi_tickets_open(t, 0);
  return t;
}

void fz_mpi_tickets_destroy(fz_mpi_tickets **t) {
  if (!*t) return;
  MPI_Win_unlock_all((*t)->window);
  FZ_WAIT(MPI_Win_free(&(*t)->window));
  fz_free(t);
}

void fz_mpi_tickets_open(fz_mpi_tickets *t, int64_t n) {
  FZ_ASSERT(n >= 0 && n < CLOSED / 2);
  t->n = n;
  t->granted = 0;
  t->closed = n == 0;
  FZ_WAIT(MPI_Barrier(t->comm->handle));
  if (t->comm->rank == HOST) {
    const int64_t zero = 0;
    MPI_Accumulate(&zero, 1, MPI_INT64_T, HOST, 0, 1, MPI_INT64_T, MPI_REPLACE, t->window);
    FZ_WAIT(MPI_Win_flush(HOST, t->window));
  }
  FZ_WAIT(MPI_Barrier(t->comm->handle));
}

int fz_mpi_tickets_take_many(fz_mpi_tickets *t, int count, int64_t *first) {
  FZ_ASSERT(count >= 1);
  *first = -1;
  if (t->closed) return 0;
  int64_t ticket = fetch_and_add(t, count);
  if (ticket >= t->n) {
    t->closed = true;
    return 0;
  }
  int64_t left = t->n - ticket;
  int granted = left < count ? (int)left : count;
  *first = ticket;
  t->granted = ticket + granted;
  return granted;
}

int64_t fz_mpi_tickets_take(fz_mpi_tickets *t) {
  int64_t ticket;
  fz_mpi_tickets_take_many(t, 1, &ticket);
  return ticket;
}

void fz_mpi_tickets_close(fz_mpi_tickets *t) {
  if (t->closed) return;
  fetch_and_add(t, CLOSED);
  t->closed = true;
}

void fz_mpi_tickets_call_off(fz_mpi_tickets *t) {
  fetch_and_add(t, CLOSED);
  t->closed = true;
}

bool fz_mpi_tickets_called_off(fz_mpi_tickets *t) {
  return fetch_and_add(t, 0) >= CLOSED / 2;
}

int64_t fz_mpi_tickets_granted(fz_mpi_tickets *t) {
  int64_t most;
  FZ_WAIT(MPI_Allreduce(&t->granted, &most, 1, MPI_INT64_T, MPI_MAX, t->comm->handle));
  return most;
}

void fz_mpi_tickets_poke(fz_mpi_tickets *t) {
  int waiting;
  MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, t->comm->handle, &waiting, MPI_STATUS_IGNORE);
}
