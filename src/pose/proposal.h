/* Where to look for an image's pose: distributions over the points of each factor of a quadrature (viewing directions,
 * in-plane angles, shifts), and weighted samples of them.
 *  maths   q_f = (1 - p) sum_l w_l K_f(. ; atom l of the last posterior) + (p + (1 - p)(1 - sum_l w_l)) (g_f +
 * omega_f)/2 K: von Mises-Fisher, von Mises, Gaussian kernels, normalized over the points; g: average over the images;
 *          omega: the quadrature's own weights (uniform directions and angles);  p falls with the visits.
 *          n = 10 / sum_j q_j^2 draws (ten times the effective number of points), with replacement; a point drawn m
 *          times gets weight omega m/(n q), whose mean is omega: sums over samples are unbiased for the sum over
 * points. By default the n draws share one random number u, u_i = (i + u)/n (systematic sampling): a point with q above
 * 1/n is never missed, and the variance is far below that of independent draws In-plane angles are counted from the
 * heaviest atom, carried to each direction along the shortest way: with Euler angles a small cloud of rotations near a
 * pole of the grid would be spread over all of them. source  importance sampling of Brubaker, Punjani, Fleet 2015 and
 * of Punjani and Brubaker's slides; the atoms, p and the widths of the kernels are ours. */
#ifndef FZ_POSE_PROPOSAL_H
#define FZ_POSE_PROPOSAL_H
#include <stdbool.h>

#include "core/random.h"
#include "pose/pose_memory.h"

typedef enum fz_factor { FZ_FACTOR_DIRECTION, FZ_FACTOR_PSI, FZ_FACTOR_SHIFT, FZ_FACTORS } fz_factor;

/* What the images have in common: mass of viewing directions by HEALPix pixel (nside 4, ring order, in the map's
 * frame), and of squared shifts from the images' centres.  Plain numbers; all zero: nothing known. */
enum { FZ_AVERAGE_NSIDE = 4, FZ_AVERAGE_PIXELS = 12 * FZ_AVERAGE_NSIDE * FZ_AVERAGE_NSIDE };
enum { FZ_POSE_AVERAGE_NUMBERS = 2 + FZ_AVERAGE_PIXELS };
typedef struct fz_pose_average {
  double images, squared_shift; /* sum of posterior masses; sum of mass x |shift|^2, pixels^2 */
  double direction[FZ_AVERAGE_PIXELS];
} fz_pose_average;
_Static_assert(sizeof(fz_pose_average) == FZ_POSE_AVERAGE_NUMBERS * sizeof(double), "a table of doubles");

typedef struct fz_proposal_options {
  double samples_per_effective; /* draws / effective number of points */
  int least, most;              /* draws per factor; a factor with no more points than draws is summed in full */
  double broad_least;           /* p = max(broad_least, 4^-visits) */
  double widen, margin;         /* kernel variance = widen x variance within atoms + (margin x step)^2 */
  double tail;                  /* share of each kernel that is three times as wide */
  bool independent;             /* draws; else one draw in each of n equal parts of the cumulative density */
} fz_proposal_options;
fz_proposal_options fz_proposal_options_default(void);

typedef struct fz_proposal fz_proposal;

/* One factor's sample: distinct points in rising order, and the logarithms of their weights. */
typedef struct fz_factor_sample {
  int n;              /* distinct points */
  int draws;          /* of them all, repeats counted; 0: every point once, no sampling */
  double effective;   /* effective number of points of the proposal */
  int32_t *point;     /* [points] */
  double *log_weight; /* [points] log(omega m/(draws q)) */
  double *density;    /* [points] q, sums to 1 */
  double *scratch;    /* [points] */
} fz_factor_sample;

/** owns the caller: fz_proposal_destroy; q is borrowed.  calls local.  fails FZ_ENOMEM */
fz_status fz_proposal_create(const fz_quadrature *q, const fz_proposal_options *options, fz_proposal **out);
void fz_proposal_destroy(fz_proposal **p);
int fz_proposal_points(const fz_proposal *p, fz_factor factor);

/** owns the caller: fz_factor_sample_clear */
fz_status fz_factor_sample_init(fz_factor_sample *s, const fz_proposal *p, fz_factor factor);
void fz_factor_sample_clear(fz_factor_sample *s);

/** s->density and s->effective.  memory->visits > 0; centre: see fz_pose_memory_learn.  calls local; thread-safe */
void fz_proposal_density(const fz_proposal *p, fz_factor factor, const fz_pose_memory *memory,
                         const fz_pose_average *average, double centre_x_px, double centre_y_px, fz_factor_sample *s);
/** How many distinct points a sample from s->density may be expected to have; all points when that is what is summed.
 */
double fz_proposal_expected(const fz_proposal *p, fz_factor factor, const fz_factor_sample *s);
/** Draw from s->density. */
void fz_proposal_draw(const fz_proposal *p, fz_factor factor, fz_random *random, fz_factor_sample *s);
/** In-plane point of direction d that stands for point 0 of the sample: sampled point k is (k + origin) mod n_psi. */
int fz_proposal_origin(const fz_proposal *p, const fz_pose_memory *memory, int d);
/** Every point, with the quadrature's weights. */
void fz_proposal_all(const fz_proposal *p, fz_factor factor, fz_factor_sample *s);

/** Fold the posterior masses of `images` images into the average, which forgets at the rate that `n_images` makes one
 *  turn.  shape direction_mass [n_directions], shift_mass [n_shifts].  calls local */
void fz_pose_average_learn(fz_pose_average *average, const fz_quadrature *q, const double *direction_mass,
                           const double *shift_mass, double images, double n_images);

#endif
