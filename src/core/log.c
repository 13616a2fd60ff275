#include "core/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static fz_log_sink log_sink;

void fz_set_log_sink(fz_log_sink sink) {
  log_sink = sink;
}

void fz_log(fz_log_level level, const char *format, ...) {
  if (!log_sink) return;
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  log_sink(level, text);
}
