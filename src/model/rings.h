/* Rings of the Fourier plane on which slices and images are compared for all in-plane angles at once.
 *  maths   points r (cos t_a, sin t_a), t_a = 2 pi a / n_angles; a real map's or image's value at t + pi is the
 *          conjugate of that at t, so samples are kept for a < n_angles/2 only: rows [n_rings][n_angles/2]
 *          Images pair with slices on rings one apart (model/image_rings.h). The square of a slice varies twice as
 * fast, so its norm is a sum over rings half as far apart: sum_{ring, a < n_angles} weight(ring) f  ~  sum of
 * taper(|k|) f(k) over the lattice points k != 0 by the trapezoidal rule with an end correction at r = 0.  Every ring
 * that images use lies where norms have weight: a likelihood whose cross term saw more of a slice than its norm does
 * would have no maximum. */
#ifndef FZ_MODEL_RINGS_H
#define FZ_MODEL_RINGS_H
#include "core/status.h"

typedef struct fz_rings {
  int kmax, n_rings, n_angles; /* n_angles over the full circle, a multiple of 4 */
  double *radius;              /* [n_rings] cycles per box: 1 .. kmax and kmax + 1/2; of norms 1/2, 1, .. kmax + 1/2 */
  double *weight;              /* [n_rings] of one sample of the full circle, taper included; NULL for images */
  double *cosine, *sine;       /* [n_angles/2] */
  struct fz_rings *norm;       /* those of norms, owned; NULL there */
} fz_rings;

/** Fewest angles that do not alias a particle as large as the box (2 pi kmax) and transform fast: a multiple of 4 with
 *  no prime factor above 5, at least 24 and at least `least`; 64 in place of 60, which takes as long. */
int fz_rings_angles(int kmax, int least);

/** owns the caller: fz_rings_clear.  calls local.  fails FZ_ENOMEM; FZ_EINVAL when n_angles is below 2 pi kmax or 24
 * (it would alias the likelihood, and could make it look better) or no such product of primes */
fz_status fz_rings_init(fz_rings *rings, int kmax, int n_angles);
void fz_rings_clear(fz_rings *rings);

#endif
