#include "io/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/run_status.h"
#include "io/watchdog_private.h"
#include "mpi/fault.h"

enum { LEAVING = 45, STACK = 1 << 18 };

/* The one of this process, for what is called without a context: the fatal hook, an alarm. */
static fz_io_watchdog *_Atomic the_one;

bool fz_io_watchdog_rest(fz_io_watchdog *w, double seconds) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  double end = (double)until.tv_nsec * 1e-9 + seconds;
  until.tv_sec += (time_t)floor(end);
  until.tv_nsec = (long)(1e9 * (end - floor(end)));
  pthread_mutex_lock(&w->lock);
  while (!w->stop && pthread_cond_timedwait(&w->wake, &w->lock, &until) == 0) continue;
  bool stop = w->stop;
  pthread_mutex_unlock(&w->lock);
  return stop;
}

/* The program cannot go on: its message becomes the cause. */
static void on_fatal(const char *message) {
  fz_io_watchdog *w = atomic_load(&the_one);
  char cause[FZ_CAUSE_MAX];
  if (!w || !fz_io_watchdog_take_the_word(w)) return;
  snprintf(cause, sizeof cause, "rank %d (host %s): %s", w->rank, w->host, message);
  fz_io_watchdog_tell_in_time(w, cause, false);
  atomic_store(&w->slot[0].told, 1);
}

static void on_alarm(int number) {
  static const char line[] = "frazil: another rank does not end; this one does, exit code 2\n";
  (void)number;
  if (write(STDERR_FILENO, line, sizeof line - 1) < 0) errno = 0;
  fz_io_watchdog_leave();
}

/* Signals are the main thread's: it is the one that stops in good order. */
static bool start_thread(pthread_t *thread, void *(*run)(void *), void *context) {
  sigset_t all, before;
  pthread_attr_t attributes;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK);
  bool good = pthread_create(thread, &attributes, run, context) == 0;
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return good;
}

static void release(fz_io_watchdog **watchdog) {
  fz_io_watchdog *w = *watchdog;
  fz_free(&w->sign);
  fz_free(&w->watched);
  fz_free(&w->node_sign);
  fz_free(&w->node_watched);
  fz_free(&w->ranks);
  fz_free(&w->last);
  pthread_cond_destroy(&w->wake);
  pthread_mutex_destroy(&w->lock);
  fz_free(watchdog);
}

static void set_slot(fz_io_watchdog *w) {
  fz_io_watchdog_slot *mine = &w->slot[w->me];
  mine->rank = w->rank;
  mine->process = fz_io_process_self();
  fz_progress_keep(&mine->progress);
  fz_io_watchdog_beat(w);
}

/* Process numbers of another name space mean other processes here. */
static void forget_foreign_processes(fz_io_watchdog *w) {
  int64_t space = w->slot[w->me].process.space;
  bool same = true;
  for (int i = 0; i < w->n; i++) same = same && w->slot[i].process.space == space;
  fz_mpi_barrier(w->shared.node); /* all have looked */
  if (!same) w->slot[w->me].process.space = 0;
  fz_mpi_barrier(w->shared.node);
}

static fz_io_watchdog *create(fz_mpi *comm, const fz_io_watchdog_settings *settings) {
  fz_io_watchdog *w = fz_alloc(1, sizeof *w);
  if (!w) return NULL;
  w->settings = *settings;
  w->comm = comm;
  w->rank = fz_mpi_rank(comm);
  w->size = fz_mpi_size(comm);
  if (gethostname(w->host, sizeof w->host - 1) != 0) strcpy(w->host, "unknown");
  snprintf(w->own.host, sizeof w->own.host, "%s", w->host);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&w->wake, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&w->lock, NULL);
  return w;
}

static fz_status make_room(fz_io_watchdog *w, fz_error *err) {
  w->n_nodes = w->shared.index == 0 ? w->shared.nodes : 1;
  w->sign = fz_alloc(w->n, sizeof *w->sign);
  w->watched = fz_alloc(w->n, sizeof *w->watched);
  w->node_sign = fz_alloc(w->n_nodes, sizeof *w->node_sign);
  w->node_watched = fz_alloc(w->n_nodes, sizeof *w->node_watched);
  w->ranks = fz_alloc(w->n, sizeof *w->ranks);
  w->last = fz_alloc(w->n, sizeof *w->last);
  bool good = w->last && w->sign && w->watched && w->node_sign && w->node_watched && w->ranks;
  return good ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for the watchdog");
}

