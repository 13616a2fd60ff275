/* What a finished reconstruction leaves in its run folder, in the files that other programs read.
 *
 *  map.mrc half1.mrc half2.mrc     the map and its half-maps
 *  fsc.star fsc.xml                their Fourier shell correlation
 *  fsc.png slices.png              pictures: the curve (of all classes), central slices and projections
 *  particles.star                  the particles that were used, with their poses
 *  excluded.star                   the others, as the input had them, with the reason; absent when there are none
 *
 *  With K > 1 classes these names hold the class that most particles belong to (the first of several such), and each
 *  class has its own class1_map.mrc, class1_half1.mrc, class1_half2.mrc, class1_fsc.star, class1_fsc.xml,
 *  class1_slices.png, class2_map.mrc, ...; class k is rlnClassNumber k of particles.star. */
#ifndef FZ_IO_RESULTS_H
#define FZ_IO_RESULTS_H
#include <stdint.h>

#include "io/particles.h"
#include "model/dataset.h"

typedef struct fz_io_results {
  int box, n_classes;
  double voxel_A;
  const double *map, *half1, *half2; /* [n_classes][box][box][box] each; borrowed */
  int n_shells;                      /* box/2 + 1 */
  const double *fsc;                 /* [n_classes][n_shells] between the half-maps */
  double mask_radius_px;             /* of the mask that fsc was computed in; 0: none */
  double apart_A;                    /* the half-maps were refined apart beyond this resolution: labels, titles and
                                        comments say so */
  const fz_dataset *data;            /* the states of all particles; half = -1: excluded */
  const char *label;                 /* program, version, seed: one line for MRC labels and STAR comments */
} fz_io_results;

/** Write all of them, each file complete or absent; files of the same names are replaced.
 *  particles.star: angles; origins rlnOriginX/YAngst = -shift_px * pixel; rlnRandomSubset (1, 2), rlnClassNumber,
 *  rlnLogLikeliContribution (gain over pure noise, nats), rlnMaxValueProbDistribution (posterior of the best pose),
 *  frazilPoseEntropy (of the posterior over poses and classes, nats).  A particle that was never scored keeps the
 * input's pose. excluded.star: rows that were taken out of the set (fz_io_particles_exclude), unchanged but for the
 * column frazilExclusionReason. particles  the set that r->data->table belongs to; its later writes carry the columns
 * set here calls   local, rank 0 fails   FZ_EINVAL when n_shells does not fit the box or the voxel size is unknown,
 * FZ_EIO, FZ_ENOMEM; files already written stay */
fz_status fz_io_results_write(const char *run_dir, fz_io_particles *particles, const fz_io_results *r, fz_error *err);

#endif
