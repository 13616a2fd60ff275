/* Quadrature over poses: directions on the sphere x in-plane angles x image shifts.
 *  maths   integral over SO(3) x R^2 of f ~ sum_d sum_p sum_t w_d/n_psi w_t f(R_{dp}, t), all rotation weights equal
 *  The whole rotation grid is turned by one random rotation that belongs to the seed, so that no axis is special. */
#ifndef FZ_POSE_QUADRATURE_H
#define FZ_POSE_QUADRATURE_H
#include "core/status.h"
#include "pose/rotation.h"

typedef enum fz_direction_kind {
  FZ_DIRECTIONS_HEALPIX, /* order: nside; 12 nside^2 directions */
  FZ_DIRECTIONS_DESIGN   /* order: degree t of a spherical design; about t^2/2 directions */
} fz_direction_kind;

/* A set of directions, all with the same weight. */
typedef struct fz_direction_grid {
  fz_direction_kind kind;
  int order;
} fz_direction_grid;

typedef struct fz_quadrature {
  int n_directions, n_psi; /* n_psi is a multiple of 4: quarter turns and conjugates come free */
  int n_shifts;
  double *rot_deg, *tilt_deg; /* [n_directions] before the grid's turn; neighbours in space next to each other */
  fz_rotation turn;
  double *shift_x_px, *shift_y_px; /* [n_shifts] in pixels of the full box */
  double *log_shift_weight;        /* [n_shifts], exp sums to 1 */
} fz_quadrature;

/** Number of directions of a grid; 0 when its order is outside its range. */
int fz_direction_grid_count(fz_direction_grid grid);
/** The design whose number of directions is nearest to that of HEALPix at nside. Its degree may be too high to be
 *  computed: fz_direction_grid_count then gives 0. */
fz_direction_grid fz_direction_grid_design_like(int nside);

/** The counts alone, without points: for estimates. The arguments are those of fz_quadrature_init. */
fz_status fz_quadrature_count(fz_quadrature *q, fz_direction_grid grid, int n_psi, double shift_step_px,
                              double shift_radius_px);
/** Directions of the grid x n_psi x shifts on a Cartesian grid of `step` within a disc of `radius`, with Gaussian
 * weights of standard deviation `sd` (pixels). owns the caller: fz_quadrature_clear.  fails FZ_ENOMEM, FZ_EINVAL;
 * FZ_EDIVERGED if a design is not found */
fz_status fz_quadrature_init(fz_quadrature *q, fz_direction_grid grid, int n_psi, const fz_rotation *turn,
                             double shift_step_px, double shift_radius_px, double shift_sd_px);
void fz_quadrature_clear(fz_quadrature *q);
/** Pose matrix of direction d and in-plane index p (RELION sense). */
fz_rotation fz_quadrature_rotation(const fz_quadrature *q, int d, int p);
/** Steps of the grid: side of a direction's cell, sqrt(4 pi/directions) radians; distance of neighbouring shifts in
 *  pixels, 0 when there is one. */
double fz_quadrature_direction_step(const fz_quadrature *q);
double fz_quadrature_shift_step(const fz_quadrature *q);

#endif
