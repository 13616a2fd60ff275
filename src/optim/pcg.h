/* Preconditioned conjugate gradients for the M-step. */
#ifndef FZ_OPTIM_PCG_H
#define FZ_OPTIM_PCG_H
#include <stddef.h>

#include "core/status.h"

typedef void (*fz_linear_map)(void *context, const double *x, double *y);

/** Solve A x = b, A symmetric positive (semi)definite, from the given x.
 *  maths   stops after `iterations` or when |r| <= tolerance |b|
 *  calls   local; sums in index order, so the bits depend on nothing but the arguments
 *  fails   FZ_ENOMEM; FZ_EDIVERGED when a number stops being finite */
fz_status fz_pcg(ptrdiff_t n, fz_linear_map apply, fz_linear_map precondition, void *context, const double *b,
                 double *x, int iterations, double tolerance);

#endif
