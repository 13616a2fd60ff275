/* Geometry of oversampled Fourier grids, and the way back from them to voxels.
 *  A cube holds the cells j = (jz, jy, jx), |jy|, |jz| <= reach, -1 <= jx <= reach, of the transform of an m^3 map on a
 * grid `over` times finer than 1/m.  Only jx >= -1 is kept: a point with qx < 0 stands for its conjugate at -q. layout
 * [2 reach + 1][2 reach + 1][reach + 2], x fastest; complex cells interleaved */
#ifndef FZ_MODEL_CUBE_H
#define FZ_MODEL_CUBE_H
#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct fz_cube {
  int m, over, kmax, reach;
  ptrdiff_t nx, ny, cells;
} fz_cube;

/** The cube that holds every tap of every point |k| <= kmax + 1. */
fz_cube fz_cube_make(int m, int over, int kmax);

/** Smallest even map edge, with only small prime factors, on which a band limit kmax can be represented. */
int fz_work_box(int kmax);

/** Sums over cells back to voxels.
 *  maths   out(r) = Re sum_j cell(j) exp(2 pi i j.r / p) / phi^(r/p), p = over m, r in the centred out^3 box:
 *          with over = 2, out = m the adjoint of (deconvolve, pad, transform); with over = 4, out = 2 m the
 *          convolution kernel of the normal operator
 *  shape   cell [cells] real, or [cells][2] complex; voxel [out][out][out] centred at out/2
 *  calls   local.  fails FZ_ENOMEM.  cost one p^3 transform */
fz_status fz_cube_to_voxels(const fz_cube *cube, const double *cell, int components, int out, double *voxel);

/* The same in steps, for those who keep the transform and its grids: to_half, fz_fft_backward, crop. */

/** half [p][p][p/2 + 1].  calls local */
void fz_cube_to_half(const fz_cube *cube, const double *cell, int components, double complex *half);
/** real [p][p][p] to voxel [out]^3, centred, or with the origin at index 0 and negative coordinates at the end.
 *  calls local.  fails FZ_ENOMEM */
fz_status fz_cube_crop(int p, const double *real, int out, bool centred, double *voxel);

#endif
