/* What gives a run its objectives: stages opened on a communicator. */
#ifndef FZ_MPI_RUN_HOST_H
#define FZ_MPI_RUN_HOST_H
#include "mpi/objective.h"
#include "optim/run.h"

typedef struct fz_mpi_run_host {
  fz_mpi *comm;
  fz_mpi_pause pause;      /* see fz_mpi_estep_on_round */
  fz_mpi_journal *journal; /* NULL: a step that is stopped is lost; borrowed */
  int pose_blocks;         /* see fz_mpi_objective_set_pose_blocks */
  fz_mpi_objective *objective;
} fz_mpi_run_host;

/** The callbacks of *host, which must outlive the run. */
fz_run_host fz_mpi_run_host_view(fz_mpi_run_host *host);

#endif
