/* A file of one record per line that only grows, metrics.jsonl for one: a kill cuts at most its last line. */
#ifndef FZ_IO_RECORDS_H
#define FZ_IO_RECORDS_H
#include <stdint.h>

#include "core/status.h"

typedef struct fz_io_records fz_io_records;

/** Open for appending, keeping only the first `keep` complete lines (0: start anew; INT64_MAX: all complete ones), so
 *  that a resumed run repeats none.
 *  owns    *out: the caller, fz_io_records_close.  calls local, one rank
 *  fails   FZ_EIO, FZ_ENOMEM */
fz_status fz_io_records_open(const char *path, int64_t keep, fz_io_records **out, fz_error *err);
/** Append one line (no newline in it), handed to the system at once.
 *  fails   FZ_EIO: the file then ends as before, the line is kept and written with the next one; FZ_ENOMEM: it is lost
 */
fz_status fz_io_records_append(fz_io_records *records, const char *line, fz_error *err);
/** Write what could not be written before, and have all of it on the disk: lines that a checkpoint counts must outlive
 *  what the checkpoint outlives.  fails FZ_EIO */
fz_status fz_io_records_sync(fz_io_records *records, fz_error *err);
/** Lines appended and kept: what a checkpoint notes. */
int64_t fz_io_records_count(const fz_io_records *records);
void fz_io_records_close(fz_io_records **records);

#endif
