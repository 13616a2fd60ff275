#include "estep/coarse.h"

#include <math.h>

enum { LEAST_KMAX = 4 };

fz_status fz_coarse_levels_init(fz_coarse_level *level, int *n_levels, const fz_fine_sampling *fine) {
  int kmax[FZ_LEVELS_MOST], n = 0;
  for (int k = (fine->kmax + 1) / 2; k >= LEAST_KMAX && n < FZ_LEVELS_MOST - 1; k = (k + 1) / 2) kmax[n++] = k;
  *n_levels = 0;
  for (int i = 0; i < n; i++) {
    fz_coarse_level *l = &level[i];
    *l = (fz_coarse_level){0};
    (*n_levels)++;
    int k = kmax[n - 1 - i], nside = (int)ceil(sqrt(fine->n_directions / 12.0) * k / fine->kmax - 1e-9);
    double step = fine->shift_step_px * (1 << (n - i));
    fz_status st = fz_rings_init(&l->rings, k, fz_rings_angles(k, 0));
    l->rings.n_rings = k; /* images come from the finer rings, so the one beyond k, without weight, has no use */
    if (st == FZ_OK)
      st = fz_quadrature_init(&l->quadrature, (fz_direction_grid){FZ_DIRECTIONS_HEALPIX, nside}, l->rings.n_angles,
                              &fine->turn, step, fine->shift_radius_px, fine->shift_sd_px);
    if (st != FZ_OK) return st;
  }
  return FZ_OK;
}

void fz_coarse_levels_clear(fz_coarse_level *level, int n_levels) {
  for (int i = 0; i < n_levels; i++) {
    fz_quadrature_clear(&level[i].quadrature);
    fz_rings_clear(&level[i].rings);
  }
}
