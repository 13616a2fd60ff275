#include "io/memory_limit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LINE = 4096, WORD = 128 };
/* The kernel writes "no limit" as the largest whole number of pages. */
static const int64_t ABSURD = (int64_t)1 << 60;

static fz_io_memory_limit none(void) {
  return (fz_io_memory_limit){.bytes = INT64_MAX};
}

/* A number that stands alone in a file; INT64_MAX for "max", for anything else, and without the file. */
static int64_t number_in(const char *path) {
  char word[WORD] = "";
  FILE *file = fopen(path, "r");
  if (!file) return INT64_MAX;
  bool read = fgets(word, sizeof word, file) != NULL;
  fclose(file);
  char *end;
  errno = 0;
  long long value = strtoll(word, &end, 10);
  if (!read || end == word || errno || value <= 0 || value >= ABSURD) return INT64_MAX;
  return value;
}

static void lower(fz_io_memory_limit *least, int64_t bytes, const char *what, const char *where) {
  if (bytes >= least->bytes) return;
  least->bytes = bytes;
  snprintf(least->name, sizeof least->name, "%s%.300s", what, where);
}

/* From folder `group` below `root` upwards, the root included.  In a container the group may lie outside of what can be
 * seen: then the folders that are there count. */
static void climb(const char *root, const char *group, const char *file, fz_io_memory_limit *least) {
  char path[2 * LINE], folder[LINE];
  snprintf(folder, sizeof folder, "%s", group);
  while (true) {
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/') folder[--length] = 0;
    int written = snprintf(path, sizeof path, "%s%s/%s", root, folder, file);
    if (written > 0 && (size_t)written < sizeof path) lower(least, number_in(path), "control group ", path);
    char *slash = strrchr(folder, '/');
    if (!slash) return;
    *slash = 0;
  }
}

/* "memory" among words between commas. */
static bool names_memory(const char *controllers) {
  for (const char *at = controllers; at && *at;) {
    size_t n = strcspn(at, ",");
    if (n == 6 && !strncmp(at, "memory", 6)) return true;
    at += n + (at[n] == ',');
  }
  return false;
}

fz_io_memory_limit fz_io_memory_limit_cgroup(const char *membership, const char *root) {
  fz_io_memory_limit least = none();
  char line[LINE], below[LINE + 16];
  FILE *file = fopen(membership, "r");
  if (!file) return least;
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *group++ = 0;
    controllers++;
    if (!*controllers) {
      climb(root, group, "memory.max", &least);
      snprintf(below, sizeof below, "%s/unified", root); /* beside version 1 */
      climb(below, group, "memory.max", &least);
    } else if (names_memory(controllers)) {
      snprintf(below, sizeof below, "%s/memory", root);
      climb(below, group, "memory.limit_in_bytes", &least);
    }
  }
  fclose(file);
  return least;
}

static int64_t megabytes(const char *variable) {
  const char *text = getenv(variable);
  char *end;
  if (!text) return 0;
  long long value = strtoll(text, &end, 10);
  return end != text && !*end && value > 0 && value < ABSURD >> 20 ? value : 0;
}

fz_io_memory_limit fz_io_memory_limit_slurm(void) {
  fz_io_memory_limit least = none();
  int64_t node = megabytes("SLURM_MEM_PER_NODE"), cpu = megabytes("SLURM_MEM_PER_CPU");
  int64_t cpus = megabytes("SLURM_CPUS_ON_NODE"); /* a plain number, too */
  if (node) lower(&least, node << 20, "SLURM_MEM_PER_NODE", "");
  if (cpu && cpus && cpu < (ABSURD >> 20) / cpus)
    lower(&least, (cpu * cpus) << 20, "SLURM_MEM_PER_CPU x SLURM_CPUS_ON_NODE", "");
  return least;
}

fz_io_memory_limit fz_io_memory_limit_node(void) {
  fz_io_memory_limit group = fz_io_memory_limit_cgroup("/proc/self/cgroup", "/sys/fs/cgroup");
  fz_io_memory_limit slurm = fz_io_memory_limit_slurm();
  return slurm.bytes < group.bytes ? slurm : group;
}

/* First number of /proc/self/statm: pages of address space. */
static int64_t address_space(void) {
  int64_t pages = number_in("/proc/self/statm");
  return pages == INT64_MAX ? 0 : pages * (int64_t)sysconf(_SC_PAGESIZE);
}

fz_io_memory_limit fz_io_memory_limit_process(void) {
  fz_io_memory_limit limit = none();
  struct rlimit space;
  if (getrlimit(RLIMIT_AS, &space) != 0 || space.rlim_cur == RLIM_INFINITY) return limit;
  int64_t left = (int64_t)space.rlim_cur - address_space();
  lower(&limit, left > 0 ? left : 0, "the limit of address space (ulimit -v)", "");
  return limit;
}

int64_t fz_io_memory_available(const char *meminfo) {
  char line[WORD];
  long long kib = -1;
  FILE *file = fopen(meminfo, "r");
  if (!file) return INT64_MAX;
  while (kib < 0 && fgets(line, sizeof line, file))
    if (sscanf(line, "MemAvailable: %lld kB", &kib) != 1) kib = -1;
  fclose(file);
  return kib < 0 ? INT64_MAX : (int64_t)kib * 1024;
}
