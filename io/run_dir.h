/* The folder a run writes into: made, locked against a second job, and written to so that a kill leaves nothing half.
 */
#ifndef FZ_IO_RUN_DIR_H
#define FZ_IO_RUN_DIR_H
#include <stdbool.h>
#include <stdint.h>

#include "mpi/comm.h"

enum { FZ_PATH_MAX = 4096 };

/** out = "dir/name".  fails FZ_EINVAL when that is longer than FZ_PATH_MAX - 1 bytes. local */
fz_status fz_io_path_join(char out[FZ_PATH_MAX], const char *dir, const char *name, fz_error *err);
/** Make a folder and those above it; existing ones are fine.  fails FZ_EIO naming the folder. local */
fz_status fz_io_make_dir(const char *path, fz_error *err);
/** Make a folder in one that exists; when that is gone, it is not made again.  fails FZ_EIO naming the folder. local */
fz_status fz_io_make_last_dir(const char *path, fz_error *err);
/** Put n bytes under `path`, complete or not at all.  fails FZ_EIO, FZ_ENOMEM; an older file then stays. local */
fz_status fz_io_write_atomic(const char *path, const void *bytes, int64_t n, fz_error *err);

typedef struct fz_io_run_dir fz_io_run_dir;

/** Make the run's folder and its lock, "<path>/.lock".  The kernel drops the lock when the job ends in whatever way, so
 *  what a killed job left behind is no obstacle; the file's text says who holds it.
 *  owns    *out: the caller, fz_io_run_dir_close.  calls collective (rank 0 works)
 *  fails   FZ_EINVAL when another job is running in it (host and process are named) or it cannot be written to,
 * FZ_ENOMEM */
fz_status fz_io_run_dir_open(fz_mpi *comm, const char *path, fz_io_run_dir **out, fz_error *err);
/** Unlock, free and set *dir to NULL; accepts NULL. local, on all ranks */
void fz_io_run_dir_close(fz_io_run_dir **dir);
/** The folder's path as it was given. borrowed */
const char *fz_io_run_dir_path(const fz_io_run_dir *dir);

#endif
