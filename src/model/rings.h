/* Rings of the Fourier plane on which slices and images are compared for all in-plane angles at once.
 *  maths   points r (cos t_a, sin t_a), t_a = 2 pi a / n_angles; a real map's or image's value at t + pi is the
 *          conjugate of that at t, so samples are kept for a < n_angles/2 only: rows [n_rings][n_angles/2]
 *          sum_{ring, a < n_angles} weight(ring) f  ~  sum of taper(|k|) f(k) over the lattice points k != 0,
 *          for smooth f: weight = 2 pi r taper(r)/n_angles, with the first three corrected so that even polynomials of
 *          degree 4 are summed exactly near r = 0 and the origin is left out.  (Lattice points by shell, over n_angles,
 *          would be 5 to 10 times less accurate.)  The last ring has no part in such sums; it lets images be
 *          interpolated up to kmax + 1, where the taper ends (image_rings.h).
 *  source  Euler-Maclaurin summation of r f(r) from r = 0 */
#ifndef FZ_MODEL_RINGS_H
#define FZ_MODEL_RINGS_H
#include "core/status.h"

typedef struct fz_rings {
  int kmax, n_rings, n_angles; /* n_angles over the full circle, a multiple of 4 */
  double *radius;              /* [n_rings] cycles per box: 1 .. kmax, kmax + 1/2 */
  double *weight;              /* [n_rings] of one sample of the full circle, taper included; the last is 0 */
  double *cosine, *sine;       /* [n_angles/2] */
} fz_rings;

/** Fewest angles that do not alias a particle as large as the box (2 pi kmax) and transform fast: a multiple of 4 with
 *  no prime factor above 5, at least 24 and at least `least`. */
int fz_rings_angles(int kmax, int least);

/** owns the caller: fz_rings_clear.  calls local.  fails FZ_ENOMEM; FZ_EINVAL when n_angles is below 2 pi kmax or 24
 * (it would alias the likelihood, and could make it look better) or no such product of primes */
fz_status fz_rings_init(fz_rings *rings, int kmax, int n_angles);
void fz_rings_clear(fz_rings *rings);

#endif
