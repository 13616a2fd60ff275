/* Files of a run that cannot be written just now (a full disk, a quota, a stumbling server): a run that has computed
 * for hours goes on, says so, and tries again; it ends when its folder is gone. */
#ifndef FZ_CLI_TROUBLE_H
#define FZ_CLI_TROUBLE_H
#include <stdbool.h>

#include "core/status.h"

/* One kind of file. Starts as {.what = "..."} */
typedef struct fz_trouble {
  const char *what; /* "checkpoint": begins the messages */
  char text[640];   /* the latest failure; "" when all is well */
  double told;      /* when it was last logged, in seconds */
  int times;        /* failures in a row */
} fz_trouble;

/** Note how an attempt to write ended.  The first failure, a new one and one in a minute are logged as a warning, and
 *  the first success after it.
 *  calls   local, on the rank that writes.  returns FZ_OK for FZ_EIO, which is what can pass; else the status as it is
 */
fz_status fz_trouble_note(fz_trouble *t, fz_status st, const fz_error *why, double seconds);
/** FZ_EIO when the run's folder cannot be reached any more: then nothing is left to wait for. local */
fz_status fz_trouble_folder(const char *run_dir, fz_error *err);

#endif
