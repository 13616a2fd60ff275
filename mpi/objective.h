/* The marginal likelihood of a particle set as a distributed objective: tiles shared by tickets, exact sums. */
#ifndef FZ_MPI_OBJECTIVE_H
#define FZ_MPI_OBJECTIVE_H
#include <stdbool.h>

#include "estep/stage.h"
#include "mpi/comm.h"
#include "mpi/journal.h"
#include "mpi/pause.h"
#include "optim/objective.h"

typedef struct fz_mpi_objective fz_mpi_objective;

typedef struct fz_volume_prior {
  const double *inverse_tau2; /* [n_shells of the stage] per slice coefficient, for all N images together; borrowed */
  double mask_radius_px;      /* sphere that holds the map, in pixels of the full box */
} fz_volume_prior;

/** Open the stage and make it an objective over w = [n_classes][m^3] voxels.
 *  owns    the caller, fz_mpi_objective_close; `data` and `comm` are borrowed.
 *  calls   collective.  fails FZ_ENOMEM, same on all ranks */
fz_status fz_mpi_objective_open(fz_mpi *comm, fz_dataset *data, const fz_stage_spec *spec, const fz_volume_prior *prior,
                                fz_mpi_objective **out, fz_error *err);
void fz_mpi_objective_close(fz_mpi_objective **o);

/** The abstract view; borrowed, valid until close. */
const fz_objective *fz_mpi_objective_view(const fz_mpi_objective *o);
const fz_stage *fz_mpi_objective_stage(const fz_mpi_objective *o);
/** New prior precisions [stage shells] from the next M-step on; copied. */
void fz_mpi_objective_set_prior(fz_mpi_objective *o, const double *inverse_tau2);
/** As fz_mpi_estep_on_round. */
void fz_mpi_objective_on_round(fz_mpi_objective *o, fz_mpi_pause pause, fz_mpi_journal *journal);
/** From now on FZ_STOP ends M-steps, too, with FZ_ESTOPPED; the volumes given to them are then of no use.  At first it
 *  does not: few optimizers can be left there.  calls local, same on all ranks */
void fz_mpi_objective_stop_in_mstep(fz_mpi_objective *o, bool may);
/** At most so many ranks share a tile; 0 (at first): as many as keep all busy. The bits are the same.  calls local,
 * same on all ranks */
void fz_mpi_objective_set_pose_blocks(fz_mpi_objective *o, int ranks);

#endif
