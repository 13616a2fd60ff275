#include "io/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/progress.h"
#include "io/utc.h"

static const char *const level_names[] = {"error", "warn", "info", "detail", "debug"};
enum { LEVELS = sizeof level_names / sizeof level_names[0] };

/* The state of the one sink of the process: the log hook carries no context. */
static struct {
  fz_log_level threshold;
  int rank;
  bool terminal;
  FILE *copy;
  bool copy_fails; /* told once, until it works again */
} sink;

static void write_stamped(FILE *out, fz_log_level level, const char *text) {
  char stamp[FZ_UTC_MAX];
  fz_io_utc_now(stamp);
  fprintf(out, "%s %-6s rank %d  %s\n", stamp, level_names[level], sink.rank, text);
  fflush(out);
}

static void write_copy(fz_log_level level, const char *text) {
  errno = 0;
  write_stamped(sink.copy, level, text);
  bool fails = ferror(sink.copy) != 0;
  if (fails && !sink.copy_fails)
    fprintf(stderr, "warn: the copy of this log in the run folder cannot be written: %s\n", strerror(errno));
  sink.copy_fails = fails;
  clearerr(sink.copy);
}

static void write_line(fz_log_level level, const char *text) {
  if (level > sink.threshold || (sink.rank != 0 && level != FZ_LOG_ERROR)) return;
  fz_progress_wait(); /* a reader who has stopped the terminal, or a full pipe */
  if (!sink.terminal)
    write_stamped(stderr, level, text);
  else if (level == FZ_LOG_INFO)
    fprintf(stderr, "%s\n", text);
  else
    fprintf(stderr, "%s: %s\n", level_names[level], text);
  fz_progress_resume();
  if (sink.copy) write_copy(level, text);
}

void fz_io_log_start(fz_log_level threshold, int rank) {
  sink.threshold = threshold;
  sink.rank = rank;
  sink.terminal = isatty(STDERR_FILENO);
  fz_set_log_sink(write_line);
}

void fz_io_log_copy(FILE *copy) {
  sink.copy = copy;
}

bool fz_io_log_level(const char *name, fz_log_level *level) {
  for (int i = 0; i < LEVELS; i++) {
    if (strcmp(name, level_names[i]) != 0) continue;
    *level = (fz_log_level)i;
    return true;
  }
  return false;
}
