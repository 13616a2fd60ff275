#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/canvas.h"
#include "io/plot.h"

enum { PANEL = 288, GAP = 16, HEADER = 56, CAPTION = 30, WIDTH = 3 * PANEL + 4 * GAP };
enum { HEIGHT = HEADER + 2 * (PANEL + CAPTION) + GAP };
static const fz_io_color black = {30, 30, 30}, grey = {120, 120, 120}, white = {255, 255, 255};

/* Step in the voxel array along the picture's right, up and depth axes: xy, xz and yz planes. */
static void plane_steps(int plane, ptrdiff_t n, ptrdiff_t step[3]) {
  const ptrdiff_t x = 1, y = n, z = n * n;
  const ptrdiff_t table[3][3] = {{x, y, z}, {x, z, y}, {y, z, x}};
  memcpy(step, table[plane], sizeof table[plane]);
}

static void fill_plane(const fz_map *map, int plane, bool projection, float *out) {
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

static void draw_panel(fz_io_canvas *c, int left, int top, const float *plane, int n, double low, double high) {
  for (int y = 0; y < PANEL; y++)
    for (int x = 0; x < PANEL; x++) {
      double u = (x + 0.5) * n / PANEL - 0.5, v = (PANEL - 1 - y + 0.5) * n / PANEL - 0.5;
      double g = high > low ? (sample(plane, n, u, v) - low) / (high - low) : 0;
      uint8_t level = (uint8_t)lrint(255 * fmin(fmax(g, 0), 1));
      fz_io_canvas_pixel(c, left + x, top + y, (fz_io_color){level, level, level});
    }
}

/* A round length of at most a third of the panel. */
static void draw_scale_bar(fz_io_canvas *c, int left, int top, double field_A) {
  double power = pow(10, floor(log10(field_A / 3))), length = power;
  if (2 * power <= field_A / 3) length = 2 * power;
  if (5 * power <= field_A / 3) length = 5 * power;
  int pixels = (int)lrint(length / field_A * PANEL), y = top + PANEL - 16;
  char text[40];
  snprintf(text, sizeof text, "%g \xc3\x85", length);
  fz_io_canvas_rectangle(c, left + 12, y, left + 12 + pixels, y + 3, white);
  fz_io_canvas_text(c, left + 12, y - 8, 10, FZ_IO_LEFT, white, text);
}

/* One row of three panels with a common grey scale; planes and sorted: 3 n^2 floats each. */
static void draw_row(fz_io_canvas *c, int top, const fz_map *map, bool projection, float *planes, float *sorted) {
  static const char *const axes[3] = {"z", "y", "x"}, *const sides[3] = {"x right, y up", "x right, z up",
                                                                         "y right, z up"};
  int n = map->n;
  ptrdiff_t size = (ptrdiff_t)n * n;
  for (int plane = 0; plane < 3; plane++) fill_plane(map, plane, projection, planes + plane * size);
  memcpy(sorted, planes, 3 * (size_t)size * sizeof *sorted);
  qsort(sorted, 3 * (size_t)size, sizeof *sorted, ascending);
  double low = sorted[(ptrdiff_t)(0.005 * (double)(3 * size))], high = sorted[(ptrdiff_t)(0.995 * (double)(3 * size))];
  for (int plane = 0; plane < 3; plane++) {
    int left = GAP + plane * (PANEL + GAP);
    char caption[80];
    if (projection)
      snprintf(caption, sizeof caption, "Projection along %s", axes[plane]);
    else
      snprintf(caption, sizeof caption, "Slice %s = %d (%s)", axes[plane], n / 2, sides[plane]);
    draw_panel(c, left, top, planes + plane * size, n, low, high);
    fz_io_canvas_text(c, left + PANEL / 2.0, top + PANEL + 19, 10, FZ_IO_CENTRE, black, caption);
    if (plane == 0 && map->voxel_A > 0) draw_scale_bar(c, left, top, n * map->voxel_A);
  }
}

fz_status fz_io_plot_map(const char *path, const char *title, const fz_map *map, fz_error *err) {
  ptrdiff_t size = 3 * (ptrdiff_t)map->n * map->n;
  fz_io_canvas c = {0};
  float *planes = fz_alloc(size, sizeof *planes), *sorted = fz_alloc(size, sizeof *sorted);
  char text[80];
  fz_status st = FZ_OK;
  if (!planes || !sorted) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory for a picture", path);
    goto done;
  }
  FZ_TRY(fz_io_canvas_create(WIDTH, HEIGHT, &c, err));
  fz_io_canvas_text(&c, GAP, 34, 15, FZ_IO_LEFT, black, title);
  if (map->voxel_A > 0)
    snprintf(text, sizeof text, "%d voxels of %.4g \xc3\x85", map->n, map->voxel_A);
  else
    snprintf(text, sizeof text, "%d voxels of unknown size", map->n);
  fz_io_canvas_text(&c, WIDTH - GAP, 34, 11, FZ_IO_RIGHT, grey, text);
  draw_row(&c, HEADER, map, false, planes, sorted);
  draw_row(&c, HEADER + PANEL + CAPTION, map, true, planes, sorted);
  FZ_TRY(fz_io_canvas_write(&c, path, err));
done:
  fz_io_canvas_clear(&c);
  fz_free(&sorted);
  fz_free(&planes);
  return st;
}
