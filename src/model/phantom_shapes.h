/* What phantoms make of a chain of beads: copies of a subunit, lobes of two signs, shells. Lengths as in beads.h.
 * Each takes g->item [g->n] with the first `beads` filled and fills the others; all are local and draw from `random`.
 */
#ifndef FZ_MODEL_PHANTOM_SHAPES_H
#define FZ_MODEL_PHANTOM_SHAPES_H
#include "core/random.h"
#include "model/gaussians.h"

enum { FZ_RING_COPIES = 6, FZ_CAGE_COPIES = 24 };

/** Six turns of a subunit about z; each copy gets a density and bead positions of its own, a little off. g->n = 6 beads
 */
void fz_phantom_ring(fz_gaussians *g, ptrdiff_t beads, fz_random *random);

/** The 24 rotations of the octahedral group applied to a subunit: g->n = 24 beads. */
void fz_phantom_cage(fz_gaussians *g, ptrdiff_t beads, fz_random *random);

/** The first half of the beads belong to a positive lobe, the others to a negative one.  Each bead is surrounded by
 * wider Gaussians that take its weight away; each lobe has a smooth body.  The whole has the weight 0. g->n = 3 beads +
 * 2 */
void fz_phantom_dipole(fz_gaussians *g, ptrdiff_t beads, fz_random *random);

/** Shells about the origin, one inside the other, bright and dark: g->n = 4, no beads. */
void fz_phantom_onion(fz_gaussians *g, ptrdiff_t beads, fz_random *random);

#endif
