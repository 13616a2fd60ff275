/* Moving a map to the middle of its box.  Images tell a map up to a translation only: their shifts make up for it. */
#ifndef FZ_MODEL_CENTRING_H
#define FZ_MODEL_CENTRING_H
#include "core/status.h"

/** Centre of the squared density about voxel m/2, in voxels: x, y, z.  Squares, because a map without its mean has
 *  as much below zero as above.  0 for an empty map.  shape voxel [m]^3.  calls local */
void fz_centring_find(int m, const double *voxel, double centre[3]);

/** Shift by -centre (x, y, z; voxels), by phases: what leaves the box on one side comes back on the other.
 *  calls local.  fails FZ_ENOMEM, the map is then as before.  cost two m^3 transforms */
fz_status fz_centring_shift(int m, const double centre[3], double *voxel);

#endif
