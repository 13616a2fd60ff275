/* A tile: a few images made ready for scoring.  The unit of scheduling, of float summation order and of progress. */
#ifndef FZ_ESTEP_TILE_H
#define FZ_ESTEP_TILE_H
#include <complex.h>
#include <stdint.h>

#include "model/ctf.h"
#include "model/frequencies.h"

enum { FZ_TILE_MOST = 64 }; /* images in a tile, at most */

/* One image enters the likelihood through
 *   x(k) = c(k) X(k) S_0^*(k) w(k)/sigma2(k)    (its CTF, its centring shift, the weight of the half-plane sum)
 *   c2(k) = c(k)^2 w(k)/sigma2(k),    power(s) = sum over shell s of |X|^2 w/sigma2 */
typedef struct fz_tile {
  int n, optics;   /* images; optics group (noise group) that they share */
  int padded;      /* row length */
  double *re, *im; /* x: [n][padded] */
  double *c2;      /* [n][padded] */
  double *power;   /* [n][n_shells] */
  /* Polar engine: the same on rings, [n][n_rings][n_angles/2], with the weight of one sample of the full circle. */
  double *ring_re, *ring_im, *ring_c2;
} fz_tile;

fz_status fz_tile_init(fz_tile *tile, int capacity, const fz_frequencies *f);
void fz_tile_clear(fz_tile *tile);

/** Fill row `i` from a transformed image.
 *  half [box][box/2+1] from fz_preprocess_image; sigma2 [n_shells] of the image's noise group;
 *  centre_x/y_px: the shift (particle displacement, pixels) around which shifts are scored.  calls local */
void fz_tile_set_image(fz_tile *tile, int i, const fz_frequencies *f, const double complex *half, int box,
                       const fz_ctf *ctf, const fz_optics *optics, const double *sigma2, double centre_x_px,
                       double centre_y_px);

#endif
