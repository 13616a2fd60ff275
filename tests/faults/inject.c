/* Preloaded into a program (LD_PRELOAD), makes its dealings with files fail, or kills it in the middle of them.
 *
 *   FZ_INJECT=KIND:N:ACTION   the N-th call of this kind; "N+": this one and all later ones.  Several, with commas.
 *     KIND    open (for writing), write, allocate, truncate, sync, close, rename, unlink, or any
 *     ACTION  ENOSPC EDQUOT EROFS EIO ESTALE ENOENT: the call fails so;  short: writes half and says so
 *             sleepMS: the call takes MS milliseconds longer
 *             kill: this process is killed instead of the call;  after: behind it;  torn: after half of a write
 *             killall: all processes of the job are, instead of the call
 *   FZ_INJECT_UNDER=TEXT      only paths that contain it
 *   FZ_INJECT_RANK=R          only on this rank
 *   FZ_INJECT_PIDS=FOLDER     where the processes of the job leave their numbers, for killall
 *   FZ_INJECT_LIST=FILE       append a line "RANK KIND PATH" for each call that counts
 *
 * A test program linked with it does the same by fz_inject.
 * Calls go to the kernel directly: nothing has to be looked up, and nothing here is intercepted again. */
#define _GNU_SOURCE
#include "faults/inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

typedef enum kind { OPEN, WRITE, ALLOCATE, TRUNCATE, SYNC, CLOSE, RENAME, UNLINK, ANY } kind;
static const char *const names[] = {"open",  "write",  "allocate", "truncate", "sync",
                                    "close", "rename", "unlink",   "any"};

typedef struct rule {
  kind what;
  long nth;
  bool onward;
  char action[16];
  atomic_long seen;
} rule;

enum { RULES = 8 };
static struct {
  rule rule[RULES];
  int rules, rank;
  atomic_long hits;
  const char *under, *pids, *list;
} plan;

/* What is to be done about one call. */
typedef struct fate {
  int error; /* 0: none */
  bool half, die_after;
} fate;

static void complain(const char *text) {
  fprintf(stderr, "inject: %s\n", text);
  _exit(99);
}

static void read_rule(const char *text, rule *r) {
  char what[16], number[16];
  if (sscanf(text, "%15[a-z]:%15[0-9+]:%15[A-Za-z0-9]", what, number, r->action) != 3) complain(text);
  while (r->what < ANY && strcmp(what, names[r->what]) != 0) r->what++;
  if (strcmp(what, names[r->what]) != 0) complain(text);
  r->nth = strtol(number, NULL, 10);
  r->onward = strchr(number, '+') != NULL;
}

static void read_rules(const char *text) {
  for (; text && *text && plan.rules < RULES; text = strchr(text, ',') ? strchr(text, ',') + 1 : "")
    read_rule(text, &plan.rule[plan.rules++]);
}

void fz_inject(const char *rules, const char *under) {
  memset(plan.rule, 0, sizeof plan.rule);
  plan.rules = 0;
  plan.hits = 0;
  plan.under = under;
  read_rules(rules);
}

long fz_inject_hits(void) {
  return plan.hits;
}

__attribute__((constructor)) static void begin(void) {
  const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *only = getenv("FZ_INJECT_RANK"), *text = getenv("FZ_INJECT");
  plan.rank = rank ? atoi(rank) : 0;
  plan.under = getenv("FZ_INJECT_UNDER");
  plan.pids = getenv("FZ_INJECT_PIDS");
  plan.list = getenv("FZ_INJECT_LIST");
  if (plan.pids) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%d", plan.pids, (int)getpid());
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0666);
    if (fd < 0) complain(path);
    syscall(SYS_close, fd);
  }
  if (only && atoi(only) != plan.rank) return;
  read_rules(text);
}

static void kill_all(void) {
  DIR *d = plan.pids ? opendir(plan.pids) : NULL;
  for (struct dirent *e; d && (e = readdir(d));)
    if (atoi(e->d_name) > 0 && atoi(e->d_name) != (int)getpid()) kill(atoi(e->d_name), SIGKILL);
  kill(getpid(), SIGKILL);
}

