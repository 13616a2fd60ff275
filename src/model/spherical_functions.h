/* Special functions of balls and spheres: spherical Bessel functions and their zeros, real spherical harmonics, Gauss's
 * quadrature.  All are local, thread-safe, and allocate nothing. */
#ifndef FZ_MODEL_SPHERICAL_FUNCTIONS_H
#define FZ_MODEL_SPHERICAL_FUNCTIONS_H

enum { FZ_SPHERICAL_DEGREE_MAX = 30, FZ_SPHERICAL_ZEROS_MAX = 64 };

/** j[l] = j_l(x) for l = 0 .. degree; x >= 0, degree <= FZ_SPHERICAL_DEGREE_MAX + 1.
 *  maths   j_{l+1} = (2l+1)/x j_l - j_{l-1}: upwards where l < x, else downwards (Miller); the series for x < 1.
 *          Errors of a few 2^-52, relative below the first zero, else of the envelope 1/x */
void fz_spherical_bessel(int degree, double x, double *j);

/** zero[s] = the s-th positive zero of j_l, s = 0 .. count - 1; count <= FZ_SPHERICAL_ZEROS_MAX.
 *  maths   zeros of neighbouring degrees interlace, those of j_0 are multiples of pi; bisection */
void fz_spherical_bessel_zeros(int l, int count, double *zero);

/** value[l^2 + l + m] = Y_lm(x), m = -l .. l, orthonormal on the unit sphere: P_lm cos(m phi) for m >= 0, P_lm
 *  sin(|m| phi) for m < 0, without the Condon-Shortley sign.  x is scaled to length 1; at the origin it is taken as z.
 */
void fz_spherical_harmonics(int degree, const double x[3], double *value);

/** Nodes and weights on (-1, 1), exact for polynomials of degree 2n - 1; in falling order. */
void fz_gauss_legendre(int n, double *node, double *weight);

#endif
