#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/memory.h"
#include "io/canvas.h"
#include "io/plot.h"
#include "io/slice_picture.h"

enum { PANEL = 288, GAP = 16, HEADER = 56, CAPTION = 30, WIDTH = 3 * PANEL + 4 * GAP };
enum { HEIGHT = HEADER + 2 * (PANEL + CAPTION) + GAP };
static const fz_io_color black = {30, 30, 30}, grey = {120, 120, 120}, white = {255, 255, 255};

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
  for (int plane = 0; plane < 3; plane++) fz_io_slice_fill(map, plane, projection, planes + plane * size);
  double low, high;
  fz_io_slice_range(planes, 3 * size, sorted, &low, &high);
  for (int plane = 0; plane < 3; plane++) {
    int left = GAP + plane * (PANEL + GAP);
    char caption[80];
    if (projection)
      snprintf(caption, sizeof caption, "Projection along %s", axes[plane]);
    else
      snprintf(caption, sizeof caption, "Slice %s = %d (%s)", axes[plane], n / 2, sides[plane]);
    fz_io_slice_draw(c, left, top, PANEL, planes + plane * size, n, low, high);
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
