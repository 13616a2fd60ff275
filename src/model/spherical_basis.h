/* Real volumes of low resolution: spherical harmonics times spherical Bessel functions in Fourier space.
 *  maths   V(k) = sum_lsm a_lsm (-i)^l F_ls(|k|) Y_lm(k/|k|)  for |k| < band, 0 beyond;  a real
 *          F_ls(k) = sqrt(2/band^3) / |j_{l+1}(R_ls)| j_l(R_ls k/band),  R_ls the s-th positive zero of j_l
 *          The functions are orthonormal in the ball.  Y_lm is real and of parity (-1)^l, so V(-k) = conj V(k) for any
 *          real a: the symmetry that real volumes have is built in.
 *          v(r) = (2 pi)^-3 int V(k) exp(ik.r) dk = sum_lsm a_lsm Y_lm(r/|r|) (1/(2 pi^2)) int F_ls(k) j_l(k|r|) k^2 dk
 *  source  Paul 2024, section 4.5.2 (complex Y there); band limit and zeros as in Bhamre, Zhang, Singer 2015
 *
 *  Counting.  There are (2l+1) S(l) real numbers per degree: 64 for l <= 3, S = 4.  The thesis calls this problem's
 *  dimension 40: with complex harmonics the symmetry A_{l,-m,s} = (-1)^{l+m} conj(A_lms) leaves (l+1) S(l) coefficients
 *  to be known, those with m >= 0, and 4 (1 + 2 + 3 + 4) = 40.  Of these the 16 with m = 0 are real or imaginary, the
 *  24 others complex: 16 + 2 x 24 = 64.  The number of parameters is the same; we count real ones.
 *
 *  units   lengths in pixels, k in radians per pixel; band at most pi
 *  order   coefficients by l, then s, then m = -l .. l */
#ifndef FZ_MODEL_SPHERICAL_BASIS_H
#define FZ_MODEL_SPHERICAL_BASIS_H
#include <complex.h>
#include <stddef.h>

#include "core/status.h"
#include "model/gaussians.h"
#include "model/spherical_functions.h"
#include "pose/rotation.h"

typedef struct fz_spherical_basis {
  int degree;                                /* l = 0 .. degree */
  int n_radial[FZ_SPHERICAL_DEGREE_MAX + 1]; /* S(l) */
  double band;
  ptrdiff_t dim;        /* sum_l (2l+1) S(l) */
  ptrdiff_t n_profiles; /* sum_l S(l) */
  double *zero, *norm;  /* [n_profiles] R_ls and the factor of j_l, by l, then s */
} fz_spherical_basis;

/** n_radial [degree + 1] is copied.
 *  owns    the caller, fz_spherical_basis_clear.  calls local.  fails FZ_EINVAL, FZ_ENOMEM */
fz_status fz_spherical_basis_init(fz_spherical_basis *b, int degree, const int *n_radial, double band, fz_error *err);
void fz_spherical_basis_clear(fz_spherical_basis *b);
/** S(l) such that functions reach to `radius` pixels: all s with R_{l,s+1} <= 2 band radius, the sampling rule of
 *  Bhamre et al. (band limit and support together).  n_radial [FZ_SPHERICAL_DEGREE_MAX + 1] is filled, at most
 *  FZ_SPHERICAL_ZEROS_MAX - 1 each; returns the largest l with S(l) > 0, -1: none.  calls local */
int fz_spherical_basis_rule(double band, double radius, int *n_radial);

/** V(k) = sum over even l of a value + i sum over odd l of a value.  value [dim].  calls local, thread-safe */
void fz_spherical_basis_values(const fz_spherical_basis *b, const double k[3], double *value);
/** V(k).  calls local, thread-safe; allocates value's room, NAN when memory runs out */
double complex fz_spherical_basis_transform(const fz_spherical_basis *b, const double *a, const double k[3]);

/* ---- slices ----
 * The image of box n (odd: all frequencies of its DFT; even: without those at n/2, where |k| >= pi) as real numbers:
 *   x = [X(0), sqrt 2 Re X(k), sqrt 2 Im X(k), ...] over k = 2 pi (jx, jy)/n, jy > 0 or jy = 0 < jx, row by row,
 *   X(k) = (1/n) sum_r image(r) exp(-i k.(r - n/2)), the orthonormal transform.
 * |x|^2 is the image's sum of squares, and white noise of variance s^2 per pixel is white noise of variance s^2. */
int fz_slice_numbers(int n);
/** matrix [dim][fz_slice_numbers(n)]: column a is the slice of the a-th function, X(k) = V(A' (k, 0)) / n.
 *  calls local, thread-safe.  fails FZ_ENOMEM */
fz_status fz_spherical_basis_slice(const fz_spherical_basis *b, int n, const fz_rotation *rotation, double *matrix);
/** pixel [n][n] of the image that x stands for.  calls local, thread-safe */
void fz_slice_image(int n, const double *x, double *pixel);

/* ---- coefficients ---- */
/** a [dim] = the projection of a sum of Gaussians; lengths in units of pixel_A, weights as they are.
 *  maths   a_lsm = sum_j w_j 4 pi Y_lm(r_j) int_0^band exp(-s_j^2 k^2/2) j_l(k |r_j|) F_ls(k) k^2 dk (plane waves in
 *          spherical ones; the integral by Gauss's rule).  calls local.  fails FZ_ENOMEM */
fz_status fz_spherical_basis_project(const fz_spherical_basis *b, const fz_gaussians *g, double pixel_A, double *a);
/** out = the coefficients of v(R' r), the volume turned by R.  calls local, thread-safe; not in place.
 *  fails   FZ_ENOMEM */
fz_status fz_spherical_basis_rotate(const fz_spherical_basis *b, const fz_rotation *rotation, const double *a,
                                    double *out);
/** v(r), r in pixels.  calls local, thread-safe */
double fz_spherical_basis_density(const fz_spherical_basis *b, const double *a, const double r[3]);
/** voxel [n][n][n], v at (index - n/2) step pixels.  calls local */
void fz_spherical_basis_volume(const fz_spherical_basis *b, const double *a, int n, double step, float *voxel);

#endif
