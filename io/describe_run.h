/* What a run folder tells: how far the run is, and whether anybody is at it. */
#ifndef FZ_IO_DESCRIBE_RUN_H
#define FZ_IO_DESCRIBE_RUN_H
#include <stdbool.h>
#include <stdio.h>

#include "core/status.h"

/** True when the folder holds a status.json. local */
bool fz_io_is_run(const char *path);
/** Print it.  Nothing is changed.  fails FZ_EINPUT, FZ_EIO, FZ_ENOMEM */
fz_status fz_io_describe_run(const char *path, FILE *out, fz_error *err);

#endif
