/* A tile: a few images made ready for scoring.  The unit of scheduling, of float summation order and of progress. */
#ifndef FZ_ESTEP_TILE_H
#define FZ_ESTEP_TILE_H
#include <complex.h>
#include <stdint.h>

#include "model/ctf.h"
#include "model/frequencies.h"
#include "model/image_rings.h"
#include "pose/pose_memory.h"

enum { FZ_TILE_MOST = 64 }; /* images in a tile, at most */

/* Which image a row is, for engines that keep something of each. */
typedef struct fz_tile_image {
  int64_t particle;                /* row of the table: part of the key of its random numbers */
  double centre_x_px, centre_y_px; /* displacement around which its shifts are scored */
  fz_pose_memory memory;           /* before; after the second sweep of an engine that samples: the new one */
} fz_tile_image;

/* One image enters the likelihood through
 *   x(k) = c(k) X(k) S_0^*(k) w(k)/sigma2(k)    (its CTF, its centring shift, the weight of the half-plane sum)
 *   c2(k) = c(k)^2 w(k)/sigma2(k),    power(s) = sum over shell s of |X|^2 w/sigma2
 * and for engines that read rings also through the same on rings, with the weight of one sample of the full circle:
 *   ring x: pairs with slices on rings as x does on the lattice (model/image_rings.h),   ring c2 = c^2 weight/sigma2 */
typedef struct fz_tile {
  int n, optics;                       /* images; optics group (noise group) that they share */
  int padded;                          /* row length */
  double *re, *im;                     /* x: [n][padded] */
  double *c2;                          /* [n][padded] */
  double *power;                       /* [n][n_shells] */
  fz_tile_image *image;                /* [n] */
  const fz_rings *rings;               /* borrowed; NULL: none of these */
  double *ring_re, *ring_im, *ring_c2; /* [n][n_rings][n_angles/2] */
} fz_tile;

/** rings NULL: no ring rows. owns the caller: fz_tile_clear.  calls local.  fails FZ_ENOMEM */
fz_status fz_tile_init(fz_tile *tile, int capacity, const fz_frequencies *f, const fz_rings *rings);
void fz_tile_clear(fz_tile *tile);

/** Fill row `i` from a transformed image.
 *  half [box][box/2+1] from fz_preprocess_image; sigma2 [n_shells] of the image's noise group;
 *  centre_x/y_px: the shift (particle displacement, pixels) around which shifts are scored.  calls local */
void fz_tile_set_image(fz_tile *tile, int i, const fz_frequencies *f, const double complex *half, int box,
                       const fz_ctf *ctf, const fz_optics *optics, const double *sigma2, double centre_x_px,
                       double centre_y_px);

/** Fill its ring rows, after fz_tile_set_image with the same arguments; scratch is the converter's.  calls local */
void fz_tile_set_rings(fz_tile *tile, int i, const fz_image_rings *convert, void *scratch, int box, const fz_ctf *ctf,
                       const fz_optics *optics, const double *sigma2);

#endif