static int error_named(const char *name) {
  static const struct {
    const char *name;
    int number;
  } known[] = {{"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS},
               {"EIO", EIO},       {"ESTALE", ESTALE}, {"ENOENT", ENOENT}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(name, known[i].name) == 0) return known[i].number;
  complain(name);
  return 0;
}

static void act(const char *action, fate *f) {
  if (strcmp(action, "kill") == 0) kill(getpid(), SIGKILL);
  if (strcmp(action, "killall") == 0) kill_all();
  if (strncmp(action, "sleep", 5) == 0) {
    usleep((useconds_t)(1000 * atoi(action + 5)));
  } else if (strcmp(action, "short") == 0) {
    f->half = true;
  } else if (strcmp(action, "torn") == 0) {
    f->half = f->die_after = true;
  } else if (strcmp(action, "after") == 0) {
    f->die_after = true;
  } else {
    f->error = error_named(action);
  }
}

static void list_call(kind what, const char *path) {
  char line[4200];
  if (!plan.list) return;
  int n = snprintf(line, sizeof line, "%d %s %s\n", plan.rank, names[what], path);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, plan.list, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (fd < 0 || syscall(SYS_write, fd, line, n) != n) complain(plan.list);
  syscall(SYS_close, fd);
}

static fate decide(kind what, const char *path) {
  fate f = {0};
  if (!path || (plan.under && !strstr(path, plan.under))) return f;
  list_call(what, path);
  for (int i = 0; i < plan.rules; i++) {
    rule *r = &plan.rule[i];
    if (r->what != ANY && r->what != what) continue;
    long n = atomic_fetch_add(&r->seen, 1) + 1;
    if (n != r->nth && !(r->onward && n > r->nth)) continue;
    atomic_fetch_add(&plan.hits, 1);
    act(r->action, &f);
  }
  return f;
}

static fate decide_fd(kind what, int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = syscall(SYS_readlink, link, path, sizeof path - 1);
  if (n <= 0 || path[0] != '/') return (fate){0};
  path[n] = '\0';
  return decide(what, path);
}

/* The result of a call that was made, or not. */
static long done(fate f, long result) {
  if (f.die_after) kill(getpid(), SIGKILL);
  return result;
}
#define FAIL_IF_FATED(f) \
  do {                   \
    if ((f).error) {     \
      errno = (f).error; \
      return -1;         \
    }                    \
  } while (0)

static int open_at(int folder, const char *path, int flags, mode_t mode) {
  fate f = {0};
  if ((flags & O_ACCMODE) != O_RDONLY) f = decide(OPEN, path);
  FAIL_IF_FATED(f);
  return (int)done(f, syscall(SYS_openat, folder, path, flags, mode));
}

static mode_t mode_of(int flags, va_list more) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
}
#define DEFINE_OPEN(name)                        \
  int name(const char *path, int flags, ...) {   \
    va_list more;                                \
    va_start(more, flags);                       \
    mode_t mode = mode_of(flags, more);          \
    va_end(more);                                \
    return open_at(AT_FDCWD, path, flags, mode); \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)
#define DEFINE_OPENAT(name)                                \
  int name(int folder, const char *path, int flags, ...) { \
    va_list more;                                          \
    va_start(more, flags);                                 \
    mode_t mode = mode_of(flags, more);                    \
    va_end(more);                                          \
    return open_at(folder, path, flags, mode);             \
  }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

ssize_t write(int fd, const void *bytes, size_t n) {
  fate f = decide_fd(WRITE, fd);
  FAIL_IF_FATED(f);
  return done(f, syscall(SYS_write, fd, bytes, f.half ? n / 2 : n));
}

static ssize_t write_at(int fd, const void *bytes, size_t n, off_t offset) {
  fate f = decide_fd(WRITE, fd);
  FAIL_IF_FATED(f);
  return done(f, syscall(SYS_pwrite64, fd, bytes, f.half ? n / 2 : n, offset));
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset) {
  return write_at(fd, bytes, n, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset) {
  return write_at(fd, bytes, n, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
  fate f = decide_fd(WRITE, fd);
  FAIL_IF_FATED(f);
  return done(f, syscall(SYS_writev, fd, parts, f.half && n > 1 ? n / 2 : n));
}

int fsync(int fd) {
  fate f = decide_fd(SYNC, fd);
  FAIL_IF_FATED(f);
  return (int)done(f, syscall(SYS_fsync, fd));
}

int fdatasync(int fd) {
  fate f = decide_fd(SYNC, fd);
  FAIL_IF_FATED(f);
  return (int)done(f, syscall(SYS_fdatasync, fd));
}

static int cut(int fd, off_t length) {
  fate f = decide_fd(TRUNCATE, fd);
  FAIL_IF_FATED(f);
  return (int)done(f, syscall(SYS_ftruncate, fd, length));
}

int ftruncate(int fd, off_t length) {
  return cut(fd, length);
}

int ftruncate64(int fd, off64_t length) {
  return cut(fd, length);
}

static int allocate(int fd, int mode, off_t offset, off_t n) {
  fate f = decide_fd(ALLOCATE, fd);
  FAIL_IF_FATED(f);
  return (int)done(f, syscall(SYS_fallocate, fd, mode, offset, n));
}

int fallocate(int fd, int mode, off_t offset, off_t n) {
  return allocate(fd, mode, offset, n);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t n) {
  return allocate(fd, mode, offset, n);
}

/* Closed it is in any case, as Linux does. */
int close(int fd) {
  bool counts = (syscall(SYS_fcntl, fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
  fate f = counts ? decide_fd(CLOSE, fd) : (fate){0};
  long result = syscall(SYS_close, fd);
  FAIL_IF_FATED(f);
  return (int)done(f, result);
}

int rename(const char *from, const char *to) {
  fate f = decide(RENAME, to);
  FAIL_IF_FATED(f);
  return (int)done(f, syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
}

int unlink(const char *path) {
  fate f = decide(UNLINK, path);
  FAIL_IF_FATED(f);
  return (int)done(f, syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
