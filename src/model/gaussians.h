/* Densities that are sums of isotropic Gaussians: phantoms and atomic models.
 *  maths   rho(r) = sum_j w_j (2 pi s_j^2)^(-3/2) exp(-|r - r_j|^2 / (2 s_j^2))
 *          rho^(k) = integral rho(r) exp(-2 pi i k.r) dr = sum_j w_j exp(-2 pi^2 s_j^2 |k|^2) exp(-2 pi i k.r_j)
 *  units   Angstrom, relative to the rotation centre; w_j is the integral of a term */
#ifndef FZ_MODEL_GAUSSIANS_H
#define FZ_MODEL_GAUSSIANS_H
#include <complex.h>
#include <stddef.h>

#include "core/status.h"
#include "model/map.h"

typedef struct fz_gaussian {
  double at_A[3]; /* x, y, z */
  double width_A; /* standard deviation */
  double weight;
} fz_gaussian;

typedef struct fz_gaussians {
  ptrdiff_t n;
  fz_gaussian *item; /* [n] from fz_alloc; fz_gaussians_clear frees */
} fz_gaussians;

void fz_gaussians_clear(fz_gaussians *g);

/** Move the centre of mass (weights as masses) to the origin. calls local */
void fz_gaussians_centre(fz_gaussians *g);

/** Largest distance from the origin of any term's centre, in Angstrom. calls local */
double fz_gaussians_radius_A(const fz_gaussians *g);

/** The density at the n^3 grid points, origin at index n/2; terms are cut at 6 widths, parts outside the box are lost.
 *  The transform of the samples is rho^ (divided by the voxel's volume) where exp(-2 pi^2 s^2 |k|^2) has died out at
 *  the alias frequencies.
 *  owns    map: the caller, fz_map_clear.  calls local.  fails FZ_ENOMEM */
fz_status fz_gaussians_density(const fz_gaussians *g, int n, double voxel_A, fz_map *map);

/** rho^ at k in 1/Angstrom, ordered x, y, z.  calls local.  cost n exponentials */
double complex fz_gaussians_transform(const fz_gaussians *g, const double k_per_A[3]);

#endif
