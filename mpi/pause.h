/* How long work hears that it is to be interrupted. */
#ifndef FZ_MPI_PAUSE_H
#define FZ_MPI_PAUSE_H

typedef enum fz_mpi_request {
  FZ_GO_ON,
  FZ_PAUSE, /* between tiles: a checkpoint is due, then it goes on */
  FZ_STOP   /* as soon as can be: the job is to end */
} fz_mpi_request;

/* Asked by each rank by itself, often; ranks may hear different things at different times, and those who stop make the
 * others stop.  ask NULL: never. */
typedef struct fz_mpi_pause {
  fz_mpi_request (*ask)(void *context);
  void *context;
} fz_mpi_pause;

static inline fz_mpi_request fz_mpi_pause_ask(const fz_mpi_pause *pause) {
  return pause->ask ? pause->ask(pause->context) : FZ_GO_ON;
}

#endif
