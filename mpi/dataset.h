/* The opening scan shared by the ranks, and the host that gives a run its objectives. */
#ifndef FZ_MPI_DATASET_H
#define FZ_MPI_DATASET_H
#include "estep/dataset.h"
#include "mpi/comm.h"

/** Look at all images once: noise, signal, bounds, unusable images; then order the rest and cut tiles.
 *  maths   estep/scan.h; sums are exact, so the result is the same for any number of ranks
 *  owns    *data: the caller, fz_dataset_clear; table and images are borrowed. fault [table->n] is filled
 *  calls   collective.  fails FZ_EINPUT naming stack and image, FZ_ENOMEM; same on all ranks */
fz_status fz_mpi_dataset_open(fz_mpi *comm, const fz_particles *table, const fz_images *images, double mask_radius_px,
                              int tile_size, uint64_t seed, fz_dataset *data, uint8_t *fault, fz_error *err);

#endif
