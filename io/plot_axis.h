/* An axis of a plot: its range, its ticks, the pixels that it covers. */
#ifndef FZ_IO_PLOT_AXIS_H
#define FZ_IO_PLOT_AXIS_H
#include <stdbool.h>
#include <stddef.h>

#include "io/canvas.h"

typedef enum fz_io_scale { FZ_IO_LINEAR, FZ_IO_LOG } fz_io_scale;

typedef struct fz_io_axis {
  const char *title;
  fz_io_scale scale;
  double low, high; /* range; both 0: that of the data */
  double floor;     /* logarithmic: what is smaller, zero and negative too, is drawn here; 0: left out */
} fz_io_axis;

typedef struct fz_io_ruler {
  fz_io_axis axis; /* with its range settled: low < high, positive where it is logarithmic */
  int from, to;    /* pixels of low and of high */
} fz_io_ruler;

enum { FZ_IO_TICKS_MOST = 128 };
typedef struct fz_io_tick {
  double value;
  bool labelled;
  char text[24]; /* of a linear axis; a logarithmic one writes a power of ten */
} fz_io_tick;

/** Widen [*least, *most], at first [INFINITY, -INFINITY], to what the axis will show of these numbers. */
void fz_io_axis_add(const fz_io_axis *axis, const double *value, ptrdiff_t n, double *least, double *most);
/** Choose the range for such data, unless the caller has. */
void fz_io_axis_settle(fz_io_axis *axis, double least, double most);

/** Pixel of a value, kept within some thousands of pixels; NAN for what cannot be drawn. */
double fz_io_ruler_place(const fz_io_ruler *ruler, double value);
/** Ticks within the range, in rising order; about `most_labels` of them have labels.  returns their number */
int fz_io_ruler_ticks(const fz_io_ruler *ruler, int most_labels, fz_io_tick tick[FZ_IO_TICKS_MOST]);

/** A tick's label with (x, y) on its baseline; its width in pixels. */
void fz_io_tick_draw(fz_io_canvas *canvas, const fz_io_ruler *ruler, const fz_io_tick *tick, double x, double y,
                     double size, fz_io_anchor anchor, fz_io_color color);
double fz_io_tick_width(const fz_io_ruler *ruler, const fz_io_tick *tick, double size);

#endif
