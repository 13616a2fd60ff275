/* Quadrature over poses: directions on the sphere x in-plane angles x image shifts.
 *  maths   integral over SO(3) x R^2 of f ~ sum_d sum_p sum_t w_d/n_psi w_t f(R_{dp}, t), all rotation weights equal
 *  The whole rotation grid is turned by one random rotation that belongs to the seed, so that no axis is special. */
#ifndef FZ_POSE_QUADRATURE_H
#define FZ_POSE_QUADRATURE_H
#include "core/status.h"
#include "pose/rotation.h"

typedef struct fz_quadrature {
  int n_directions, n_psi; /* n_psi is a multiple of 4: quarter turns and conjugates come free */
  int n_shifts;
  double *rot_deg, *tilt_deg; /* [n_directions] before the grid's turn */
  fz_rotation turn;
  double *shift_x_px, *shift_y_px; /* [n_shifts] in pixels of the full box */
  double *log_shift_weight;        /* [n_shifts], exp sums to 1 */
} fz_quadrature;

/** HEALPix directions (nside >= 1, ring order) x n_psi x shifts on a Cartesian grid of `step` within a disc of
 * `radius`, with Gaussian weights of standard deviation `sd` (pixels). owns the caller: fz_quadrature_clear.  fails
 * FZ_ENOMEM, FZ_EINVAL */
fz_status fz_quadrature_init(fz_quadrature *q, int nside, int n_psi, const fz_rotation *turn, double shift_step_px,
                             double shift_radius_px, double shift_sd_px);
void fz_quadrature_clear(fz_quadrature *q);
/** Pose matrix of direction d and in-plane index p (RELION sense). */
fz_rotation fz_quadrature_rotation(const fz_quadrature *q, int d, int p);

#endif
