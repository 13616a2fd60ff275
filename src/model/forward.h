/* Images of a map: projection, CTF, shift, as the reconstruction's model and RELION's relion_project make them.
 *  maths   x = F^-1 [ c(k) exp(2 pi i k.origin/n) (1/n) DFT(V)(A^T k) ] for |k| < n/2, so that without CTF and shift x
 * is the sum of the voxels along the viewing direction; what lies outside |k| < n/2 is 0 */
#ifndef FZ_MODEL_FORWARD_H
#define FZ_MODEL_FORWARD_H
#include "core/status.h"
#include "model/map.h"
#include "model/particle.h"

typedef struct fz_forward fz_forward;

/** Prepare the projections of a map of n^3 voxels, n >= 8; voxels are read once.
 *  owns    the caller; NULL when memory runs out.  calls local.  cost one transform of (2n)^3 floats; keeps 32 n^3
 * bytes */
fz_forward *fz_forward_create(const fz_map *map);
void fz_forward_destroy(fz_forward **f);

/** The image of the map at a particle's pose and origin, with the particle's CTF unless `optics` is NULL.
 *  shape   pixels [n][n], the map's units times voxels.  pixel_A scales the origin and, with optics, the CTF
 *  calls   local; not thread-safe on one object (own workspace) */
void fz_forward_image(fz_forward *f, const fz_particle *particle, const fz_optics *optics, double pixel_A,
                      double *pixels);

/** Mean of the squared image minus its squared mean, without making the image. As fz_forward_image. */
double fz_forward_variance(fz_forward *f, const fz_particle *particle, const fz_optics *optics, double pixel_A);

#endif
