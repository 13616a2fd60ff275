#include "io/utc.h"

#include <time.h>

void fz_io_utc_now(char text[FZ_UTC_MAX]) {
  struct tm parts;
  time_t now = time(NULL);
  gmtime_r(&now, &parts);
  strftime(text, FZ_UTC_MAX, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
