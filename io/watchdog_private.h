/* What the parts of the watchdog share.  watchdog.c: its life, and what the job calls; watchdog_watch.c: the thread
 * that beats and looks at the ranks of its node, in memory and /proc only; watchdog_courier.c: the one that may hang in
 * the run folder, and looks at other nodes; watchdog_end.c: who tells the cause, in bounded time, and the end. */
#ifndef FZ_IO_WATCHDOG_PRIVATE_H
#define FZ_IO_WATCHDOG_PRIVATE_H
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "core/progress.h"
#include "io/heartbeat.h"
#include "io/process.h"
#include "io/run_dir.h"
#include "io/verdict.h"
#include "io/watchdog.h"
#include "mpi/shared.h"

/* Seconds in which the cause must be written. */
#define FZ_IO_WATCHDOG_LAST_WORDS 6.0
#define FZ_IO_WATCHDOG_ADVICE "the same command goes on from the last checkpoint"

/* A rank, as its node sees it; in shared memory. */
typedef struct fz_io_watchdog_slot {
  _Alignas(64) fz_progress_place progress; /* where the rank's main thread keeps it */
  atomic_llong beat, moved;
  atomic_int waiting, left;
  atomic_int judge; /* of the node's first slot: 1 + who has found a verdict */
  atomic_int told;  /* of the node's first slot: it has been written */
  int rank;
  fz_io_process process;
} fz_io_watchdog_slot;
_Static_assert(sizeof(fz_io_watchdog_slot) == 128, "two cache lines");

struct fz_io_watchdog {
  fz_io_watchdog_settings settings;
  fz_mpi *comm;
  fz_mpi_shared shared;
  fz_io_watchdog_slot *slot; /* [n] of the node */
  fz_io_watchdog_slot *last; /* [n] what stood there when a courier was left behind */
  int n, me, rank, size;
  char host[FZ_HOST_MAX], run_dir[FZ_PATH_MAX];
  atomic_bool attached;
  pthread_mutex_t lock; /* guards stop, and watched against the courier */
  pthread_cond_t wake;
  bool stop;
  pthread_t thread, courier;
  bool thread_runs, courier_runs;
  atomic_bool courier_left;
  /* The watching thread's. */
  fz_io_sign *sign;       /* [n] */
  fz_io_watched *watched; /* [n] */
  int64_t ticks_seen, bytes_seen;
  double cpu_seen;
  atomic_llong courier_cpu_us;
  /* The courier's; of all nodes on the first one, of the first node elsewhere. */
  int n_nodes;
  fz_io_sign *node_sign;
  fz_io_watched *node_watched;
  fz_io_heartbeat own;
  fz_io_heartbeat_rank *ranks; /* [n] */
};

static inline void fz_io_watchdog_pass(double seconds) {
  struct timespec t = {.tv_sec = (time_t)seconds, .tv_nsec = (long)(1e9 * (seconds - floor(seconds)))};
  nanosleep(&t, NULL);
}

/** Sleep; true when it is time to stop. */
bool fz_io_watchdog_rest(fz_io_watchdog *w, double seconds);

/** Count up this rank's beat, and its movements. the watching thread's, and once before it starts */
void fz_io_watchdog_beat(fz_io_watchdog *w);
/* The threads.  watchdog: the context */
void *fz_io_watchdog_watch(void *watchdog);
void *fz_io_watchdog_carry(void *watchdog);

/** The right to tell the cause: true for one caller of the node, who then calls the next, sets `told` and leaves. */
bool fz_io_watchdog_take_the_word(fz_io_watchdog *w);
/** Write the cause wherever it belongs; returns when it is done, or the time for last words is over. */
void fz_io_watchdog_tell_in_time(fz_io_watchdog *w, const char *cause, bool to_terminal);
/** End the process, without MPI; the second when another of the node has told the cause. */
_Noreturn void fz_io_watchdog_leave(void);
_Noreturn void fz_io_watchdog_leave_after(const fz_io_watchdog *w);

#endif
