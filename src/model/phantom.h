/* Built-in test objects: protein-like sums of Gaussians with a closed-form transform.
 * Chains of beads fill a few round domains of different size; the object is 0.6 of the box across, for any box.
 *   asymmetric  five domains in a globule: the default
 *   open        the same with its second largest domain swung by 40 degrees about its hinge: a second conformation
 *   rod         four domains in a bent row, for tests of strongly unequal views
 *   protein     one compact chain of 600 small beads: more detail at high frequencies than the globule has
 *   dipole      a positive and a negative lobe, no density in all: the smooth lobes have no power beyond shell 3, their
 *               fine structure little below shell 8, so that only high shells tell the pose
 *   axial       a ring of six subunits about z that differ a little: the pose is known up to a sixth of a turn before
 *               it is known
 *   octahedral  a hollow cage of 24 subunits, exactly symmetric (432, four-fold axes along x, y and z)
 *   onion       shells about one centre: no pose can be found */
#ifndef FZ_MODEL_PHANTOM_H
#define FZ_MODEL_PHANTOM_H
#include "model/gaussians.h"

/** "asymmetric, open, rod, protein, dipole, axial, octahedral, onion" */
const char *fz_phantom_names(void);

/** Make a phantom for a box of this edge, blurred to a resolution: a Gaussian of width 0.225 resolution_A, whose
 *  transform is 1/e at 1/resolution_A.  The same beads come out in every run (fixed seed).
 *  owns    g: the caller, fz_gaussians_clear.  calls local
 *  fails   FZ_EINVAL for an unknown name, listing those there are; FZ_ENOMEM */
fz_status fz_phantom_make(const char *name, double box_A, double resolution_A, fz_gaussians *g, fz_error *err);

/** The width that stands for a resolution: 0.225 resolution_A. */
double fz_resolution_width_A(double resolution_A);

#endif
