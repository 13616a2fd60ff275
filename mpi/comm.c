#include "mpi/comm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cblas.h>

#include "core/memory.h"
#include "core/progress.h"
#include "mpi/comm_private.h"

enum { BROADCAST_PIECE = 1 << 30 };

static void (*_Atomic fatal_listener)(const char *message);

void fz_mpi_on_fatal(void (*hook)(const char *message)) {
  fatal_listener = hook;
}

/* One write, so that the lines of several failing ranks do not mix. */
static void abort_job(const char *message) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  char line[1024];
  int length = snprintf(line, sizeof line, "frazil: fatal error on rank %d: %s\n", rank, message);
  if (length >= (int)sizeof line) length = (int)sizeof line - 1;
  ssize_t written = write(STDERR_FILENO, line, (size_t)length);
  (void)written; /* nothing is left to tell it to */
  void (*listener)(const char *) = fatal_listener;
  if (listener) listener(message);
  MPI_Abort(MPI_COMM_WORLD, fz_status_exit_code(FZ_EINTERNAL));
}

static void (*finish_hook)(void);

void fz_mpi_on_finish(void (*hook)(void)) {
  finish_hook = hook;
}

fz_mpi *fz_mpi_start(int *argc, char ***argv) {
  int level = MPI_THREAD_SINGLE;
  MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level);
  fz_set_fatal_hook(abort_job);
  /* With threads of its own BLAS would add in another order on another machine, and fight ours for the cores. */
  openblas_set_num_threads(1);
  if (level < MPI_THREAD_FUNNELED) fz_fatal(__FILE__, __LINE__, "this MPI library cannot be used with OpenMP threads");
  fz_mpi *comm = fz_alloc(1, sizeof *comm);
  if (!comm) fz_fatal(__FILE__, __LINE__, "no memory for the communicator");
  FZ_WAIT(MPI_Comm_dup(MPI_COMM_WORLD, &comm->handle));
  MPI_Comm_rank(comm->handle, &comm->rank);
  MPI_Comm_size(comm->handle, &comm->size);
  return comm;
}

void fz_mpi_finish(fz_mpi **comm) {
  if (!*comm) return;
  if (finish_hook) finish_hook();
  finish_hook = NULL;
  MPI_Comm_free(&(*comm)->handle);
  fz_free(comm);
  fz_set_fatal_hook(NULL);
  FZ_WAIT(MPI_Finalize());
}

fz_mpi *fz_mpi_split(fz_mpi *comm, int groups) {
  FZ_ASSERT(groups >= 1 && groups <= comm->size);
  fz_mpi *group = fz_alloc(1, sizeof *group);
  if (!group) fz_fatal(__FILE__, __LINE__, "no memory for a communicator");
  *group = *comm; /* with an armed fault */
  int mine = (int)(((int64_t)(comm->rank + 1) * groups - 1) / comm->size);
  int first = (int)((int64_t)mine * comm->size / groups);
  FZ_WAIT(MPI_Comm_split(comm->handle, mine, comm->rank, &group->handle));
  MPI_Comm_rank(group->handle, &group->rank);
  MPI_Comm_size(group->handle, &group->size);
  FZ_ASSERT(comm->rank == first + group->rank);
  group->first = comm->first + first;
  group->fault_rank = comm->fault_rank - first;
  return group;
}

void fz_mpi_release(fz_mpi **group) {
  if (!*group) return;
  MPI_Comm_free(&(*group)->handle);
  fz_free(group);
}

MPI_Comm fz_mpi_handle(const fz_mpi *comm) {
  return comm->handle;
}
int fz_mpi_rank(const fz_mpi *comm) {
  return comm->rank;
}
int fz_mpi_size(const fz_mpi *comm) {
  return comm->size;
}

/* A stop is the mildest of the bad news: a real failure elsewhere must not hide behind it. */
static int severity(fz_status st) {
  if (st == FZ_OK) return 0;
  return st == FZ_ESTOPPED ? 1 : 1 + (int)st;
}

static void name_the_rank(char *text, size_t capacity, int rank) {
  size_t used = strlen(text);
  /* A text that went through an earlier agreement already carries the rank it came from. */
  const char *last = strrchr(text, '(');
  if (last && strncmp(last, "(rank ", 6) == 0 && used > 0 && text[used - 1] == ')') return;
  char suffix[32];
  size_t need = (size_t)snprintf(suffix, sizeof suffix, " (rank %d)", rank) + 1;
  if (used > capacity - need) used = capacity - need;
  memcpy(text + used, suffix, need);
}

fz_status fz_mpi_agree(fz_mpi *comm, fz_status st, fz_error *err) {
  /* One number orders by severity first, then by the lowest rank. */
  int64_t mine = (int64_t)severity(st) * comm->size + (comm->size - 1 - comm->rank), worst;
  FZ_WAIT(MPI_Allreduce(&mine, &worst, 1, MPI_INT64_T, MPI_MAX, comm->handle));
  if (worst / comm->size == 0) return FZ_OK;
  int owner = comm->size - 1 - (int)(worst % comm->size);
  fz_error verdict = {.code = st};
  if (owner == comm->rank) {
    bool told = err && err->code == st && err->text[0];
    snprintf(verdict.text, sizeof verdict.text, "%s", told ? err->text : fz_status_name(st));
    if (comm->size > 1) name_the_rank(verdict.text, sizeof verdict.text, comm->first + owner);
  }
  FZ_WAIT(MPI_Bcast(&verdict, (int)sizeof verdict, MPI_BYTE, owner, comm->handle));
  if (err) *err = verdict;
  return verdict.code;
}

void fz_mpi_broadcast(fz_mpi *comm, void *bytes, size_t n) {
  for (size_t done = 0; done < n;) {
    size_t piece = n - done < BROADCAST_PIECE ? n - done : BROADCAST_PIECE;
    FZ_WAIT(MPI_Bcast((char *)bytes + done, (int)piece, MPI_BYTE, 0, comm->handle));
    done += piece;
  }
}

bool fz_mpi_any(fz_mpi *comm, bool flag) {
  int mine = flag, any;
  FZ_WAIT(MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_LOR, comm->handle));
  return any;
}

void fz_mpi_barrier(fz_mpi *comm) {
  FZ_WAIT(MPI_Barrier(comm->handle));
}

double fz_mpi_report_max(fz_mpi *comm, double value) {
  double most;
  FZ_WAIT(MPI_Allreduce(&value, &most, 1, MPI_DOUBLE, MPI_MAX, comm->handle));
  return most;
}

double fz_mpi_report_sum(fz_mpi *comm, double value) {
  double total;
  FZ_WAIT(MPI_Allreduce(&value, &total, 1, MPI_DOUBLE, MPI_SUM, comm->handle));
  return total;
}

bool fz_mpi_same(fz_mpi *comm, const void *bytes, size_t n) {
  unsigned char first[256];
  FZ_ASSERT(n <= sizeof first);
  memcpy(first, bytes, n);
  fz_mpi_broadcast(comm, first, n);
  return !fz_mpi_any(comm, memcmp(first, bytes, n) != 0);
}
