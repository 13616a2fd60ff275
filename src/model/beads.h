/* Chains of beads that fill round domains: what the built-in phantoms are made of.
 * Lengths are in units of the finished object's radius; a bead is a Gaussian of a phantom not yet scaled. */
#ifndef FZ_MODEL_BEADS_H
#define FZ_MODEL_BEADS_H
#include "core/random.h"
#include "model/gaussians.h"

typedef struct fz_bead_domain {
  double at[3], radius;
  int beads;
} fz_bead_domain;

/* Widths are spread from the least one to `spread` times it, evenly in their logarithm: detail at many scales. */
typedef struct fz_bead_widths {
  double least, spread;
} fz_bead_widths;

/** Append a domain's chain to the first n beads, from which it keeps clear; large beads weigh more, small ones are
 *  denser.  shape bead [n + domain->beads].  calls local, pure in the state of `random` */
void fz_beads_fill(const fz_bead_domain *domain, const fz_bead_widths *widths, fz_gaussian *bead, ptrdiff_t n,
                   fz_random *random);

#endif
