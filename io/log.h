/* Where the core's messages go: standard error of rank 0, errors from every rank. */
#ifndef FZ_IO_LOG_H
#define FZ_IO_LOG_H
#include <stdbool.h>
#include <stdio.h>

#include "core/log.h"

/** Install the sink.  Lines above `threshold` are dropped; ranks other than 0 speak only of errors.  On a terminal a
 *  line is the bare text (with its level when it is no plain information); otherwise it carries UTC time, level, rank.
 *  calls   local, once per process */
void fz_io_log_start(fz_log_level threshold, int rank);
/** Write every line also to `copy`, always with time and level (a run's log file); NULL ends it.
 *  owns    nothing: the stream stays the caller's and must outlive the copying */
void fz_io_log_copy(FILE *copy);
/** The level called `name` (error, warn, info, detail, debug); false when there is none. */
bool fz_io_log_level(const char *name, fz_log_level *level);

#endif
