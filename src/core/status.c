#include "core/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

/* vsnprintf is pure formatting into memory; nothing in src/ writes to a stream. */
#include <stdio.h>

static fz_fatal_hook fatal_hook;

fz_status fz_fail(fz_error *err, fz_status code, const char *format, ...) {
  if (!err) return code;
  err->code = code;
  va_list args;
  va_start(args, format);
  vsnprintf(err->text, sizeof err->text, format, args);
  va_end(args);
  return code;
}

int fz_status_exit_code(fz_status st) {
  switch (st) {
    case FZ_OK: return 0;
    case FZ_EINVAL:
    case FZ_EINPUT: return 1;
    case FZ_ESTOPPED: return 75;
    default: return 2;
  }
}

const char *fz_status_name(fz_status st) {
  static const char *const names[] = {"done",      "usage",    "bad input", "input/output",
                                      "no memory", "diverged", "stopped",   "internal error"};
  size_t i = (size_t)st;
  return i < sizeof names / sizeof names[0] ? names[i] : "unknown";
}

void fz_set_fatal_hook(fz_fatal_hook hook) {
  fatal_hook = hook;
}

void fz_fatal(const char *file, int line, const char *format, ...) {
  char message[900];
  int used = snprintf(message, sizeof message, "%s:%d: ", file, line);
  va_list args;
  va_start(args, format);
  vsnprintf(message + used, sizeof message - (size_t)used, format, args);
  va_end(args);
  if (fatal_hook) fatal_hook(message);
  abort();
}
