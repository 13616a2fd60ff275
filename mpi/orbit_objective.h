/* An orbit model shared by ranks: each holds all observations (these are small problems) and evaluates its tiles; sums
 * are integers, M-steps and readouts are computed by all alike.
 *  Rank r of n takes every n-th tile of a list, from its r-th on. */
#ifndef FZ_MPI_ORBIT_OBJECTIVE_H
#define FZ_MPI_ORBIT_OBJECTIVE_H
#include "mpi/comm.h"
#include "orbit/orbit_model.h"

typedef struct fz_mpi_orbit_objective fz_mpi_orbit_objective;

/** model: made from the same spec on all ranks (the threads may differ); it, `comm` and `algebra` (may be NULL) are
 *  borrowed.
 *  owns    the caller, fz_mpi_orbit_objective_close.  calls collective.  fails FZ_ENOMEM, the same on all ranks */
fz_status fz_mpi_orbit_objective_open(fz_mpi *comm, fz_orbit_model *model, const fz_algebra *algebra,
                                      fz_mpi_orbit_objective **out, fz_error *err);
void fz_mpi_orbit_objective_close(fz_mpi_orbit_objective **o);
/** The abstract view, the words and results of which are those of the model's own; borrowed, valid until close. */
const fz_objective *fz_mpi_orbit_objective_view(const fz_mpi_orbit_objective *o);

#endif
