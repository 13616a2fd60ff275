#include "io/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/progress.h"
#include "io/heartbeat.h"
#include "io/process.h"
#include "io/run_dir.h"
#include "io/run_status.h"
#include "io/verdict.h"
#include "mpi/fault.h"
#include "mpi/shared.h"

static const double LOOK_EVERY = 0.25, SHORTEST_PERIOD = 0.5, LONGEST_PERIOD = 4; /* seconds */
static const double LAST_WORDS = 6; /* seconds in which the cause must be written */
static const double CPU_THAT_COUNTS = 0.05, SUSPICIOUS = 1;
enum { LEAVING = 45, STACK = 1 << 18, NEIGHBOURS = 4 };

/* A rank, as its node sees it; in shared memory. */
typedef struct slot {
  _Alignas(64) fz_progress_place progress; /* where the rank's main thread keeps it */
  atomic_llong beat, moved;
  atomic_int waiting, left;
  atomic_int judge; /* of the node's first slot: 1 + who has found a verdict */
  atomic_int told;  /* of the node's first slot: it has been written */
  int rank;
  fz_io_process process;
} slot;
_Static_assert(sizeof(slot) == 128, "two cache lines");

struct fz_io_watchdog {
  fz_io_watchdog_settings settings;
  fz_mpi *comm;
  fz_mpi_shared shared;
  slot *slot; /* [n] of the node */
  slot *last; /* [n] what stood there when a courier was left behind */
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

/* The one of this process, for what is called without a context: the fatal hook, an alarm. */
static fz_io_watchdog *_Atomic the_one;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pass(double seconds) {
  struct timespec t = {.tv_sec = (time_t)seconds, .tv_nsec = (long)(1e9 * (seconds - floor(seconds)))};
  nanosleep(&t, NULL);
}

/* Sleep; true when it is time to stop. */
static bool rest(fz_io_watchdog *w, double seconds) {
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

/* ---- the verdict: told by one, in bounded time, and the end ---- */

typedef struct last_words {
  fz_io_watchdog *w;
  char cause[FZ_CAUSE_MAX];
  bool to_terminal;
  atomic_bool done;
} last_words;

static void append_to_log(const char *run_dir, const char *line, size_t n) {
  char path[FZ_PATH_MAX];
  if (fz_io_path_join(path, run_dir, "run.log", NULL) != FZ_OK) return;
  int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, line, n) < 0) errno = 0; /* the cause stands elsewhere, too */
  close(fd);
}

/* In the order of what hangs least.  Nothing here needs what the main thread may hold, but the heap. */
static void *tell(void *context) {
  last_words *words = context;
  fz_io_watchdog *w = words->w;
  char line[FZ_CAUSE_MAX + 80];
  int n = snprintf(line, sizeof line, "frazil: %s; all ranks end, exit code %d\n", words->cause,
                   fz_status_exit_code(FZ_EINTERNAL));
  if (words->to_terminal && write(STDERR_FILENO, line, (size_t)n) < 0) errno = 0;
  if (atomic_load(&w->attached)) {
    if (fz_io_heartbeat_claim(w->run_dir)) {
      fz_io_run_status_condemn(w->run_dir, w->size, words->cause, NULL);
      append_to_log(w->run_dir, line, (size_t)n);
    }
    fz_io_heartbeat own = w->own;
    snprintf(own.verdict, sizeof own.verdict, "%s", words->cause);
    own.beat += 1000; /* whatever a courier of this node is writing */
    fz_io_heartbeat_write(w->run_dir, w->shared.index, &own, NULL, 0, NULL);
  }
  atomic_store(&words->done, true);
  return NULL;
}

/* Never freed: who waits for it leaves by _exit. */
static void tell_in_time(fz_io_watchdog *w, const char *cause, bool to_terminal) {
  static last_words words;
  pthread_t thread;
  words.w = w;
  words.to_terminal = to_terminal;
  snprintf(words.cause, sizeof words.cause, "%s", cause);
  if (pthread_create(&thread, NULL, tell, &words) != 0) tell(&words);
  for (double end = now() + LAST_WORDS; now() < end && !atomic_load(&words.done);) pass(0.01);
}

static void leave(void) {
  _exit(fz_status_exit_code(FZ_EINTERNAL));
}

