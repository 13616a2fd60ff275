#include "io/run_status.h"

#include <string.h>
#include <time.h>

#include "io/json.h"
#include "io/run_dir.h"

static void utc_now(char text[32]) {
  struct tm parts;
  time_t now = time(NULL);
  gmtime_r(&now, &parts);
  strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

fz_status fz_io_run_status_write(const char *run_dir, const fz_io_run_status *s, fz_error *err) {
  static const char *const states[] = {"running", "done", "stopped", "failed"};
  char path[FZ_PATH_MAX], now[32];
  fz_io_json json;
  fz_status st = fz_io_path_join(path, run_dir, "status.json", err);
  if (st != FZ_OK) return st;
  utc_now(now);
  fz_io_json_begin(&json);
  fz_io_json_text(&json, "state", states[s->state]);
  if (s->state != FZ_RUN_RUNNING) fz_io_json_i64(&json, "exit_code", fz_status_exit_code(s->status));
  fz_io_json_text(&json, "step", s->step);
  fz_io_json_text(&json, "message", s->message);
  if (s->fraction >= 0) fz_io_json_f64(&json, "fraction", s->fraction);
  fz_io_json_f64(&json, "seconds_elapsed", s->seconds_elapsed);
  if (s->seconds_left >= 0) fz_io_json_f64(&json, "seconds_left", s->seconds_left);
  if (s->checkpoint >= 0) fz_io_json_i64(&json, "checkpoint", s->checkpoint);
  fz_io_json_i64(&json, "ranks", s->ranks);
  fz_io_json_text(&json, "written", now);
  const char *text = fz_io_json_end(&json);
  st = text ? fz_io_write_atomic(path, text, (int64_t)strlen(text), err)
            : fz_fail(err, FZ_ENOMEM, "%s: no memory to write it", path);
  fz_io_json_clear(&json);
  return st;
}
