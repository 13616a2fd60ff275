#include "io/run_status.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/memory.h"
#include "io/file.h"
#include "io/json.h"
#include "io/run_dir.h"
#include "io/utc.h"

static const char *const states[] = {"running", "done", "stopped", "failed"};
enum { STATES = sizeof states / sizeof states[0] };

/* The last word has been said, by a thread that does not wait for the others. */
static atomic_bool condemned;

static fz_status write_as(const char *run_dir, const char *name, const fz_io_run_status *s, fz_error *err) {
  char path[FZ_PATH_MAX], now[32];
  fz_io_json json;
  fz_status st = fz_io_path_join(path, run_dir, name, err);
  if (st != FZ_OK) return st;
  fz_io_utc_now(now);
  fz_io_json_begin(&json);
  fz_io_json_text(&json, "state", states[s->state]);
  if (s->state != FZ_RUN_RUNNING) fz_io_json_i64(&json, "exit_code", fz_status_exit_code(s->status));
  fz_io_json_text(&json, "step", s->step);
  fz_io_json_text(&json, "message", s->message);
  if (s->fraction >= 0) fz_io_json_f64(&json, "fraction", s->fraction);
  if (s->seconds_elapsed >= 0) fz_io_json_f64(&json, "seconds_elapsed", s->seconds_elapsed);
  if (s->seconds_left >= 0) fz_io_json_f64(&json, "seconds_left", s->seconds_left);
  if (s->checkpoint >= 0) fz_io_json_i64(&json, "checkpoint", s->checkpoint);
  fz_io_json_i64(&json, "ranks", s->ranks);
  if (s->verdict) fz_io_json_text(&json, "verdict", s->verdict);
  if (s->verdict && s->reason[0]) fz_io_json_text(&json, "reason", s->reason);
  if (s->verdict && s->resolution_A > 0) fz_io_json_f64(&json, "resolution_A", s->resolution_A);
  fz_io_json_text(&json, "written", now);
  const char *text = fz_io_json_end(&json);
  st = text ? fz_io_write_atomic(path, text, (int64_t)strlen(text), err)
            : fz_fail(err, FZ_ENOMEM, "%s: no memory to write it", path);
  fz_io_json_clear(&json);
  return st;
}

fz_status fz_io_run_status_write(const char *run_dir, const fz_io_run_status *status, fz_error *err) {
  return atomic_load(&condemned) ? FZ_OK : write_as(run_dir, "status.json", status, err);
}

fz_status fz_io_run_status_read(const char *run_dir, fz_io_run_report *r, fz_error *err) {
  char path[FZ_PATH_MAX], state[16], *text = NULL;
  int64_t size;
  double number;
  fz_status st = fz_io_path_join(path, run_dir, "status.json", err);
  if (st == FZ_OK) st = fz_io_file_read(path, &text, &size, err);
  if (st != FZ_OK) return st;
  *r = (fz_io_run_report){.exit_code = -1, .fraction = -1, .seconds_left = -1, .checkpoint = -1};
  bool known = false;
  if (fz_io_json_find_text(text, "state", state, sizeof state))
    for (int i = 0; i < STATES; i++)
      if (strcmp(state, states[i]) == 0) {
        r->state = (fz_io_run_state)i;
        known = true;
      }
  fz_io_json_find_text(text, "step", r->step, sizeof r->step);
  fz_io_json_find_text(text, "message", r->message, sizeof r->message);
  fz_io_json_find_text(text, "written", r->written, sizeof r->written);
  fz_io_json_find_f64(text, "fraction", &r->fraction);
  fz_io_json_find_f64(text, "seconds_elapsed", &r->seconds_elapsed);
  fz_io_json_find_f64(text, "seconds_left", &r->seconds_left);
  if (fz_io_json_find_f64(text, "exit_code", &number)) r->exit_code = (int)number;
  if (fz_io_json_find_f64(text, "checkpoint", &number)) r->checkpoint = (int64_t)number;
  if (fz_io_json_find_f64(text, "ranks", &number)) r->ranks = (int)number;
  fz_free(&text);
  return known ? FZ_OK : fz_fail(err, FZ_EINPUT, "%s: is not the status of a run", path);
}

fz_status fz_io_run_status_condemn(const char *run_dir, int ranks, const char *message, fz_error *err) {
  static const char own_name[] = "status.verdict"; /* the job may be just writing the other, too */
  char from[FZ_PATH_MAX], to[FZ_PATH_MAX];
  fz_io_run_report r;
  atomic_store(&condemned, true);
  if (fz_io_run_status_read(run_dir, &r, NULL) != FZ_OK)
    r = (fz_io_run_report){.fraction = -1, .seconds_elapsed = -1, .checkpoint = -1};
  fz_io_run_status status = {.state = FZ_RUN_FAILED,
                             .status = FZ_EINTERNAL,
                             .step = r.step,
                             .message = message,
                             .fraction = r.fraction,
                             .seconds_elapsed = r.seconds_elapsed,
                             .seconds_left = -1,
                             .checkpoint = r.checkpoint,
                             .ranks = ranks};
  fz_status st = write_as(run_dir, own_name, &status, err);
  if (st == FZ_OK) st = fz_io_path_join(from, run_dir, own_name, err);
  if (st == FZ_OK) st = fz_io_path_join(to, run_dir, "status.json", err);
  if (st == FZ_OK && rename(from, to) != 0) st = fz_fail(err, FZ_EIO, "%s: cannot rename: %s", from, strerror(errno));
  return st;
}
