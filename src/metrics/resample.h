/* Rigid motions of a map and its resampling under one. */
#ifndef FZ_METRICS_RESAMPLE_H
#define FZ_METRICS_RESAMPLE_H
#include <stdbool.h>

#include "core/status.h"
#include "model/map.h"
#include "pose/rotation.h"

/* moved(x) = map'(R x + t), x and t in voxels about voxel n/2, ordered x, y, z;
 * map' is the map itself or, when mirrored, the map with x -> -x (index i -> n - i). */
typedef struct fz_rigid {
  bool mirrored;
  fz_rotation rotation;
  double shift[3];
} fz_rigid;

/** Apply a rigid motion by trigonometric interpolation (the map's own Fourier series evaluated at R x + t).
 *  maths   non-uniform FFT: deconvolved spectrum on a 1.5-times finer grid, then a kernel of 6^3 points,
 *          exp(b (sqrt(1 - (2x/6)^2) - 1)) in each direction; relative error about 1e-5 (Barnett 2019)
 *  shape   moved: a zeroed fz_map, gets map's box and voxel size; outside the box the map counts as 0
 *  owns    the caller frees moved with fz_map_clear.  calls local; OpenMP inside, any thread count gives the same bits
 *  fails   FZ_ENOMEM.  cost one FFT of n^3 and one of (1.5 n)^3, 216 n^3 multiply-adds, memory 27 bytes per voxel */
fz_status fz_resample_rigid(const fz_map *map, const fz_rigid *motion, fz_map *moved, fz_error *err);

#endif
