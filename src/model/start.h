/* Random starting maps. */
#ifndef FZ_MODEL_START_H
#define FZ_MODEL_START_H
#include <stdint.h>

#include "core/status.h"

/** A Gaussian random field with power only in shells up to `shells`, inside a soft sphere.
 *  maths   E|slice_scale DFT(U)(k)|^2 = tau2(|k|) before the sphere is cut, for 1 <= |k| <= shells
 *  shape   tau2 [shells + 1]; voxel [m]^3;  radius in voxels of that grid
 *  calls   local; a function of (seed, start, item) and the arguments only.  fails FZ_ENOMEM */
fz_status fz_start_volume(uint64_t seed, int start, int class_index, int m, int shells, const double *tau2,
                          double slice_scale, double radius, double *voxel);

#endif
