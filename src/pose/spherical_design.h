/* Spherical t-designs: equally weighted points whose mean is the exact integral of every polynomial of degree <= t.
 *  maths   (1/N) sum_i p(x_i) = (1/4 pi) int p dS  for deg p <= t,
 *          which holds if and only if all moments (1/N) sum_i Y_lm(x_i), 1 <= l <= t, vanish
 *  source  Delsarte, Goethals, Seidel 1977 (definition: N is at least about t^2/4);
 *          Sloan, Womersley 2009 (the sum of squared moments is zero at a design, and there only)
 *  Ours are antipodal, x and -x together: odd moments then vanish by themselves, half of the points are unknown, and
 *  about t^2/2 points are enough. A design for an even t is also one for t + 1. */
#ifndef FZ_POSE_SPHERICAL_DESIGN_H
#define FZ_POSE_SPHERICAL_DESIGN_H
#include "core/status.h"

enum { FZ_DESIGN_DEGREE_MAX = 63 };

/** Find an antipodal design of n_points for degree t: Levenberg-Marquardt on the even moments from a spiral, to
 *  rounding. Point n_points/2 + i is opposite to point i.
 *  maths   minimize sum_lm (mean_i Y_lm(x_i))^2;  step = -J' (J J' + lambda)^-1 r  in the tangent planes
 *  shape   theta, phi [n_points] in radians, colatitude and azimuth
 *  calls   local; the same bits on every call, if BLAS uses one thread
 *  fails   FZ_EINVAL for a degree outside 1 .. FZ_DESIGN_DEGREE_MAX or an odd n_points, FZ_ENOMEM,
 *          FZ_EDIVERGED when the search ends elsewhere than at a design (too few points)
 *  cost    about 30 steps of t^6/6 operations, t^4/2 numbers: 2 s for t = 47, some 10 s at the largest degree */
fz_status fz_spherical_design(int t, int n_points, double *theta, double *phi, fz_error *err);
/** A number of points, about (t + 1)^2/2, at which the search ends well for every degree up to the largest. */
int fz_spherical_design_points(int t);
/** Largest |mean_i Y_lm(x_i)| over 1 <= l <= t, with real harmonics of mean square 1; any points, no assumption.
 *  HUGE_VAL when memory runs out.  calls local */
double fz_spherical_design_error(int t, int n_points, const double *theta, const double *phi);

#endif
