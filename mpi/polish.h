/* The poses of all images improved by local search, tiles shared by tickets. */
#ifndef FZ_MPI_POLISH_H
#define FZ_MPI_POLISH_H
#include "estep/polish.h"
#include "mpi/comm.h"
#include "mpi/journal.h"
#include "mpi/pause.h"

/* Means over the images that were ever scored. */
typedef struct fz_polish_report {
  double turn_deg, shift_px; /* by how much their poses changed */
} fz_polish_report;

/** Improve rotation and shift of every image's state (estep/polish.h); the same bits on any number of ranks and
 * threads.
 *  pause   asked between tiles; whatever is not FZ_GO_ON ends it with FZ_ESTOPPED
 *  journal NULL, or where what was done then is kept, so that the next call goes on behind it; borrowed
 *  calls   collective, same arguments on all ranks
 *  fails   FZ_ESTOPPED, FZ_ENOMEM or the reader's, the same on all ranks; the states are then as before, but for
 *          FZ_ESTOPPED with a journal */
fz_status fz_mpi_polish(fz_mpi *comm, fz_dataset *data, const fz_polish_spec *spec, fz_mpi_pause pause,
                        fz_mpi_journal *journal, fz_polish_report *report, fz_error *err);

#endif
