#include "io/describe_run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/file.h"
#include "io/heartbeat.h"
#include "io/json.h"
#include "io/run_dir.h"
#include "io/run_status.h"

bool fz_io_is_run(const char *path) {
  char status[FZ_PATH_MAX];
  return fz_io_path_join(status, path, "status.json", NULL) == FZ_OK && fz_io_file_exists(status);
}

typedef enum holder { NOBODY, SOMEBODY, UNKNOWN } holder;

/* A lock that can be had is not held; it is given back at once. */
static holder who_holds(const char *run_dir) {
  char path[FZ_PATH_MAX];
  if (fz_io_path_join(path, run_dir, ".lock", NULL) != FZ_OK) return UNKNOWN;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? NOBODY : UNKNOWN;
  int why = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
  close(fd);
  return why == 0 ? NOBODY : why == EWOULDBLOCK ? SOMEBODY : UNKNOWN;
}

/* What each rank is at, node by node. */
static void print_ranks(const char *run_dir, FILE *out) {
  fz_io_heartbeat h;
  for (int node = 0; fz_io_heartbeat_read(run_dir, node, &h); node++) {
    char path[FZ_PATH_MAX], *text;
    int64_t size;
    snprintf(path, sizeof path, "%s/heartbeat/node%d.json", run_dir, node);
    fprintf(out, "  node %-10d %s, %s\n", node, h.host, h.written);
    if (fz_io_file_read(path, &text, &size, NULL) != FZ_OK) continue;
    for (const char *at = text; (at = strstr(at, "\"rank ")); at++) {
      int rank, end = 0;
      char name[32], doing[200];
      if (sscanf(at, "\"rank %d\"%n", &rank, &end) != 1 || end == 0) continue;
      snprintf(name, sizeof name, "rank %d", rank);
      if (fz_io_json_find_text(at, name, doing, sizeof doing)) fprintf(out, "    rank %-8d %s\n", rank, doing);
    }
    fz_free(&text);
  }
}

fz_status fz_io_describe_run(const char *path, FILE *out, fz_error *err) {
  static const char *const states[] = {"running", "done", "stopped", "failed"};
  fz_io_run_report r;
  fz_status st = fz_io_run_status_read(path, &r, err);
  if (st != FZ_OK) return st;
  double age = fz_io_heartbeat_age(path);
  holder at_it = who_holds(path);
  fprintf(out, "%s: folder of a run\n  state           %s", path, states[r.state]);
  if (r.state == FZ_RUN_RUNNING && at_it == NOBODY)
    fprintf(out,
            " no more: the job was killed, or its node was lost; the same command goes on from the last checkpoint");
  else if (r.state != FZ_RUN_RUNNING && at_it == SOMEBODY)
    fprintf(out, ", and a job is at it again");
  if (r.exit_code >= 0) fprintf(out, ", exit code %d", r.exit_code);
  fprintf(out, "\n");
  if (r.message[0]) fprintf(out, "  message         %s\n", r.message);
  fprintf(out, "  step            %s", r.step);
  if (r.fraction >= 0) fprintf(out, ", %.0f %% of the run", 100 * r.fraction);
  if (r.state == FZ_RUN_RUNNING && at_it != NOBODY && r.seconds_left >= 0)
    fprintf(out, ", about %.0f s left", r.seconds_left);
  fprintf(out, "\n  written         %s, %d rank%s\n", r.written, r.ranks, r.ranks == 1 ? "" : "s");
  if (r.checkpoint >= 0) fprintf(out, "  checkpoint      after step %lld\n", (long long)r.checkpoint);
  if (age >= 0) fprintf(out, "  heartbeat       %.0f s ago\n", age);
  if (age >= 0) print_ranks(path, out);
  return FZ_OK;
}
