/* Rigid alignment of a map to a reference: rotation, shift and hand. */
#ifndef FZ_METRICS_ALIGN_H
#define FZ_METRICS_ALIGN_H
#include <stdbool.h>

#include "core/status.h"
#include "metrics/resample.h"
#include "model/map.h"

enum { FZ_ALIGN_COARSE, FZ_ALIGN_MIDDLE, FZ_ALIGN_FINE, FZ_ALIGN_LEVELS };

typedef struct fz_align_options {
  bool try_same, try_mirrored;
  double step_deg;                /* angular step of the exhaustive search at the coarse level */
  double shells[FZ_ALIGN_LEVELS]; /* low-pass of each level in Fourier shells, ascending, at most n/2 - 2 */
} fz_align_options;

/** Both hands, 12 degrees, shells 8, 13 and max(22, n/4) (as far as the box has them). */
fz_align_options fz_align_default(int n);

typedef struct fz_align_hand {
  bool tried;
  fz_rigid motion;
  double correlation[FZ_ALIGN_LEVELS]; /* of the low-passed maps, after the refinement at that level */
} fz_align_hand;

typedef struct fz_align_result {
  fz_align_hand hand[2]; /* [0] as it is, [1] mirrored */
  int best;              /* the hand with the higher correlation at the middle level */
} fz_align_result;

/** Find the motion that brings `map` onto `reference`; fz_resample_rigid applies it.
 *  maths   maximize  Re sum_k H(k)^2 A'(R k) exp(2 pi i R k.t / n) conj B(k) / (|H A'| |H B|)  over |k| < shells + 1,
 *          H a cosine-edged low-pass, A' sampled by trilinear interpolation of a twice oversampled spectrum
 *          (gridding-corrected), k = 0 left out, the reference inside the inscribed sphere, from the middle level on
 *          also the map inside that sphere moved along. Coarse: all rotations of a near-uniform grid, all shifts by
 *          FFT. Then Nelder-Mead on the best distinct candidates, level by level
 *  shape   equal boxes, n >= 16; voxel sizes are taken to be equal
 *  calls   local; OpenMP inside, any thread count gives the same bits
 *  fails   FZ_EINVAL on unequal or tiny boxes, FZ_EINPUT on a constant or non-finite map, FZ_ENOMEM
 *  cost    about a second per hand, almost independent of n, plus four n^3 FFTs */
fz_status fz_align_find(const fz_map *map, const fz_map *reference, const fz_align_options *options,
                        fz_align_result *result, fz_error *err);

#endif