/* Another of the node tells it. */
static void leave_after(const fz_io_watchdog *w) {
  for (double end = now() + LAST_WORDS + 1; now() < end && !atomic_load(&w->slot[0].told);) pass(0.01);
  leave();
}

static bool take_the_word(fz_io_watchdog *w) {
  int nobody = 0;
  return atomic_compare_exchange_strong(&w->slot[0].judge, &nobody, w->me + 1);
}

/* The lowest rank that can speaks first, so that rank 0, which may be writing status.json, learns of it in time. */
static bool speaks_first(const fz_io_watchdog *w, int culprit) {
  for (int i = 0; i < w->me; i++)
    if (i != culprit && !w->sign[i].left && w->sign[i].process != FZ_PROCESS_GONE && w->watched[i].silent < SUSPICIOUS)
      return false;
  return w->me != culprit || w->n == 1;
}

static void end_job(fz_io_watchdog *w, const char *cause, int culprit, bool frozen) {
  if (!speaks_first(w, culprit)) pass(0.4);
  if (!take_the_word(w)) leave_after(w);
  tell_in_time(w, cause, true);
  atomic_store(&w->slot[0].told, 1);
  /* A suspended process hears nothing else, and would outlive the job where no launcher minds it. */
  const fz_io_process *process = &w->slot[culprit].process;
  fz_io_process_state state = fz_io_process_look(process);
  if (frozen && culprit != w->me && (state == FZ_PROCESS_SUSPENDED || state == FZ_PROCESS_RUNS))
    kill((pid_t)process->pid, SIGKILL);
  pass(0.05); /* for the others of the node, so that none is killed before it has left by itself */
  leave();
}

static const char ADVICE[] = "the same command goes on from the last checkpoint";

static void describe(const fz_io_watchdog *w, fz_io_verdict verdict, int culprit, char cause[FZ_CAUSE_MAX]) {
  const slot *s = &w->slot[culprit];
  const char *doing = fz_activity_name((fz_activity)atomic_load(&s->progress.activity));
  char who[FZ_HOST_MAX + 80];
  snprintf(who, sizeof who, "rank %d (host %s, process %lld)", s->rank, w->host, (long long)s->process.pid);
  if (verdict == FZ_VERDICT_GONE)
    snprintf(cause, FZ_CAUSE_MAX, "%s died or was killed while %s; %s", who, doing, ADVICE);
  else if (verdict == FZ_VERDICT_SILENT)
    snprintf(
        cause, FZ_CAUSE_MAX, "%s gave no sign of life for %.0f s%s; it was %s; %s", who, w->watched[culprit].silent,
        fz_io_process_look(&s->process) == FZ_PROCESS_SUSPENDED ? ", it is suspended (SIGSTOP)" : "", doing, ADVICE);
  else if (verdict == FZ_VERDICT_STUCK)
    snprintf(cause, FZ_CAUSE_MAX, "%s is stuck: it did nothing for %.0f s while %s (does a file system hang?); %s", who,
             w->watched[culprit].still, doing, ADVICE);
  else
    snprintf(cause, FZ_CAUSE_MAX,
             "all ranks wait for each other since %.0f s, %s while %s (does the network hang?); %s",
             w->watched[culprit].still, who, doing, ADVICE);
}

/* ---- the watching thread: memory and /proc only ---- */

static void beat(fz_io_watchdog *w) {
  fz_progress p = fz_progress_now();
  slot *mine = &w->slot[w->me];
  double cpu = fz_io_process_seconds() - fz_io_thread_seconds() - 1e-6 * (double)atomic_load(&w->courier_cpu_us);
  bool moved = p.ticks != w->ticks_seen;
  if (!moved && !p.waiting) {
    int64_t bytes = fz_io_process_bytes();
    moved = cpu - w->cpu_seen >= CPU_THAT_COUNTS || bytes != w->bytes_seen;
    w->bytes_seen = bytes;
  }
  if (moved || p.waiting) w->cpu_seen = cpu; /* MPI burns cycles while it waits */
  w->ticks_seen = p.ticks;
  if (moved) atomic_fetch_add_explicit(&mine->moved, 1, memory_order_release);
  /* After `moved`: who sees that it waits no more sees why. */
  atomic_store_explicit(&mine->waiting, p.waiting, memory_order_release);
  atomic_fetch_add_explicit(&mine->beat, 1, memory_order_release);
}

