/* Fourier shell correlation of two maps in the same frame, and where it crosses a threshold. */
#ifndef FZ_METRICS_FSC_H
#define FZ_METRICS_FSC_H
#include <stdbool.h>

#include "core/status.h"
#include "model/map.h"

/** Shells of a box of n voxels: 0 .. n/2. */
int fz_fsc_shells(int n);

/** Correlation per shell of Fourier radius.
 *  maths   fsc(s) = Re sum A conj(B) / sqrt(sum |A|^2 sum |B|^2), sums over all k with round(|k|) = s;
 *          the half-complex planes 0 < kx < n/2 count twice; a shell without power gives 0
 *  shape   a, b of the same box n; mask [n][n][n] multiplied into both, or NULL; fsc [fz_fsc_shells(n)]
 *  calls   local.  cost two serial n^3 FFTs in double precision
 *  fails   FZ_EINVAL when the boxes differ, FZ_EINPUT on values that are not finite, FZ_ENOMEM */
fz_status fz_fsc_compute(const fz_map *a, const fz_map *b, const float *mask, double *fsc, fz_error *err);

typedef struct fz_fsc_crossing {
  double shell;        /* fractional shell where the curve first falls below the threshold */
  double resolution_A; /* n * voxel_A / shell; 0 when the voxel size is unknown (0) */
  bool never;          /* it stays above up to Nyquist: shell = n/2, resolution "at least this good" */
} fz_fsc_crossing;

/** First crossing from shell 1 on, by linear interpolation in the shell index. */
fz_fsc_crossing fz_fsc_cross(const double *fsc, int n, double voxel_A, double threshold);

/** Soft sphere about voxel n/2: 1 up to the radius, a cosine over `edge` voxels, then 0.  mask [n][n][n] */
void fz_fsc_sphere(int n, double radius_voxels, double edge_voxels, float *mask);

#endif
