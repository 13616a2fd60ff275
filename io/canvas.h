/* A picture in memory: anti-aliased lines, text, grey panels; written as PNG. */
#ifndef FZ_IO_CANVAS_H
#define FZ_IO_CANVAS_H
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct fz_io_color {
  uint8_t r, g, b;
} fz_io_color;

typedef struct fz_io_canvas {
  int width, height;
  uint8_t *rgb;                 /* [height][width][3], row 0 on top */
  int left, top, right, bottom; /* what is drawn outside of these pixels is cut off */
} fz_io_canvas;

/** A white canvas.  owns canvas->rgb: the caller, fz_io_canvas_clear.  fails FZ_ENOMEM */
fz_status fz_io_canvas_create(int width, int height, fz_io_canvas *canvas, fz_error *err);
void fz_io_canvas_clear(fz_io_canvas *canvas);
/** Cut off from now on what lies outside of the pixels from (left, top) to (right, bottom). */
void fz_io_canvas_clip(fz_io_canvas *canvas, int left, int top, int right, int bottom);

/** Coordinates are pixels from the top left corner, pixel centres at integers; what lies outside is cut off. */
void fz_io_canvas_pixel(fz_io_canvas *canvas, int x, int y, fz_io_color color);
void fz_io_canvas_line(fz_io_canvas *canvas, double x0, double y0, double x1, double y1, double width,
                       fz_io_color color);
/** A line broken into dashes of `dash` pixels and gaps as long. */
void fz_io_canvas_dashes(fz_io_canvas *canvas, double x0, double y0, double x1, double y1, double width, double dash,
                         fz_io_color color);
void fz_io_canvas_rectangle(fz_io_canvas *canvas, int x0, int y0, int x1, int y1, fz_io_color color); /* filled */
/** A path through n points, drawn once wherever it runs over itself; a point that is not finite breaks it.
 *  dash: lengths of strokes and gaps in turn, [n_dash], an even number; none: solid.  fails FZ_ENOMEM */
fz_status fz_io_canvas_path(fz_io_canvas *canvas, const double *x, const double *y, ptrdiff_t n, double width,
                            const double *dash, int n_dash, fz_io_color color, fz_error *err);
/** The inside of a closed polygon with n corners. */
void fz_io_canvas_polygon(fz_io_canvas *canvas, const double *x, const double *y, int n, fz_io_color color);

typedef enum fz_io_anchor { FZ_IO_LEFT, FZ_IO_CENTRE, FZ_IO_RIGHT } fz_io_anchor;
/** Text of which (x, y) is the left end, middle or right end of the baseline; capitals are `size` pixels high. */
void fz_io_canvas_text(fz_io_canvas *canvas, double x, double y, double size, fz_io_anchor anchor, fz_io_color color,
                       const char *text);
/** The same, read from bottom to top. */
void fz_io_canvas_text_upwards(fz_io_canvas *canvas, double x, double y, double size, fz_io_anchor anchor,
                               fz_io_color color, const char *text);
double fz_io_canvas_text_width(double size, const char *text);

/** Write as PNG under a temporary name, then rename.  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_io_canvas_write(const fz_io_canvas *canvas, const char *path, fz_error *err);

#endif
