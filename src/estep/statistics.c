#include "estep/statistics.h"

#include <math.h>

#include "core/fixed.h"

static const double ROOM = 1e6; /* for each image, in sections that are not moments of the map */

fz_statistics_layout fz_statistics_layout_make(int m, int kmax, int n_classes, int n_groups, int n_directions,
                                               int n_shifts, int want, double bound_b, double bound_a, double images) {
  fz_statistics_layout l = {.n_classes = n_classes,
                            .n_groups = n_groups,
                            .n_shells = kmax + 2,
                            .n_directions = n_directions,
                            .n_shifts = n_shifts,
                            .want = want,
                            .b_cube = fz_cube_make(m, 2, kmax),
                            .a_cube = fz_cube_make(m, 4, kmax)};
  int moments = (want & FZ_WANT_MOMENTS) != 0, gradient = (want & FZ_WANT_GRADIENT) != 0;
  ptrdiff_t length[FZ_SECTIONS] = {
      [FZ_SECTION_B] = moments * n_classes * 2 * l.b_cube.cells,
      [FZ_SECTION_A] = moments * n_classes * l.a_cube.cells,
      [FZ_SECTION_GRADIENT] = gradient * n_classes * 2 * l.b_cube.cells,
      [FZ_SECTION_CLASS] = n_classes,
      [FZ_SECTION_RESIDUAL] = (ptrdiff_t)n_groups * l.n_shells,
      [FZ_SECTION_IMAGES] = n_groups,
      [FZ_SECTION_GAIN] = 1,
      [FZ_SECTION_DIRECTION] = n_directions,
      [FZ_SECTION_SHIFT] = n_shifts,
  };
  /* A cell gathers at most the points of one slice within its kernel's reach: at `over` points per frequency a plane
   * meets the 4^3 neighbourhood in fewer than (4 sqrt 3 / over)^2 + perimeter < 32 points, each with weight at most 1.
   */
  double column = 32.0;
  int64_t terms = (int64_t)(column * images) + 1;
  l.scale[FZ_SECTION_B] = fz_fixed_scale(bound_b, terms);
  l.scale[FZ_SECTION_A] = fz_fixed_scale(bound_a, terms);
  l.scale[FZ_SECTION_GRADIENT] = l.scale[FZ_SECTION_B] / 256; /* model slices may exceed the data for a while */
  for (int s = FZ_SECTION_CLASS; s < FZ_SECTIONS; s++) l.scale[s] = fz_fixed_scale(ROOM, (int64_t)images + 1);
  l.scale[FZ_SECTION_IMAGES] = 1;
  for (int s = 0; s < FZ_SECTIONS; s++) {
    l.offset[s] = l.total;
    l.length[s] = length[s];
    l.total += length[s];
  }
  return l;
}

void fz_statistics_bound_gains(fz_statistics_layout *l, double gain, double images) {
  double scale = fz_fixed_scale(fmax(ROOM, 8 * gain), (int64_t)images + 1);
  l->scale[FZ_SECTION_GAIN] = l->scale[FZ_SECTION_RESIDUAL] = scale;
}

void fz_statistics_read(const fz_statistics_layout *layout, const int64_t *words, fz_section section, double *out) {
  fz_fixed_to_f64(out, words + layout->offset[section], layout->length[section], layout->scale[section]);
}

double fz_statistics_scalar(const fz_statistics_layout *layout, const int64_t *words, fz_section section, ptrdiff_t i) {
  return fz_fixed_to_double(words[layout->offset[section] + i], layout->scale[section]);
}
