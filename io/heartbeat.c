#include "io/heartbeat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/file.h"
#include "io/json.h"
#include "io/run_dir.h"
#include "io/utc.h"

static const char CLAIM[] = "verdict";
enum { HEAD = 2048 }; /* bytes in which all but the ranks is */

static fz_status path_of(char path[FZ_PATH_MAX], const char *run_dir, const char *name, fz_error *err) {
  char folder[FZ_PATH_MAX];
  fz_status st = fz_io_path_join(folder, run_dir, "heartbeat", err);
  return st == FZ_OK ? fz_io_path_join(path, folder, name, err) : st;
}

static fz_status node_path(char path[FZ_PATH_MAX], const char *run_dir, int node, fz_error *err) {
  char name[32];
  snprintf(name, sizeof name, "node%d.json", node);
  return path_of(path, run_dir, name, err);
}

/* Visit the files that are ours. */
static void each_file(const char *run_dir, void (*visit)(void *context, const char *path), void *context) {
  char folder[FZ_PATH_MAX], path[FZ_PATH_MAX];
  if (fz_io_path_join(folder, run_dir, "heartbeat", NULL) != FZ_OK) return;
  DIR *listing = opendir(folder);
  if (!listing) return;
  for (struct dirent *entry; (entry = readdir(listing));)
    if ((strncmp(entry->d_name, "node", 4) == 0 || strcmp(entry->d_name, CLAIM) == 0) &&
        fz_io_path_join(path, folder, entry->d_name, NULL) == FZ_OK)
      visit(context, path);
  closedir(listing);
}

static void remove_file(void *context, const char *path) {
  (void)context;
  unlink(path);
}

void fz_io_heartbeat_remove(const char *run_dir) {
  char folder[FZ_PATH_MAX];
  each_file(run_dir, remove_file, NULL);
  if (fz_io_path_join(folder, run_dir, "heartbeat", NULL) == FZ_OK) rmdir(folder);
}

fz_status fz_io_heartbeat_prepare(const char *run_dir, int nodes, fz_error *err) {
  char path[FZ_PATH_MAX];
  fz_status st = fz_io_path_join(path, run_dir, "heartbeat", err);
  if (st == FZ_OK) st = fz_io_make_dir(path, err);
  each_file(run_dir, remove_file, NULL);
  for (int node = 0; node < nodes && st == FZ_OK; node++) {
    st = node_path(path, run_dir, node, err);
    int fd = st == FZ_OK ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (st == FZ_OK && fd < 0) st = fz_fail(err, FZ_EIO, "%s: cannot create: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
  }
  return st;
}

/* "head" repeats the number of the beat: a reader that finds both alike has all between them from one writing. */
static const char *compose(fz_io_json *json, const fz_io_heartbeat *h, const fz_io_heartbeat_rank *rank, int n) {
  char now[32], name[32], what[160];
  fz_io_utc_now(now);
  fz_io_json_begin(json);
  fz_io_json_i64(json, "beat", h->beat);
  fz_io_json_i64(json, "moved", h->moved);
  fz_io_json_bool(json, "waiting", h->waiting);
  fz_io_json_bool(json, "left", h->left);
  fz_io_json_text(json, "host", h->host);
  fz_io_json_text(json, "written", now);
  fz_io_json_text(json, "verdict", h->verdict);
  fz_io_json_i64(json, "head", h->beat);
  for (int i = 0; i < n; i++) {
    snprintf(name, sizeof name, "rank %d", rank[i].rank);
    int used = snprintf(what, sizeof what, "process %lld, %s%s", (long long)rank[i].pid,
                        rank[i].left ? "has left" : fz_activity_name(rank[i].activity),
                        rank[i].waiting && !rank[i].left ? ", waits for other ranks" : "");
    if (rank[i].silent >= 2)
      snprintf(what + used, sizeof what - (size_t)used, ", no sign of life for %.0f s", rank[i].silent);
    else if (rank[i].still >= 2)
      snprintf(what + used, sizeof what - (size_t)used, ", for %.0f s", rank[i].still);
    fz_io_json_text(json, name, what);
  }
  return fz_io_json_end(json);
}

static fz_status write_over(const char *path, const char *text, fz_error *err) {
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return fz_fail(err, FZ_EIO, "%s: cannot open: %s", path, strerror(errno));
  int64_t n = (int64_t)strlen(text);
  fz_status st = fz_io_file_pwrite(fd, path, text, n, 0, err);
  if (st == FZ_OK && ftruncate(fd, n) != 0) st = fz_fail(err, FZ_EIO, "%s: cannot cut: %s", path, strerror(errno));
  if (close(fd) != 0 && st == FZ_OK) st = fz_fail(err, FZ_EIO, "%s: cannot close: %s", path, strerror(errno));
  return st;
}

fz_status fz_io_heartbeat_write(const char *run_dir, int node, const fz_io_heartbeat *h,
                                const fz_io_heartbeat_rank *rank, int n_ranks, fz_error *err) {
  char path[FZ_PATH_MAX];
  fz_io_json json;
  fz_status st = node_path(path, run_dir, node, err);
  if (st != FZ_OK) return st;
  const char *text = compose(&json, h, rank, n_ranks);
  st = text ? write_over(path, text, err) : fz_fail(err, FZ_ENOMEM, "%s: no memory to write it", path);
  fz_io_json_clear(&json);
  return st;
}

bool fz_io_heartbeat_read(const char *run_dir, int node, fz_io_heartbeat *h) {
  char path[FZ_PATH_MAX], text[HEAD];
  double beat, head, moved;
  if (node_path(path, run_dir, node, NULL) != FZ_OK) return false;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = pread(fd, text, sizeof text - 1, 0);
  close(fd);
  text[n > 0 ? n : 0] = '\0';
  *h = (fz_io_heartbeat){0};
  if (!fz_io_json_find_f64(text, "beat", &beat) || !fz_io_json_find_f64(text, "head", &head) || beat != head ||
      !fz_io_json_find_f64(text, "moved", &moved) || !fz_io_json_find_bool(text, "waiting", &h->waiting) ||
      !fz_io_json_find_bool(text, "left", &h->left) || !fz_io_json_find_text(text, "host", h->host, sizeof h->host) ||
      !fz_io_json_find_text(text, "written", h->written, sizeof h->written) ||
      !fz_io_json_find_text(text, "verdict", h->verdict, sizeof h->verdict))
    return false;
  h->beat = (int64_t)beat;
  h->moved = (int64_t)moved;
  return true;
}

static void find_newest(void *context, const char *path) {
  struct stat info;
  time_t *newest = context;
  if (stat(path, &info) == 0 && info.st_size > 0 && info.st_mtime > *newest) *newest = info.st_mtime;
}

double fz_io_heartbeat_age(const char *run_dir) {
  time_t newest = 0;
  each_file(run_dir, find_newest, &newest);
  return newest ? difftime(time(NULL), newest) : -1;
}

bool fz_io_heartbeat_claim(const char *run_dir) {
  char path[FZ_PATH_MAX];
  if (path_of(path, run_dir, CLAIM, NULL) != FZ_OK) return true;
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd >= 0) close(fd);
  return fd >= 0 || errno != EEXIST;
}
