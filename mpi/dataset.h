/* The opening scan, shared by the ranks. */
#ifndef FZ_MPI_DATASET_H
#define FZ_MPI_DATASET_H
#include "estep/dataset.h"
#include "mpi/comm.h"
#include "mpi/pause.h"

/** Look at all images: noise, signal, bounds, contrast, and what is wrong with images.
 *  maths   estep/scan.h, estep/outliers.h; sums are exact and of the usable images only, so the result is the same for
 *          any number of ranks, and the same as for a table of these images.  Images are looked at once, or again when
 *          those that are in the wrong scale have turned up, or the set has no noise
 *  owns    *data: the caller, fz_dataset_clear; table and images are borrowed.  fault [table->n] is filled;
 *          fz_dataset_cut must follow before the data are used
 *  pause   FZ_STOP ends it with FZ_ESTOPPED
 *  calls   collective.  fails FZ_ENOMEM, FZ_ESTOPPED; same on all ranks */
fz_status fz_mpi_dataset_scan(fz_mpi *comm, const fz_particles *table, const fz_images *images, double mask_radius_px,
                              fz_mpi_pause pause, fz_dataset *data, uint8_t *fault, fz_error *err);

/** Scan without a pause, then order the usable images and cut tiles.  As fz_mpi_dataset_scan. */
fz_status fz_mpi_dataset_open(fz_mpi *comm, const fz_particles *table, const fz_images *images, double mask_radius_px,
                              int tile_size, uint64_t seed, fz_dataset *data, uint8_t *fault, fz_error *err);

#endif
