/* Line plots of several named series, one panel or more side by side, with the legend to their right. */
#ifndef FZ_IO_PLOT_CURVES_H
#define FZ_IO_PLOT_CURVES_H
#include "io/plot_axis.h"

typedef enum fz_io_drawing {
  FZ_IO_LINE,  /* straight from point to point, with markers */
  FZ_IO_STEPS, /* a level around each x, as of a histogram; x equally spaced */
  FZ_IO_STEMS  /* a stem from zero with a marker on top; those of several series stand side by side */
} fz_io_drawing;

typedef struct fz_io_series {
  const char *name;
  ptrdiff_t n; /* 0: stands in the legend only */
  const double *x, *y;
  fz_io_drawing drawing;
} fz_io_series;

typedef struct fz_io_panel {
  const char *title;
  fz_io_axis x, y;
  const fz_io_series *series;
  int n_series;
} fz_io_panel;

/** Points that are not finite, or not positive on a logarithmic axis without a floor, leave a gap.  Colour, dash and
 *  marker belong to a name, in order of first appearance, the same in all panels; 40 names are told apart.
 *  PNG, written atomically.  calls local.  fails FZ_EIO, FZ_ENOMEM, FZ_EINVAL: no panel, too many names or panels */
fz_status fz_io_plot_panels(const char *path, const char *title, const fz_io_panel *panel, int n_panels, fz_error *err);

#endif