fz_status fz_io_watchdog_start(fz_mpi *comm, const fz_io_watchdog_settings *settings, fz_io_watchdog **out,
                               fz_error *err) {
  *out = NULL;
  fz_io_watchdog *w = create(comm, settings);
  fz_status st = fz_mpi_agree(comm, w ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for the watchdog"), err);
  if (st != FZ_OK) {
    if (w) release(&w);
    return st;
  }
  fz_mpi_shared_open(comm, sizeof(fz_io_watchdog_slot), settings->apart, &w->shared);
  w->slot = w->shared.bytes;
  w->n = fz_mpi_size(w->shared.node);
  w->me = fz_mpi_rank(w->shared.node);
  *out = w;
  FZ_TRY(fz_mpi_agree(comm, make_room(w, err), err));
  set_slot(w);
  fz_mpi_barrier(w->shared.node);
  forget_foreign_processes(w);
  atomic_store(&the_one, w);
  fz_mpi_on_fatal(on_fatal);
  w->thread_runs = start_thread(&w->thread, fz_io_watchdog_watch, w);
  w->courier_runs = w->me == 0 && start_thread(&w->courier, fz_io_watchdog_carry, w);
  if (!w->thread_runs || (w->me == 0 && !w->courier_runs))
    st = fz_fail(err, FZ_EIO, "cannot start the thread that watches the ranks");
  st = fz_mpi_agree(comm, st, err);
done:
  if (st != FZ_OK) fz_io_watchdog_stop(out);
  return st;
}

fz_status fz_io_watchdog_attach(fz_io_watchdog *w, const char *run_dir, fz_error *err) {
  fz_io_run_report before;
  fz_status st = strlen(run_dir) < FZ_PATH_MAX ? FZ_OK : fz_fail(err, FZ_EINVAL, "the path of the folder is too long");
  if (st == FZ_OK) strcpy(w->run_dir, run_dir);
  if (st == FZ_OK && w->rank == 0) {
    if (fz_io_run_status_read(run_dir, &before, NULL) == FZ_OK && before.state == FZ_RUN_RUNNING)
      fz_log(FZ_LOG_INFO, "the job before this one was killed, or its node was lost: it ended without a word");
    st = fz_io_heartbeat_prepare(run_dir, w->shared.nodes, err);
  }
  st = fz_mpi_agree(w->comm, st, err);
  if (st == FZ_OK) atomic_store(&w->attached, true);
  return st;
}

/* A courier that hangs in the file system is left to the end of the process, with what it may still touch; of the
 * shared memory a copy. */
static void leave_courier(fz_io_watchdog *w) {
  pthread_mutex_lock(&w->lock);
  memcpy(w->last, w->slot, sizeof *w->slot * (size_t)w->n);
  w->slot = w->last;
  pthread_mutex_unlock(&w->lock);
}

static bool courier_joined(fz_io_watchdog *w) {
  if (!w->courier_runs) return true;
  for (double end = fz_clock_seconds() + FZ_IO_WATCHDOG_LAST_WORDS;
       fz_clock_seconds() < end && !atomic_load(&w->courier_left);)
    fz_io_watchdog_pass(0.005);
  if (!atomic_load(&w->courier_left)) return false;
  pthread_join(w->courier, NULL);
  return true;
}

void fz_io_watchdog_stop(fz_io_watchdog **watchdog) {
  fz_io_watchdog *w = *watchdog;
  if (!w) return;
  atomic_store(&w->slot[w->me].left, 1);
  pthread_mutex_lock(&w->lock);
  w->stop = true;
  pthread_cond_broadcast(&w->wake);
  pthread_mutex_unlock(&w->lock);
  if (w->thread_runs) pthread_join(w->thread, NULL);
  /* From here on a rank that does not end would be waited for in vain, and nobody watches. */
  struct sigaction action = {.sa_handler = on_alarm};
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, NULL);
  if (w->settings.limit > 0) alarm(LEAVING);
  fz_mpi_on_fatal(NULL);
  atomic_store(&the_one, NULL);
  bool joined = courier_joined(w);
  fz_mpi_barrier(w->comm);
  if (joined && w->rank == 0 && atomic_load(&w->attached)) fz_io_heartbeat_remove(w->run_dir);
  *watchdog = NULL;
  fz_progress_keep(NULL);
  if (!joined) leave_courier(w);
  fz_mpi_shared_close(&w->shared);
  if (joined) release(&w);
}
