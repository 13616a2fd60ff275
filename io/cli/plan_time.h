/* From rates measured on this machine to the time of a job on other ranks and nodes. */
#ifndef FZ_CLI_PLAN_TIME_H
#define FZ_CLI_PLAN_TIME_H
#include "io/cli/plan_rates.h"

typedef struct fz_plan_layout {
  int ranks, ranks_per_node, nodes, threads, cores_per_node;
  double network_bytes; /* per second, out of a node */
} fz_plan_layout;

typedef struct fz_plan_place {
  fz_run_place place;
  bool measured;
  double passes;  /* that the run makes there, all starts together */
  double seconds; /* of a pass */
  double share;   /* of it that images take, the rest every rank does for itself */
  int64_t bytes;  /* per pass, that a rank puts into sums over all and gets back of them */
} fz_plan_place;

typedef struct fz_plan_time {
  int n;
  fz_plan_place place[FZ_RUN_PLACES];
  double scan, run; /* seconds: the opening scan; all of it */
} fz_plan_time;

/** maths   a pass = images x time of one / (ranks x threads, or cores if fewer), at least the longest queue of tiles,
 *          + evaluations x (evaluation + update, dearer where ranks share cores, + sums: bytes over memory or network)
 *          + opening.  calls local */
void fz_plan_time_make(const fz_run_settings *settings, const fz_dataset *data, const fz_plan_rehearsal *rehearsal,
                       const fz_plan_layout *layout, fz_plan_time *out);

#endif
