/* What a reconstruction will need, told without running it. */
#ifndef FZ_CLI_PLAN_H
#define FZ_CLI_PLAN_H
#include "io/cli/reconstruction.h"

/* The options' values beside those of reconstruct. */
typedef struct fz_plan_request {
  int64_t ranks, ranks_per_node, nodes, cores_per_node, sample;
  double calibrate, network_GBs;
} fz_plan_request;

/** Read headers and a few images, rehearse, print.  calls collective, on one rank.  fails as reconstruct's opening
 * does, FZ_EINVAL for a layout that cannot be */
fz_status fz_plan_run(fz_mpi *comm, const fz_reconstruction_request *r, const fz_plan_request *plan, fz_error *err);

#endif
