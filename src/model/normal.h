/* The normal operator of the M-step and its right-hand side: minimize 1/2 <U, (T + R) U> - <b, U> over U inside a mask.
 *  maths   (T U)(r) = sum_r' t(r - r') U(r'),  t = c^2 Re sum_q A(q) exp(2 pi i q.r/m): sum_j P_j^T A_j P_j exactly up
 * to the gridding error, as a convolution on a 2m grid (Toeplitz); R = c^2 m^3 F^H diag(1/tau2(|k|)) F on the same
 * grid, the Gaussian prior of variance tau2 per slice coefficient;  c = slice_scale.  U = mask u, so both sides are
 * multiplied by the mask source  Wajer & Pruessmann 2001 (Toeplitz form of gridding) */
#ifndef FZ_MODEL_NORMAL_H
#define FZ_MODEL_NORMAL_H
#include <stdint.h>

#include "core/status.h"
#include "model/cube.h"

typedef struct fz_normal fz_normal;

/** mask [m][m][m] is borrowed for the operator's life. owns the caller; NULL when memory runs out */
fz_normal *fz_normal_create(int m, double slice_scale, const double *mask);
void fz_normal_destroy(fz_normal **op);
/** Bytes that create takes. */
int64_t fz_normal_bytes(int m);
ptrdiff_t fz_normal_size(const fz_normal *op);

/** New A cells ([a_cube->cells], summed c^2/sigma2, times `factor`) and prior precision inverse_tau2 [shells] (the last
 *  value serves all higher shells). calls local. fails FZ_ENOMEM */
fz_status fz_normal_set(fz_normal *op, const fz_cube *a_cube, const double *a_cell, double factor,
                        const double *inverse_tau2, int shells);

/** y = mask (T + R) mask x.  calls local; not thread-safe on one operator (own workspace). x and y may be the same */
void fz_normal_apply(fz_normal *op, const double *x, double *y);
/** z = mask C mask r, C the inverse of the shell averages of T + R: a preconditioner. */
void fz_normal_precondition(fz_normal *op, const double *r, double *z);
/** b = mask c sum of B back in voxels.  calls local, as above.  fails FZ_ENOMEM */
fz_status fz_normal_right_side(fz_normal *op, const fz_cube *b_cube, const double *b_cell, double factor, double *b);

#endif
