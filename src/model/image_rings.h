/* Images on rings: rows that pair with slices on rings as the image pairs with them on the lattice.
 *  maths   Y with  sum_{ring, angle} Y conj T  ~  sum_k x(k) conj T(k)  for every T that is the transform of something
 *          within a disc of radius `support` boxes, where x are the coefficients that enter the likelihood (CTF, noise
 *          and weight inside).  T at a lattice point is interpolated from the rings, and Y is the transpose of that:
 *            T_q(k) = sum_ring v_q(ring, k) T_q(ring)   for each angular frequency q, k at any radius,
 *          v the linear prediction of least error, when T comes from a map of independent voxels whose variance falls
 *          as 1 - (r/support)^2, and when samples of T are only trusted to 1 % (which keeps Y small).
 *          Sampling the image's own transform on rings and summing with weights is 3 to 20 times less accurate: a sum
 *          over radii one apart sees the tails that the band edge gives the image, and prediction does not.
 *  source  linear prediction of a random field (kriging); covariance from the Fourier slice theorem */
#ifndef FZ_MODEL_IMAGE_RINGS_H
#define FZ_MODEL_IMAGE_RINGS_H
#include <stddef.h>
#include <stdint.h>

#include "model/frequencies.h"
#include "model/rings.h"

typedef struct fz_image_rings fz_image_rings;

/** From the points of f to rings; both are borrowed for the object's life.  support: at most 1/2 (rings one apart
 * cannot tell more). owns the caller; NULL when memory runs out.  calls local.  cost n_angles kmax^4 / 2 flops or so:
 * 0.01 s at kmax 16, memory 2 n_angles kmax^3 bytes or so */
fz_image_rings *fz_image_rings_create(const fz_frequencies *f, const fz_rings *rings, double support);
void fz_image_rings_destroy(fz_image_rings **r);
/** Bytes that it will take, without making it. */
int64_t fz_image_rings_bytes(const fz_frequencies *f, const fz_rings *rings);
const fz_rings *fz_image_rings_of(const fz_image_rings *r);

/** Bytes of scratch, from fz_alloc, that one thread passes in. */
ptrdiff_t fz_image_rings_scratch_size(const fz_image_rings *r);

/** Y from one row of half-plane coefficients, whose weight counts their conjugates too (as in a tile); Y has the weight
 *  of one sample of the full circle.
 *  shape   re, im [f->padded]; ring_re, ring_im [n_rings][n_angles/2].  calls local, thread-safe with own scratch
 *  cost    n_angles/2 (8 points + 2 n_rings radii) flops and n_rings transforms */
void fz_image_rings_make(const fz_image_rings *r, const double *re, const double *im, void *scratch, double *ring_re,
                         double *ring_im);

#endif
