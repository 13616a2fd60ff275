/* Looks of the curves of a plot: colour, dash and marker, told apart in grey and by colour-blind readers too. */
#ifndef FZ_IO_PLOT_STYLE_H
#define FZ_IO_PLOT_STYLE_H
#include "io/canvas.h"

enum { FZ_IO_STYLES = 40 };

typedef struct fz_io_style {
  fz_io_color color;
  int n_dash;
  double dash[4];
  int marker;
} fz_io_style;

/** The index-th look; those below FZ_IO_STYLES differ. */
fz_io_style fz_io_style_at(int index);
/** The style's marker around (x, y), with a white rim, so that it stands out from lines. */
void fz_io_style_mark(fz_io_canvas *canvas, const fz_io_style *style, double x, double y, double radius);

#endif
