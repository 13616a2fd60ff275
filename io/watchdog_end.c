#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "io/run_status.h"
#include "io/watchdog_private.h"

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
void fz_io_watchdog_tell_in_time(fz_io_watchdog *w, const char *cause, bool to_terminal) {
  static last_words words;
  pthread_t thread;
  words.w = w;
  words.to_terminal = to_terminal;
  snprintf(words.cause, sizeof words.cause, "%s", cause);
  if (pthread_create(&thread, NULL, tell, &words) != 0) tell(&words);
  for (double end = fz_clock_seconds() + FZ_IO_WATCHDOG_LAST_WORDS;
       fz_clock_seconds() < end && !atomic_load(&words.done);)
    fz_io_watchdog_pass(0.01);
}

_Noreturn void fz_io_watchdog_leave(void) {
  _exit(fz_status_exit_code(FZ_EINTERNAL));
}

_Noreturn void fz_io_watchdog_leave_after(const fz_io_watchdog *w) {
  for (double end = fz_clock_seconds() + FZ_IO_WATCHDOG_LAST_WORDS + 1;
       fz_clock_seconds() < end && !atomic_load(&w->slot[0].told);)
    fz_io_watchdog_pass(0.01);
  fz_io_watchdog_leave();
}

bool fz_io_watchdog_take_the_word(fz_io_watchdog *w) {
  int nobody = 0;
  return atomic_compare_exchange_strong(&w->slot[0].judge, &nobody, w->me + 1);
}
