/* The map of particles with known poses: sums over all ranks, then one linear system per map.
 *  maths   minimize 1/2 sum_i |x_i - c_i S_i P_i V|^2 / sigma2 + 1/2 sum_q |V^(q)|^2 / tau2 over V inside a sphere, by
 *          preconditioned conjugate gradients on (T + R) U = b (model/normal.h); no one-shot division */
#ifndef FZ_MPI_BACKPROJECTION_H
#define FZ_MPI_BACKPROJECTION_H
#include <stdbool.h>
#include <stdint.h>

#include "model/images.h"
#include "model/particle.h"
#include "mpi/comm.h"

typedef struct fz_backprojection_spec {
  int kmax; /* band limit, cycles per box; at most box/2 - 1 */
  /* false: images as they are, sigma2 = 1, and a ridge of 1/1000 of the mean weight at Nyquist for what the images do
   * not see.  true: images normalized and masked, sigma2 from their background, tau2 from their spectrum. */
  bool prior;
  bool halves;           /* the maps of the two half-sets, too */
  double mask_radius_px; /* of the sphere that holds the map, and with `prior` of the images' mask */
  double mask_edge_px;
  uint64_t seed; /* half-sets of particles that the table assigns to none */
  int iterations;
  double tolerance; /* on the residual, relative to b */
} fz_backprojection_spec;

typedef struct fz_backprojection {
  int n_maps;        /* 1, or 3 with half-sets: all, half 1, half 2 */
  int64_t images[3]; /* in each */
  double *voxel[3];  /* [box]^3, on rank 0 only; the caller, fz_backprojection_clear */
  int iterations[3];
  double residual[3];
} fz_backprojection;

void fz_backprojection_clear(fz_backprojection *r);

/** Bytes that rank 0, which needs most, takes at the peak. local */
double fz_backprojection_bytes(int box, const fz_backprojection_spec *spec);

/** Compute the maps.  `table` gives poses, origins and CTFs, `images` the pixels; all of one box and pixel size.
 *  The result does not depend on the number of ranks, bit by bit.
 *  calls   collective, same arguments on all ranks
 *  fails   FZ_EINPUT naming an image that has no numbers; as images->read; FZ_ENOMEM, FZ_EDIVERGED */
fz_status fz_mpi_backproject(fz_mpi *comm, const fz_particles *table, const fz_images *images,
                             const fz_backprojection_spec *spec, fz_backprojection *result, fz_error *err);

#endif
