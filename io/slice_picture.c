#include "io/slice_picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Step in the voxel array along the picture's right, up and depth axes: xy, xz and yz planes. */
static void plane_steps(int plane, ptrdiff_t n, ptrdiff_t step[3]) {
  const ptrdiff_t x = 1, y = n, z = n * n;
  const ptrdiff_t table[3][3] = {{x, y, z}, {x, z, y}, {y, z, x}};
  memcpy(step, table[plane], sizeof table[plane]);
}

void fz_io_slice_fill(const fz_map *map, int plane, bool projection, float *out) {
  ptrdiff_t n = map->n, step[3];
  plane_steps(plane, n, step);
  for (ptrdiff_t v = 0; v < n; v++)
    for (ptrdiff_t u = 0; u < n; u++) {
      const float *at = map->voxel + u * step[0] + v * step[1];
      double sum = 0;
      if (projection)
        for (ptrdiff_t w = 0; w < n; w++) sum += at[w * step[2]];
      else
        sum = at[n / 2 * step[2]];
      out[v * n + u] = isfinite(sum) ? (float)sum : 0;
    }
}

static int ascending(const void *a, const void *b) {
  float x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

void fz_io_slice_range(const float *plane, ptrdiff_t n, float *sorted, double *low, double *high) {
  memcpy(sorted, plane, (size_t)n * sizeof *sorted);
  qsort(sorted, (size_t)n, sizeof *sorted, ascending);
  *low = sorted[(ptrdiff_t)(0.005 * (double)n)];
  *high = sorted[(ptrdiff_t)(0.995 * (double)n)];
}

static double cubic(double p0, double p1, double p2, double p3, double t) { /* Catmull-Rom */
  return p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
}

static double sample(const float *plane, int n, double u, double v) {
  int iu = (int)floor(u), iv = (int)floor(v);
  double row[4];
  for (int j = 0; j < 4; j++) {
    int y = iv - 1 + j < 0 ? 0 : iv - 1 + j >= n ? n - 1 : iv - 1 + j;
    double p[4];
    for (int i = 0; i < 4; i++) {
      int x = iu - 1 + i < 0 ? 0 : iu - 1 + i >= n ? n - 1 : iu - 1 + i;
      p[i] = plane[(ptrdiff_t)y * n + x];
    }
    row[j] = cubic(p[0], p[1], p[2], p[3], u - iu);
  }
  return cubic(row[0], row[1], row[2], row[3], v - iv);
}

void fz_io_slice_draw(fz_io_canvas *c, int left, int top, int panel, const float *plane, int n, double low,
                      double high) {
  for (int y = 0; y < panel; y++)
    for (int x = 0; x < panel; x++) {
      double u = (x + 0.5) * n / panel - 0.5, v = (panel - 1 - y + 0.5) * n / panel - 0.5;
      double g = high > low ? (sample(plane, n, u, v) - low) / (high - low) : 0;
      uint8_t level = (uint8_t)lrint(255 * fmin(fmax(g, 0), 1));
      fz_io_canvas_pixel(c, left + x, top + y, (fz_io_color){level, level, level});
    }
}
