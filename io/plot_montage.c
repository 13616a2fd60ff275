#include <math.h>

#include "core/memory.h"
#include "io/canvas.h"
#include "io/plot.h"
#include "io/slice_picture.h"

/* CELL: side of a slice; BESIDE: between slices of a map; APART: between maps; NOTE: a line under a map. */
enum { CELL = 150, BESIDE = 3, APART = 18, NOTE = 24, HEAD = 62, LABEL = 50, EDGE = 20, SIZE = 12 };
enum { GROUP = 3 * CELL + 2 * BESIDE };
static const fz_io_color black = {30, 30, 30}, grey = {110, 110, 110}, pale = {244, 244, 244};
static const char *const side[3] = {"xy", "xz", "yz"};

static bool has_notes(const fz_io_montage *m) {
  for (int i = 0; m->note && i < m->n_rows * m->n_columns; i++)
    if (m->note[i]) return true;
  return false;
}

static fz_status draw_map(fz_io_canvas *c, int left, int top, const fz_map *map, fz_error *err) {
  ptrdiff_t size = (ptrdiff_t)map->n * map->n;
  float *plane = fz_alloc(3 * size, sizeof *plane), *sorted = fz_alloc(3 * size, sizeof *sorted);
  fz_status st = FZ_ENOMEM;
  if (plane && sorted) {
    double low, high;
    for (int k = 0; k < 3; k++) fz_io_slice_fill(map, k, false, plane + k * size);
    fz_io_slice_range(plane, 3 * size, sorted, &low, &high);
    for (int k = 0; k < 3; k++)
      fz_io_slice_draw(c, left + k * (CELL + BESIDE), top, CELL, plane + k * size, map->n, low, high);
    st = FZ_OK;
  }
  fz_free(&sorted);
  fz_free(&plane);
  return st == FZ_OK ? st : fz_fail(err, st, "no memory for slices of %d x %d", map->n, map->n);
}

static fz_status draw_cell(fz_io_canvas *c, const fz_io_montage *m, int i, int left, int top, fz_error *err) {
  const char *note = m->note ? m->note[i] : NULL;
  double middle = left + GROUP / 2.0;
  if (m->map[i]) {
    if (note) fz_io_canvas_text(c, middle, top + CELL + NOTE - 7, SIZE - 2, FZ_IO_CENTRE, grey, note);
    return draw_map(c, left, top, m->map[i], err);
  }
  fz_io_canvas_rectangle(c, left, top, left + GROUP - 1, top + CELL - 1, pale);
  if (note) fz_io_canvas_text(c, middle, top + CELL / 2.0 + SIZE / 2.0, SIZE, FZ_IO_CENTRE, grey, note);
  return FZ_OK;
}

fz_status fz_io_plot_montage(const char *path, const char *title, const fz_io_montage *m, fz_error *err) {
  double widest = 0;
  for (int r = 0; r < m->n_rows; r++) widest = fmax(widest, fz_io_canvas_text_width(SIZE, m->row[r]));
  int left = EDGE + (int)ceil(widest) + 14, top = HEAD + LABEL, step = CELL + (has_notes(m) ? NOTE : 0) + 8;
  int width = left + m->n_columns * (GROUP + APART) - APART + EDGE;
  double title_width = fz_io_canvas_text_width(16, title) + 2 * EDGE;
  fz_io_canvas c;
  fz_status st = fz_io_canvas_create((int)fmax(width, title_width), top + m->n_rows * step + EDGE - 8, &c, err);
  if (st != FZ_OK) return st;
  fz_io_canvas_text(&c, c.width / 2.0, 40, 16, FZ_IO_CENTRE, black, title);
  for (int k = 0; k < m->n_columns; k++) {
    int x = left + k * (GROUP + APART);
    fz_io_canvas_text(&c, x + GROUP / 2.0, HEAD + 18, SIZE + 1, FZ_IO_CENTRE, black, m->column[k]);
    for (int s = 0; s < 3; s++)
      fz_io_canvas_text(&c, x + s * (CELL + BESIDE) + CELL / 2.0, top - 8, SIZE - 2, FZ_IO_CENTRE, grey, side[s]);
  }
  for (int r = 0; r < m->n_rows && st == FZ_OK; r++) {
    int y = top + r * step;
    fz_io_canvas_text(&c, left - 14, y + (CELL + SIZE) / 2.0, SIZE, FZ_IO_RIGHT, black, m->row[r]);
    for (int k = 0; k < m->n_columns && st == FZ_OK; k++)
      st = draw_cell(&c, m, r * m->n_columns + k, left + k * (GROUP + APART), y, err);
  }
  if (st == FZ_OK) st = fz_io_canvas_write(&c, path, err);
  fz_io_canvas_clear(&c);
  return st;
}
