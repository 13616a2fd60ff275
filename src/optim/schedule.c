#include "optim/schedule.h"

#include <math.h>

#include "pose/spherical_design.h"

static const double PI = 3.14159265358979323846;
static const double DIRECTION_STEP = 1.4; /* times the band limit, radians */

fz_schedule fz_schedule_default(int64_t n_images, int limit) {
  static const fz_schedule_step steps[] = {{3, 1, 100}, {4, 1, 100}, {5, 1, 100}, {6, 1, 100},
                                           {7, 1, 100}, {8, 2, 200}, {10, 2, 200}};
  const int n = (int)(sizeof steps / sizeof steps[0]), further = n - 1;
  fz_schedule s = {.kmax_limit = limit, .kmax_foreseen = limit};
  for (int i = 0; i < n && steps[i].kmax <= limit; i++) {
    s.ladder[i] = steps[i];
    /* Passes over very many images give no more than passes over enough of them, one over few is soon done and too
     * short a way. */
    double enough = 20000.0 / (double)n_images, few = ceil(1000.0 / (double)n_images);
    if (enough < 1) s.ladder[i].passes *= enough;
    if (few > 1) s.ladder[i].passes *= few;
    i < further ? s.n_ladder++ : s.n_further++;
  }
  if (!s.n_ladder) s.ladder[s.n_ladder++] = (fz_schedule_step){limit, 2, 100};
  return s;
}

static int at_least(int lowest, double value) {
  return value > lowest ? (int)ceil(value - 1e-9) : lowest;
}

static fz_direction_grid directions_for(const fz_sampling_options *options, int kmax) {
  double step = options->angular_step_deg > 0 ? options->angular_step_deg * PI / 180 : DIRECTION_STEP / kmax;
  int nside = at_least(3, sqrt(4 * PI / 12) / step - 0.25);
  if (options->directions == FZ_DIRECTIONS_DESIGN) return fz_direction_grid_design_like(nside);
  return (fz_direction_grid){FZ_DIRECTIONS_HEALPIX, nside};
}

fz_status fz_schedule_check(const fz_sampling_options *options, int kmax_limit, fz_error *err) {
  fz_direction_grid grid = directions_for(options, kmax_limit);
  if (grid.kind != FZ_DIRECTIONS_DESIGN || fz_direction_grid_count(grid)) return FZ_OK;
  return fz_fail(err, FZ_EINVAL,
                 "shell %d at this angular step needs a spherical design of degree %d, they are computed to %d: lower "
                 "the resolution, widen the angular step or take HEALPix directions",
                 kmax_limit, grid.order, FZ_DESIGN_DEGREE_MAX);
}

void fz_schedule_sampling(const fz_sampling_options *options, int box, int kmax, bool centred, fz_stage_spec *spec) {
  spec->kmax = kmax;
  /* In-plane angles come almost for free, so there are enough for rings not to alias, however coarse the directions. */
  spec->n_psi =
      fz_rings_angles(kmax, options->angular_step_deg > 0 ? (int)ceil(360 / options->angular_step_deg - 1e-9) : 0);
  spec->directions = directions_for(options, kmax);
  double step = options->shift_step_px > 0 ? options->shift_step_px : box / (4.0 * kmax);
  double sd = options->shift_range_px / 3, radius = 2.4 * sd;
  if (centred) {
    /* What the last stage could not resolve: about one of its steps; the best point of that stage is at the middle. */
    sd = step;
    radius = fmin(radius, 2.3 * step);
  }
  spec->shift_sd_px = sd;
  spec->shift_radius_px = radius;
  spec->shift_step_px = radius > 0 ? fmin(step, radius) : step;
}
