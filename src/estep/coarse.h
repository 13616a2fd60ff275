/* The coarser levels of an adaptive search: each has half the band limit of the next (but not below 6), directions and
 * in-plane angles as far apart as that allows, and every second shift of the finest. */
#ifndef FZ_ESTEP_COARSE_H
#define FZ_ESTEP_COARSE_H
#include "estep/engine.h"

/* The finest sampling, from which the coarser ones follow. */
typedef struct fz_fine_sampling {
  int kmax, n_directions;
  double shift_step_px, shift_radius_px, shift_sd_px;
  fz_rotation turn;
} fz_fine_sampling;

/** Levels before the finest, coarsest first; none when the finest band limit is below 10.
 *  owns the caller: fz_coarse_levels_clear, also after failure.  calls local.  fails FZ_ENOMEM */
fz_status fz_coarse_levels_init(fz_coarse_level *level, int *n_levels, const fz_fine_sampling *fine);
void fz_coarse_levels_clear(fz_coarse_level *level, int n_levels);

#endif
