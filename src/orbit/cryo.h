/* Cryo-EM as a finite orbit model: a low-resolution volume in spherical_basis.h, images as slices of it, and a
 * quadrature over SO(3) as candidates: directions of a spherical design x equispaced in-plane angles.
 *  source  Paul 2024, section 4.5.2 */
#ifndef FZ_ORBIT_CRYO_H
#define FZ_ORBIT_CRYO_H
#include "model/spherical_basis.h"
#include "orbit/orbit_model.h"

typedef struct fz_cryo_spec {
  int degree, n_radial; /* l <= degree, S(l) = n_radial for all l; band limit pi */
  int box;              /* pixels across an image */
  int design_degree, n_directions, n_psi;
  bool from_quadrature; /* images at poses of the quadrature; else uniform on SO(3), off its points */
  int64_t n;            /* images */
  double snr;           /* variance of the clean images' pixels / variance of the noise */
  uint64_t seed;        /* of poses and noise; the volume is always the same */
} fz_cryo_spec;

/** The problem of the thesis: degree 3 with 4 radial functions, 3600 images of 15 x 15 pixels at SNR 0.34, a 13-design
 *  of 100 points x 12 angles, poses uniform on SO(3), their density known.  What the text leaves open is ours: where
 *  the six Gaussians are (inside 2.8 pixels, widths 0.9 to 1.2 pixels), and DFT frequencies for equispaced points. */
fz_cryo_spec fz_cryo_thesis(uint64_t seed);

typedef struct fz_cryo_problem {
  fz_cryo_spec spec;
  fz_spherical_basis basis;
  int n_candidates, p;    /* p numbers per image: fz_slice_numbers */
  fz_rotation *candidate; /* [n_candidates] */
  double *matrix;         /* [n_candidates][basis.dim][p] */
  double *truth;          /* [basis.dim] */
  fz_rotation *pose;      /* [n] of the images */
  double *x;              /* [n][p] images */
  double sigma;           /* of the noise, the same for each number and each pixel */
} fz_cryo_problem;

/** Simulate; a function of the spec alone.
 *  owns    the caller, fz_cryo_clear.  calls local
 *  fails   FZ_EINVAL, FZ_ENOMEM; FZ_EDIVERGED if the design is not found */
fz_status fz_cryo_simulate(const fz_cryo_spec *spec, fz_cryo_problem *problem, fz_error *err);
void fz_cryo_clear(fz_cryo_problem *problem);

/** The six Gaussians, in pixels. owns the caller, fz_gaussians_clear.  fails FZ_ENOMEM */
fz_status fz_cryo_volume(fz_gaussians *g);

/** The model of w = coefficients, density uniform.  owns the caller, fz_orbit_model_destroy; the problem is copied.
 *  ridge, tile, threads as in fz_orbit_spec.  fails FZ_EINVAL, FZ_ENOMEM */
fz_status fz_cryo_open(const fz_cryo_problem *problem, double ridge, int tile, int threads, fz_orbit_model **out,
                       fz_error *err);

/** A start that knows nothing but the images' power: white coefficients, scaled so that the mean power of their slices
 *  is that of the images beyond the noise.  w [basis.dim] */
void fz_cryo_start(const fz_cryo_problem *problem, uint64_t seed, double *w);

/** min over rotations and hands of |w - turned truth| / |truth|, which is what images cannot tell apart.
 *  maths   the candidates as a coarse grid, then simplex search over rotation vectors from the best of each hand
 *  calls   local.  cost some 0.1 s for the thesis' problem.  NAN when memory runs out */
double fz_cryo_error(const fz_cryo_problem *problem, const double *w);

#endif