/* The system is asked about a few neighbours, so that of many ranks each is looked after by some; and about suspects.
 */
static fz_io_process_state look_at(const fz_io_watchdog *w, int i) {
  int ahead = (i - w->me + w->n) % w->n;
  bool near = ahead > 0 && ahead <= NEIGHBOURS;
  return near || w->watched[i].silent >= SUSPICIOUS ? fz_io_process_look(&w->slot[i].process) : FZ_PROCESS_RUNS;
}

static fz_io_sign sign_of(const fz_io_watchdog *w, int i) {
  slot *s = &w->slot[i];
  fz_io_sign sign = {.process = i == w->me ? FZ_PROCESS_RUNS : look_at(w, i)};
  sign.waiting = atomic_load_explicit(&s->waiting, memory_order_acquire);
  sign.moved = atomic_load_explicit(&s->moved, memory_order_acquire);
  sign.beat = atomic_load_explicit(&s->beat, memory_order_acquire);
  sign.left = atomic_load_explicit(&s->left, memory_order_acquire); /* last: it may have gone since */
  return sign;
}

static void *watch(void *self) {
  fz_io_watchdog *w = self;
  double last = now();
  while (!rest(w, LOOK_EVERY)) {
    int culprit = 0;
    beat(w);
    double t = now();
    for (int i = 0; i < w->n; i++) w->sign[i] = sign_of(w, i);
    pthread_mutex_lock(&w->lock);
    fz_io_verdict verdict = fz_io_judge(w->sign, w->watched, w->n, fmin(t - last, FZ_LONGEST_LOOK), w->settings.limit,
                                        w->shared.nodes == 1, &culprit);
    pthread_mutex_unlock(&w->lock);
    last = t;
    if (atomic_load(&w->slot[0].judge)) leave_after(w);
    if (verdict == FZ_VERDICT_NONE) continue;
    char cause[FZ_CAUSE_MAX];
    describe(w, verdict, culprit, cause);
    end_job(w, cause, culprit, verdict == FZ_VERDICT_SILENT);
  }
  return NULL;
}

/* ---- the courier: the run folder ---- */

static double period(const fz_io_watchdog *w) {
  double tenth = w->settings.limit > 0 ? w->settings.limit / 10 : LONGEST_PERIOD;
  return fmax(SHORTEST_PERIOD, fmin(LONGEST_PERIOD, tenth));
}

/* The node as one: it waits when all its ranks do, and has left with the last of them. */
static void sum_up(fz_io_watchdog *w) {
  fz_io_heartbeat *own = &w->own;
  int64_t moved = 0;
  own->waiting = own->left = true;
  pthread_mutex_lock(&w->lock);
  for (int i = 0; i < w->n; i++) {
    const slot *s = &w->slot[i];
    bool left = atomic_load(&s->left), waiting = atomic_load(&s->waiting);
    own->left = own->left && left;
    own->waiting = own->waiting && (left || waiting);
    moved += atomic_load(&s->moved) + (w->sign[i].process == FZ_PROCESS_TRACED ? own->beat : 0);
    w->ranks[i] = (fz_io_heartbeat_rank){.rank = s->rank,
                                         .pid = s->process.pid,
                                         .activity = (fz_activity)atomic_load(&s->progress.activity),
                                         .waiting = waiting,
                                         .left = left,
                                         .silent = w->watched[i].silent,
                                         .still = w->watched[i].still};
  }
  pthread_mutex_unlock(&w->lock);
  own->moved = moved;
  own->beat++;
}

static void describe_node(const fz_io_watchdog *w, fz_io_verdict verdict, int node, const char *host,
                          char cause[FZ_CAUSE_MAX]) {
  const fz_io_watched *seen = &w->node_watched[node];
  if (verdict == FZ_VERDICT_SILENT)
    snprintf(cause, FZ_CAUSE_MAX,
             "node %d (%s) gave no sign of life for %.0f s: it is lost, or does not reach the run folder; %s", node,
             host[0] ? host : "unknown host", seen->silent, ADVICE);
  else if (verdict == FZ_VERDICT_STUCK)
    snprintf(cause, FZ_CAUSE_MAX, "node %d (%s) is stuck: its ranks did nothing for %.0f s; %s", node, host,
             seen->still, ADVICE);
  else
    snprintf(cause, FZ_CAUSE_MAX, "all ranks wait for each other since %.0f s (does the network hang?); %s",
             seen->still, ADVICE);
}

