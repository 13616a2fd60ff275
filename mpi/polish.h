/* The poses of all images improved by local search, tiles shared by tickets. */
#ifndef FZ_MPI_POLISH_H
#define FZ_MPI_POLISH_H
#include <stdbool.h>

#include "estep/polish.h"
#include "mpi/comm.h"

/* Means over the images that were ever scored. */
typedef struct fz_polish_report {
  double turn_deg, shift_px; /* by how much their poses changed */
} fz_polish_report;

/** Improve rotation and shift of every image's state (estep/polish.h); the same bits on any number of ranks and
 * threads. stop: asked between tiles, on every rank by itself; true asks for a stop; may be NULL calls   collective,
 * same arguments on all ranks fails   FZ_ESTOPPED, FZ_ENOMEM or the reader's, the same on all ranks; the states are
 * then as before */
fz_status fz_mpi_polish(fz_mpi *comm, fz_dataset *data, const fz_polish_spec *spec, bool (*stop)(void *),
                        void *stop_context, fz_polish_report *report, fz_error *err);

#endif
