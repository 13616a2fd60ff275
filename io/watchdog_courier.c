#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/watchdog_private.h"

static const double SHORTEST_PERIOD = 0.5, LONGEST_PERIOD = 4; /* seconds */
static const double FIRST = 0.05; /* until the folder is there: then others soon know this node by name */

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
    const fz_io_watchdog_slot *s = &w->slot[i];
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
             host[0] ? host : "unknown host", seen->silent, FZ_IO_WATCHDOG_ADVICE);
  else if (verdict == FZ_VERDICT_STUCK)
    snprintf(cause, FZ_CAUSE_MAX, "node %d (%s) is stuck: its ranks did nothing for %.0f s; %s", node, host,
             seen->still, FZ_IO_WATCHDOG_ADVICE);
  else
    snprintf(cause, FZ_CAUSE_MAX, "all ranks wait for each other since %.0f s (does the network hang?); %s",
             seen->still, FZ_IO_WATCHDOG_ADVICE);
}

/* A verdict that another node has found. */
static void follow(fz_io_watchdog *w, const char *cause) {
  if (!fz_io_watchdog_take_the_word(w)) return;
  fz_io_watchdog_tell_in_time(w, cause, false);
  atomic_store(&w->slot[0].told, 1);
  fz_io_watchdog_leave();
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
  if (verdict == FZ_VERDICT_NONE || !fz_io_watchdog_take_the_word(w)) return;
  char cause[FZ_CAUSE_MAX];
  describe_node(w, verdict, culprit, host[culprit], cause);
  fz_io_watchdog_tell_in_time(w, cause, true);
  atomic_store(&w->slot[0].told, 1);
  /* So that the other nodes read it, should the launcher not end them. */
  fz_io_watchdog_pass(first ? 2 * period(w) : 0.05);
  fz_io_watchdog_leave();
}

void *fz_io_watchdog_carry(void *self) {
  fz_io_watchdog *w = self;
  char(*host)[FZ_HOST_MAX] = fz_alloc(w->n_nodes, sizeof *host);
  double last = fz_clock_seconds();
  bool warned = false, stop = false;
  while (host && !stop) {
    stop = fz_io_watchdog_rest(w, w->own.beat > 0 ? period(w) : FIRST);
    if (w->slot == w->last) break;                                              /* left behind */
    if (!atomic_load(&w->attached) || atomic_load(&w->slot[0].judge)) continue; /* the last words stand */
    fz_error err = {0};
    sum_up(w);
    if (fz_io_heartbeat_write(w->run_dir, w->shared.index, &w->own, w->ranks, w->n, &err) != FZ_OK && !warned) {
      fz_log(FZ_LOG_WARN, "no heartbeat: %s", err.text);
      warned = true;
    }
    double t = fz_clock_seconds(), seconds = fmin(t - last, 2 * period(w));
    last = t;
    /* A folder that cannot be written to tells nothing of others. */
    if (w->shared.nodes > 1 && err.code == FZ_OK && !fz_io_watchdog_rest(w, 0)) look_at_nodes(w, seconds, host);
    atomic_store(&w->courier_cpu_us, (long long)(1e6 * fz_io_thread_seconds()));
  }
  fz_free(&host);
  atomic_store(&w->courier_left, true);
  return NULL;
}
