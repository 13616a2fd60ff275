#include "estep/coarse.h"

#include <math.h>

/* Below this the rings say too little about where the posterior is: what a level would leave out is lost too often. And
 * with a finest level not far above it the search costs about what it saves. */
enum { LEAST_KMAX = 6, LEAST_FINEST = 10 };

/* Every second shift of the grid, those with an even sum of steps: the ones between are one step from four of these. A
 * grid of twice the step leaves some sqrt 2 away, and few on the rim of the disc, where images whose displacement lies
 * beyond it have their best pose. */
static void stagger(fz_quadrature *q, double step) {
  int n = 0;
  double sum = 0;
  for (int t = 0; t < q->n_shifts; t++) {
    if ((lround(q->shift_x_px[t] / step) + lround(q->shift_y_px[t] / step)) % 2 != 0) continue;
    q->shift_x_px[n] = q->shift_x_px[t];
    q->shift_y_px[n] = q->shift_y_px[t];
    q->log_shift_weight[n] = q->log_shift_weight[t];
    sum += exp(q->log_shift_weight[n++]);
  }
  for (int t = 0; t < n; t++) q->log_shift_weight[t] -= log(sum);
  q->n_shifts = n;
}

static fz_status init_level(fz_coarse_level *l, int kmax, const fz_fine_sampling *fine) {
  int nside = (int)ceil(sqrt(fine->n_directions / 12.0) * kmax / fine->kmax - 1e-9);
  fz_status st = fz_rings_init(&l->rings, kmax, fz_rings_angles(kmax, 0));
  l->rings.n_rings = kmax; /* images come from the finer rings, so the one beyond kmax, without weight, has no use */
  if (st == FZ_OK)
    st = fz_quadrature_init(&l->quadrature, (fz_direction_grid){FZ_DIRECTIONS_HEALPIX, nside}, l->rings.n_angles,
                            &fine->turn, fine->shift_step_px, fine->shift_radius_px, fine->shift_sd_px);
  if (st == FZ_OK) stagger(&l->quadrature, fine->shift_step_px);
  return st;
}

fz_status fz_coarse_levels_init(fz_coarse_level *level, int *n_levels, const fz_fine_sampling *fine) {
  int kmax[FZ_LEVELS_MOST], n = 0;
  if (fine->kmax >= LEAST_FINEST) kmax[n++] = fine->kmax > 2 * LEAST_KMAX ? (fine->kmax + 1) / 2 : LEAST_KMAX;
  while (n > 0 && n < FZ_LEVELS_MOST - 1 && kmax[n - 1] >= 2 * LEAST_KMAX) {
    kmax[n] = (kmax[n - 1] + 1) / 2;
    n++;
  }
  *n_levels = 0;
  for (int i = 0; i < n; i++) {
    level[i] = (fz_coarse_level){0};
    (*n_levels)++;
    fz_status st = init_level(&level[i], kmax[n - 1 - i], fine);
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
