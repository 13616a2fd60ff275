/* A job's signs of life in its run folder: heartbeat/nodeN.json, one small file per node, written over every few
 * seconds.  Read by other nodes, by `frazil info`, by people.  Files are made once and written in place, because
 * network file systems look up anew what is opened, but may not see new names for a minute. */
#ifndef FZ_IO_HEARTBEAT_H
#define FZ_IO_HEARTBEAT_H
#include <stdbool.h>
#include <stdint.h>

#include "core/progress.h"
#include "core/status.h"
#include "io/process.h"

enum { FZ_HOST_MAX = 64, FZ_CAUSE_MAX = 640 };

/* What one rank is at, as its node sees it. */
typedef struct fz_io_heartbeat_rank {
  int rank;
  int64_t pid;
  fz_activity activity;
  bool waiting, left;
  double silent, still; /* seconds */
} fz_io_heartbeat_rank;

typedef struct fz_io_heartbeat {
  int64_t beat, moved; /* as in fz_io_sign, for the node as a whole */
  bool waiting, left;
  char host[FZ_HOST_MAX], written[32], verdict[FZ_CAUSE_MAX]; /* why the job is being ended; "" while it is not */
} fz_io_heartbeat;

/** Make the folder with an empty file per node, and remove what another job left. local, one rank, before all others */
fz_status fz_io_heartbeat_prepare(const char *run_dir, int nodes, fz_error *err);
/** Remove them all. local, one rank, after all others */
void fz_io_heartbeat_remove(const char *run_dir);

/* Local; they return when the file system does. */
fz_status fz_io_heartbeat_write(const char *run_dir, int node, const fz_io_heartbeat *heartbeat,
                                const fz_io_heartbeat_rank *rank, int n_ranks, fz_error *err);
/** False when there is none, or it was just being written. */
bool fz_io_heartbeat_read(const char *run_dir, int node, fz_io_heartbeat *heartbeat);
/** Seconds since any node's was written; below 0 when there are none. */
double fz_io_heartbeat_age(const char *run_dir);
/** The right to say why the job ends: true for one caller of all.  Also true where that cannot be found out. */
bool fz_io_heartbeat_claim(const char *run_dir);

#endif
