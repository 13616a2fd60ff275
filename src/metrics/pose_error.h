/* How far estimated poses are from true ones, after removing what no reconstruction can know: one global rotation
 * (modulo symmetry), the hand, one global translation. */
#ifndef FZ_METRICS_POSE_ERROR_H
#define FZ_METRICS_POSE_ERROR_H
#include <stddef.h>

#include "core/status.h"
#include "pose/rotation.h"

typedef struct fz_error_summary {
  double mean, median, p90, p95; /* percentiles by linear interpolation */
  double above_10, above_30;     /* fractions (meant for degrees) */
} fz_error_summary;

/** Summary of n values (n >= 1); the order of the values is changed. */
fz_error_summary fz_error_summarize(ptrdiff_t n, double *value);

/** Geodesic distances between two sets of poses, nothing removed.
 *  shape   estimate, truth, error_deg [n].  calls local */
void fz_pose_distance(ptrdiff_t n, const fz_rotation *estimate, const fz_rotation *truth, double *error_deg);

/** Global rotation G that brings the truth onto the estimate, estimate_i ~ truth_i S_i G, and the errors that remain.
 *  maths   robust: the best of up to 200 single-particle guesses by median error, then a trimmed chordal mean
 *          (errors up to 1.5 medians), iterated; S_i, the symmetry operator that fits particle i best, is a rotation by
 *          a multiple of 360/fold degrees about z (C_fold; fold 1: none)
 *  shape   estimate, truth, error_deg [n], n >= 1
 *  calls   local; repeatable.  fails FZ_ENOMEM */
fz_status fz_pose_fit(ptrdiff_t n, const fz_rotation *estimate, const fz_rotation *truth, int fold, fz_rotation *global,
                      double *error_deg, fz_error *err);

/** Shift errors after removing the translation T of the map that explains them best: d_i = (A_i T)_xy + rest.
 *  maths   least squares for T over the particles with error_deg < 10 (zero when there are at most 10 of them)
 *  shape   estimate [n] (RELION matrices A_i); difference [n][2], estimated minus true origin (x, y);
 *          error_deg [n] from fz_pose_fit; rest [n], lengths in the unit of difference
 *  calls   local */
void fz_pose_shift_rest(ptrdiff_t n, const fz_rotation *estimate, const double (*difference)[2],
                        const double *error_deg, double translation[3], double *rest);

#endif
