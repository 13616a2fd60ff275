/* The half-plane of image frequencies that enter the likelihood up to a band limit.
 *  maths   points (kx, ky), integer cycles per box, with kx > 0, or kx = 0 and ky > 0, and |k| < kmax + 1; the mean (0,
 * 0) is left out.  Each stands for itself and its conjugate, so a sum over the full plane is 2 sum_half. weight = 2 x
 * cosine taper from 1 at kmax - 1 to 0 at kmax + 1 (a hard edge costs accuracy at low kmax) */
#ifndef FZ_MODEL_FREQUENCIES_H
#define FZ_MODEL_FREQUENCIES_H
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct fz_frequencies {
  int kmax;
  int count;        /* points */
  int padded;       /* count rounded up to 16: row length of everything indexed by point; the tail has weight 0 */
  int n_shells;     /* kmax + 2: shells 0 .. kmax + 1 by rounding |k| */
  int16_t *kx, *ky; /* [padded] */
  int16_t *shell;   /* [padded] */
  double *weight;   /* [padded], 2 x taper */
  int32_t
      *turned; /* [padded] the point whose image value a quarter turn brings here: k' = (ky, -kx), see turned_sign */
  int8_t *turned_conjugate; /* [padded] 1 if that point is stored as its conjugate */
} fz_frequencies;

/** calls local.  fails FZ_ENOMEM.  owns the caller: fz_frequencies_clear */
fz_status fz_frequencies_init(fz_frequencies *f, int kmax);
void fz_frequencies_clear(fz_frequencies *f);
/** The cosine taper at radius r: 1 below kmax - 1, 0 above kmax + 1. */
double fz_taper(double r, int kmax);

#endif
