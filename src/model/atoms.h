/* Atomic models and the density that an electron beam sees of them.
 *  maths   each atom is a Gaussian with the weight occupancy x atomic number and the variance
 *          (0.225 resolution)^2 + B / (8 pi^2): a smooth stand-in for electron scattering, good to the resolutions at
 *          which particles are simulated */
#ifndef FZ_MODEL_ATOMS_H
#define FZ_MODEL_ATOMS_H
#include <stddef.h>

#include "core/status.h"
#include "model/gaussians.h"

typedef struct fz_atom {
  double at_A[3];
  double occupancy, b_factor_A2;
  int number; /* atomic number, 1 .. 118 */
} fz_atom;

typedef struct fz_atoms {
  ptrdiff_t n;
  fz_atom *atom; /* [n] from fz_alloc; fz_atoms_clear frees */
} fz_atoms;

void fz_atoms_clear(fz_atoms *atoms);

/** Atomic number of an element symbol of `length` characters, any case ("C", "ZN"; "D" counts as hydrogen); 0 when
 *  there is no such element. local */
int fz_element_number(const char *symbol, ptrdiff_t length);

/** The model as Gaussians, its centre of mass at the origin. Negative B-factors count as 0.
 *  owns    g: the caller, fz_gaussians_clear.  calls local.  fails FZ_ENOMEM; FZ_EINPUT when no atom has weight */
fz_status fz_atoms_density(const fz_atoms *atoms, double resolution_A, fz_gaussians *g, fz_error *err);

#endif
