#include "estep/statistics.h"

#include <math.h>

/* Largest e with bound 2^e < 2^62; fewer bits than that would only lose precision. */
static int exponent_for(double bound) {
  int e;
  frexp(bound > 0 ? bound : 1.0, &e);
  return 61 - e;
}

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
  l.exponent[FZ_SECTION_B] = exponent_for(column * bound_b * images);
  l.exponent[FZ_SECTION_A] = exponent_for(column * bound_a * images);
  l.exponent[FZ_SECTION_GRADIENT] = l.exponent[FZ_SECTION_B] - 8; /* model slices may exceed the data for a while */
  for (int s = FZ_SECTION_CLASS; s < FZ_SECTIONS; s++) l.exponent[s] = exponent_for(images * 1e6);
  l.exponent[FZ_SECTION_IMAGES] = 0;
  for (int s = 0; s < FZ_SECTIONS; s++) {
    l.offset[s] = l.total;
    l.length[s] = length[s];
    l.total += length[s];
  }
  return l;
}

void fz_statistics_read(const fz_statistics_layout *layout, const int64_t *words, fz_section section, double *out) {
  const int64_t *from = words + layout->offset[section];
  double unit = ldexp(1.0, -layout->exponent[section]);
  for (ptrdiff_t i = 0; i < layout->length[section]; i++) out[i] = (double)from[i] * unit;
}

double fz_statistics_scalar(const fz_statistics_layout *layout, const int64_t *words, fz_section section, ptrdiff_t i) {
  return ldexp((double)words[layout->offset[section] + i], -layout->exponent[section]);
}
