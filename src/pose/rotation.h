/* Rotations of 3-space as plain 3x3 matrices, and their other coordinates.
 *
 * Euler angles are RELION's (Spider's) ZYZ: A(rot, tilt, psi) takes map coordinates to image coordinates,
 *   A = Z(psi) Y(tilt) Z(rot),  Z(a) = [cos a, sin a, 0; -sin a, cos a, 0; 0, 0, 1],
 *                               Y(b) = [cos b, 0, -sin b; 0, 1, 0; sin b, 0, cos b];
 * its third row is the viewing direction in the map. Degrees in Euler angles, radians elsewhere.
 * All functions are local, thread-safe and allocate nothing. */
#ifndef FZ_POSE_ROTATION_H
#define FZ_POSE_ROTATION_H
#include "core/random.h"

typedef struct fz_rotation {
  double m[3][3]; /* y_i = sum_j m[i][j] x_j, vectors ordered x, y, z */
} fz_rotation;

fz_rotation fz_rotation_identity(void);
fz_rotation fz_rotation_from_euler(double rot_deg, double tilt_deg, double psi_deg);
/** tilt in [0, 180], rot and psi in (-180, 180]; at tilt 0 or 180 rot is 0. */
void fz_rotation_to_euler(const fz_rotation *r, double *rot_deg, double *tilt_deg, double *psi_deg);

/** Axis times angle, in radians (Rodrigues), right-handed: (0, 0, a) takes x towards y. */
fz_rotation fz_rotation_from_vector(const double v[3]);
/** Length of the result at most pi. */
void fz_rotation_to_vector(const fz_rotation *r, double v[3]);

/** Quaternion (w, x, y, z), normalized inside; not zero. */
fz_rotation fz_rotation_from_quaternion(const double q[4]);
/** Unit length, w >= 0. */
void fz_rotation_to_quaternion(const fz_rotation *r, double q[4]);

fz_rotation fz_rotation_multiply(const fz_rotation *a, const fz_rotation *b); /* a b: first b, then a */
fz_rotation fz_rotation_inverse(const fz_rotation *r);
void fz_rotation_apply(const fz_rotation *r, const double x[3], double y[3]); /* x and y may be the same array */

/** Geodesic distance: the angle of a^-1 b in [0, pi]; accurate also when tiny. */
double fz_rotation_distance(const fz_rotation *a, const fz_rotation *b);

/** The in-plane turn that brings b nearest to a: the angle t in (-pi, pi] for which Z(t) b has the largest trace
 * product with a.  Where both look along the same direction, a = Z(t) b; of other directions it compares in-plane
 * angles without a frame of reference, and has no meaning for opposite ones (0 then). */
double fz_rotation_twist(const fz_rotation *a, const fz_rotation *b);

/** Z r Z with Z = diag(1, 1, -1): the pose under which the mirrored map (z -> -z) gives the same projection. */
fz_rotation fz_rotation_mirrored(const fz_rotation *r);

/** The rotation nearest to any matrix in the Frobenius norm (sums of rotations: their chordal mean).
 *  maths   maximize trace(R^T m) = q^T K q over unit quaternions q (Davenport's q-method) */
fz_rotation fz_rotation_nearest(const double m[3][3]);

/** Uniform on SO(3) (Haar measure; Shoemake 1992); takes three draws. */
fz_rotation fz_rotation_random(fz_random *random);

#endif
