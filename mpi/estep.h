/* The E-step of a batch of tiles, shared by all ranks and threads: rows of ranks (mpi/grid.h) draw tiles by tickets;
 * the ranks of a row and their threads share a tile's pose blocks; sums over tiles are exact. */
#ifndef FZ_MPI_ESTEP_H
#define FZ_MPI_ESTEP_H
#include "estep/stage.h"
#include "mpi/comm.h"
#include "mpi/journal.h"
#include "mpi/pause.h"

typedef struct fz_mpi_estep fz_mpi_estep;

/** owns the caller; comm and stage are borrowed.  calls collective.  fails FZ_ENOMEM, same on all ranks */
fz_status fz_mpi_estep_create(fz_mpi *comm, fz_stage *stage, fz_mpi_estep **out, fz_error *err);
void fz_mpi_estep_destroy(fz_mpi_estep **e);

/** At most so many ranks share a tile; 0 (at first): as many as keep all busy.  calls local, same on all ranks */
void fz_mpi_estep_set_pose_blocks(fz_mpi_estep *e, int ranks);
/** Asked between tiles (mpi/pause.h); whatever is not FZ_GO_ON ends the evaluation with FZ_ESTOPPED.  With a journal
 *  (borrowed; NULL: none) the evaluation can then be taken up again, where the step is.  calls local, the journal the
 * same on all ranks */
void fz_mpi_estep_on_round(fz_mpi_estep *e, fz_mpi_pause pause, fz_mpi_journal *journal);

/** Between evaluations: was FZ_STOP asked for, here or, as far as this rank has heard, elsewhere?  calls local */
bool fz_mpi_estep_stop_heard(fz_mpi_estep *e);

/** words [layout.total] = sum over the listed tiles; the states of their images are updated on all ranks.
 *  volume [n_classes] voxels and class_prior as for the engine; tile [n], no tile twice
 *  calls   collective, same arguments on all ranks
 *  fails   FZ_ESTOPPED, FZ_EDIVERGED, FZ_ENOMEM or the reader's, the same on all ranks; the states are then as before,
 *          but for FZ_ESTOPPED with a journal: states and journal hold what was done */
fz_status fz_mpi_estep_run(fz_mpi_estep *e, const double *const *volume, const double *class_prior, const int64_t *tile,
                           int64_t n, int64_t *words, fz_error *err);

#endif
