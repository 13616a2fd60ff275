/* The memory promise: what a rank and a node will hold at most, and whether that is allowed. */
#ifndef FZ_CLI_MEMORY_PLAN_H
#define FZ_CLI_MEMORY_PLAN_H
#include <stdio.h>

#include "mpi/comm.h"
#include "optim/run_memory.h"

/* Of a job, as this process knows it. */
typedef struct fz_memory_job {
  int ranks, ranks_per_node;
  int64_t base_bytes;  /* what this process took when it started */
  int64_t table_bytes; /* what it holds now of the particles, without their pixels */
  int64_t image_bytes; /* pixels that a rank will keep */
} fz_memory_job;

typedef struct fz_memory_plan {
  int ranks_per_node;
  fz_run_memory rank;             /* of one rank when it is most */
  int64_t rank_bytes, node_bytes; /* sums; pages that the ranks of a node share count once */
} fz_memory_plan;

/** Pixels that the image cache of a rank will keep of a table. */
int64_t fz_memory_plan_images(const fz_particles *table);
/** calls local.  fails as fz_run_memory_peak */
fz_status fz_memory_plan_make(const fz_run_settings *settings, const fz_dataset *data, const fz_memory_job *job,
                              fz_memory_plan *out, fz_error *err);
/** Whether the plan keeps within --max-memory (of a rank; 0: no limit), the limits of the job on this node and of this
 *  process; a node with less free memory is warned of.
 *  calls collective.  fails FZ_EINVAL with both numbers and what to change, same on all ranks */
fz_status fz_memory_plan_judge(fz_mpi *comm, const fz_memory_plan *plan, double max_memory_GB, fz_error *err);
/** A table of the parts for people. */
void fz_memory_plan_print(const fz_memory_plan *plan, FILE *out);
/** One line of the parts that matter, for the log. */
void fz_memory_plan_log(const fz_memory_plan *plan);

#endif
