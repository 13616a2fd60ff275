#include "io/cli/trouble.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/log.h"

static const double TELL_EVERY = 60; /* seconds */

fz_status fz_trouble_note(fz_trouble *t, fz_status st, const fz_error *why, double seconds) {
  if (st == FZ_OK && t->times > 0) {
    fz_log(FZ_LOG_INFO, "%s: written again, after %d failures", t->what, t->times);
    t->times = 0;
    t->text[0] = '\0';
  }
  if (st != FZ_EIO) return st;
  bool news = strcmp(t->text, why->text) != 0 || seconds - t->told >= TELL_EVERY;
  snprintf(t->text, sizeof t->text, "%s", why->text);
  t->times++;
  if (!news) return FZ_OK;
  fz_log(FZ_LOG_WARN, "%s: %s; the run goes on and tries again", t->what, why->text);
  t->told = seconds;
  return FZ_OK;
}

fz_status fz_trouble_folder(const char *run_dir, fz_error *err) {
  struct stat info;
  if (stat(run_dir, &info) == 0 && S_ISDIR(info.st_mode)) return FZ_OK;
  return fz_fail(err, FZ_EIO, "%s: the run folder is gone (%s): bring it back and give the same command again", run_dir,
                 strerror(errno));
}
