#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 1024, BORN_FIELD = 22 };

/* The start of a small file of /proc; false when it is not there. */
static int slurp(const char *path, char text[TEXT]) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t n = read(fd, text, TEXT - 1);
  close(fd);
  text[n > 0 ? n : 0] = '\0';
  return n > 0;
}

/* State letter and start time; the name before them may hold anything, also brackets. */
static int parse_stat(const char *text, char *state, int64_t *born) {
  const char *at = strrchr(text, ')');
  if (!at || at[1] != ' ') return 0;
  at += 2;
  *state = *at;
  for (int field = 3; field < BORN_FIELD && at; field++) at = strchr(at + 1, ' ');
  if (!at) return 0;
  *born = strtoll(at, NULL, 10);
  return 1;
}

static int read_stat(int64_t pid, char *state, int64_t *born) {
  char path[64], text[TEXT];
  snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
  return slurp(path, text) && parse_stat(text, state, born);
}

fz_io_process fz_io_process_self(void) {
  fz_io_process self = {.pid = getpid()};
  char state, text[TEXT];
  struct stat space;
  /* A /proc of another name space would tell of other processes. */
  if (!slurp("/proc/self/stat", text) || strtoll(text, NULL, 10) != self.pid) return self;
  if (parse_stat(text, &state, &self.born) && stat("/proc/self/ns/pid", &space) == 0)
    self.space = (int64_t)space.st_ino;
  return self;
}

fz_io_process_state fz_io_process_look(const fz_io_process *p) {
  char state;
  int64_t born;
  if (p->pid <= 0 || p->space == 0) return FZ_PROCESS_UNKNOWN;
  if (kill((pid_t)p->pid, 0) != 0) return errno == ESRCH ? FZ_PROCESS_GONE : FZ_PROCESS_UNKNOWN;
  if (!read_stat(p->pid, &state, &born)) return FZ_PROCESS_UNKNOWN; /* perhaps just gone: the next look tells */
  if (born != p->born || state == 'Z' || state == 'X') return FZ_PROCESS_GONE;
  return state == 'T' ? FZ_PROCESS_SUSPENDED : state == 't' ? FZ_PROCESS_TRACED : FZ_PROCESS_RUNS;
}

int64_t fz_io_process_bytes(void) {
  static const char *const fields[] = {"rchar: ", "wchar: ", "read_bytes: ", "\nwrite_bytes: "};
  char path[64], text[TEXT];
  int64_t sum = 0;
  snprintf(path, sizeof path, "/proc/self/task/%ld/io", (long)getpid()); /* the main thread has the process's number */
  if (!slurp(path, text)) return 0;
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    const char *at = strstr(text, fields[i]);
    if (at) sum += strtoll(at + strlen(fields[i]), NULL, 10);
  }
  return sum;
}

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double fz_io_process_seconds(void) {
  return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

double fz_io_thread_seconds(void) {
  return seconds(CLOCK_THREAD_CPUTIME_ID);
}