/* A verdict that another node has found. */
static void follow(fz_io_watchdog *w, const char *cause) {
  if (!take_the_word(w)) return;
  tell_in_time(w, cause, false);
  atomic_store(&w->slot[0].told, 1);
  leave();
}

/* The first node looks at all, all look at the first: few files are opened, whatever the number of nodes. */
static void look_at_nodes(fz_io_watchdog *w, double seconds, char (*host)[FZ_HOST_MAX]) {
  bool first = w->shared.index == 0;
  int culprit = 0;
  for (int i = 0; i < w->n_nodes; i++) {
    fz_io_heartbeat seen;
    if (first && i == 0)
      seen = w->own;
    else if (!fz_io_heartbeat_read(w->run_dir, i, &seen))
      continue;
    w->node_sign[i] = (fz_io_sign){.beat = seen.beat, .moved = seen.moved, .waiting = seen.waiting, .left = seen.left};
    memcpy(host[i], seen.host, sizeof host[i]);
    if (seen.verdict[0]) follow(w, seen.verdict);
  }
  fz_io_verdict verdict =
      fz_io_judge(w->node_sign, w->node_watched, w->n_nodes, seconds, w->settings.limit, first, &culprit);
  if (verdict == FZ_VERDICT_NONE || !take_the_word(w)) return;
  char cause[FZ_CAUSE_MAX];
  describe_node(w, verdict, culprit, host[culprit], cause);
  tell_in_time(w, cause, true);
  atomic_store(&w->slot[0].told, 1);
  pass(first ? 2 * period(w) : 0.05); /* so that the other nodes read it, should the launcher not end them */
  leave();
}

static void *carry(void *self) {
  fz_io_watchdog *w = self;
  char(*host)[FZ_HOST_MAX] = fz_alloc(w->n_nodes, sizeof *host);
  double last = now();
  bool warned = false, stop = false;
  while (host && !stop) {
    stop = rest(w, period(w));
    if (w->slot == w->last) break;                                              /* left behind */
    if (!atomic_load(&w->attached) || atomic_load(&w->slot[0].judge)) continue; /* the last words stand */
    fz_error err = {0};
    sum_up(w);
    if (fz_io_heartbeat_write(w->run_dir, w->shared.index, &w->own, w->ranks, w->n, &err) != FZ_OK && !warned) {
      fz_log(FZ_LOG_WARN, "no heartbeat: %s", err.text);
      warned = true;
    }
    double t = now(), seconds = fmin(t - last, 2 * period(w));
    last = t;
    /* A folder that cannot be written to tells nothing of others. */
    if (w->shared.nodes > 1 && err.code == FZ_OK && !rest(w, 0)) look_at_nodes(w, seconds, host);
    atomic_store(&w->courier_cpu_us, (long long)(1e6 * fz_io_thread_seconds()));
  }
  fz_free(&host);
  atomic_store(&w->courier_left, true);
  return NULL;
}

/* ---- the job's side ---- */

/* The program cannot go on: its message becomes the cause. */
static void on_fatal(const char *message) {
  fz_io_watchdog *w = atomic_load(&the_one);
  char cause[FZ_CAUSE_MAX];
  if (!w || !take_the_word(w)) return;
  snprintf(cause, sizeof cause, "rank %d (host %s): %s", w->rank, w->host, message);
  tell_in_time(w, cause, false);
  atomic_store(&w->slot[0].told, 1);
}

static void on_alarm(int number) {
  static const char line[] = "frazil: another rank does not end; this one does, exit code 2\n";
  (void)number;
  if (write(STDERR_FILENO, line, sizeof line - 1) < 0) errno = 0;
  leave();
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
  slot *mine = &w->slot[w->me];
  mine->rank = w->rank;
  mine->process = fz_io_process_self();
  fz_progress_keep(&mine->progress);
  beat(w);
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
  fz_mpi_shared_open(comm, sizeof(slot), settings->apart, &w->shared);
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
  w->thread_runs = start_thread(&w->thread, watch, w);
  w->courier_runs = w->me == 0 && start_thread(&w->courier, carry, w);
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
  for (double end = now() + LAST_WORDS; now() < end && !atomic_load(&w->courier_left);) pass(0.005);
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
