/* The rotational average of a map, seen in its transform: a smooth real function of |k|, because the map is small.
 *  maths   least squares over all coefficients of a ball by cubic B-splines of |k| with a knot every half shell: a map
 *          within its box has averages that vary no faster */
#ifndef FZ_MODEL_RADIAL_H
#define FZ_MODEL_RADIAL_H
#include <stddef.h>

#include "core/status.h"

/* Sums over the coefficients of a transform by |k|^2, an integer. */
typedef struct fz_radial {
  int reach;           /* |k| <= reach */
  double *count, *sum; /* [reach^2 + 1] of their real parts; phase origin in the centre */
  double *average;     /* [reach^2 + 1] what fz_radial_fit found */
} fz_radial;

/** owns the caller: fz_radial_clear (accepts a zeroed one).  calls local.  fails FZ_ENOMEM */
fz_status fz_radial_init(fz_radial *r, int reach);
void fz_radial_clear(fz_radial *r);
/** average from count and sum. calls local.  fails FZ_ENOMEM */
fz_status fz_radial_fit(fz_radial *r);

#endif
