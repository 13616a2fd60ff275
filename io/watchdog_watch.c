#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "io/watchdog_private.h"

static const double LOOK_EVERY = 0.25;      /* seconds */
static const double CPU_THAT_COUNTS = 0.05; /* seconds of it */
static const double SUSPICIOUS = 1;         /* seconds of silence */
enum { NEIGHBOURS = 4 };

void fz_io_watchdog_beat(fz_io_watchdog *w) {
  fz_progress p = fz_progress_now();
  fz_io_watchdog_slot *mine = &w->slot[w->me];
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
  fz_io_watchdog_slot *s = &w->slot[i];
  fz_io_sign sign = {.process = i == w->me ? FZ_PROCESS_RUNS : look_at(w, i)};
  sign.waiting = atomic_load_explicit(&s->waiting, memory_order_acquire);
  sign.moved = atomic_load_explicit(&s->moved, memory_order_acquire);
  sign.beat = atomic_load_explicit(&s->beat, memory_order_acquire);
  sign.left = atomic_load_explicit(&s->left, memory_order_acquire); /* last: it may have gone since */
  return sign;
}

static void describe(const fz_io_watchdog *w, fz_io_verdict verdict, int culprit, char cause[FZ_CAUSE_MAX]) {
  const fz_io_watchdog_slot *s = &w->slot[culprit];
  const char *doing = fz_activity_name((fz_activity)atomic_load(&s->progress.activity));
  char who[FZ_HOST_MAX + 80];
  snprintf(who, sizeof who, "rank %d (host %s, process %lld)", s->rank, w->host, (long long)s->process.pid);
  if (verdict == FZ_VERDICT_GONE)
    snprintf(cause, FZ_CAUSE_MAX, "%s died or was killed while %s; %s", who, doing, FZ_IO_WATCHDOG_ADVICE);
  else if (verdict == FZ_VERDICT_SILENT)
    snprintf(cause, FZ_CAUSE_MAX, "%s gave no sign of life for %.0f s%s; it was %s; %s", who,
             w->watched[culprit].silent,
             fz_io_process_look(&s->process) == FZ_PROCESS_SUSPENDED ? ", it is suspended (SIGSTOP)" : "", doing,
             FZ_IO_WATCHDOG_ADVICE);
  else if (verdict == FZ_VERDICT_STUCK)
    snprintf(cause, FZ_CAUSE_MAX, "%s is stuck: it did nothing for %.0f s while %s (does a file system hang?); %s", who,
             w->watched[culprit].still, doing, FZ_IO_WATCHDOG_ADVICE);
  else
    snprintf(cause, FZ_CAUSE_MAX,
             "all ranks wait for each other since %.0f s, %s while %s (does the network hang?); %s",
             w->watched[culprit].still, who, doing, FZ_IO_WATCHDOG_ADVICE);
}

/* The lowest rank that can speaks first, so that rank 0, which may be writing status.json, learns of it in time. */
static bool speaks_first(const fz_io_watchdog *w, int culprit) {
  for (int i = 0; i < w->me; i++)
    if (i != culprit && !w->sign[i].left && w->sign[i].process != FZ_PROCESS_GONE && w->watched[i].silent < SUSPICIOUS)
      return false;
  return w->me != culprit || w->n == 1;
}

static void end_job(fz_io_watchdog *w, const char *cause, int culprit, bool frozen) {
  if (!speaks_first(w, culprit)) fz_io_watchdog_pass(0.4);
  if (!fz_io_watchdog_take_the_word(w)) fz_io_watchdog_leave_after(w);
  fz_io_watchdog_tell_in_time(w, cause, true);
  atomic_store(&w->slot[0].told, 1);
  /* A suspended process hears nothing else, and would outlive the job where no launcher minds it. */
  const fz_io_process *process = &w->slot[culprit].process;
  fz_io_process_state state = fz_io_process_look(process);
  if (frozen && culprit != w->me && (state == FZ_PROCESS_SUSPENDED || state == FZ_PROCESS_RUNS))
    kill((pid_t)process->pid, SIGKILL);
  fz_io_watchdog_pass(0.05); /* for the others of the node, so that none is killed before it has left by itself */
  fz_io_watchdog_leave();
}

void *fz_io_watchdog_watch(void *self) {
  fz_io_watchdog *w = self;
  double last = fz_clock_seconds();
  while (!fz_io_watchdog_rest(w, LOOK_EVERY)) {
    int culprit = 0;
    fz_io_watchdog_beat(w);
    double t = fz_clock_seconds();
    for (int i = 0; i < w->n; i++) w->sign[i] = sign_of(w, i);
    pthread_mutex_lock(&w->lock);
    fz_io_verdict verdict = fz_io_judge(w->sign, w->watched, w->n, fmin(t - last, FZ_LONGEST_LOOK), w->settings.limit,
                                        w->shared.nodes == 1, &culprit);
    pthread_mutex_unlock(&w->lock);
    last = t;
    if (atomic_load(&w->slot[0].judge)) fz_io_watchdog_leave_after(w);
    if (verdict == FZ_VERDICT_NONE) continue;
    char cause[FZ_CAUSE_MAX];
    describe(w, verdict, culprit, cause);
    end_job(w, cause, culprit, verdict == FZ_VERDICT_SILENT);
  }
  return NULL;
}
