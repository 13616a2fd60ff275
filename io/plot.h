/* Pictures for people: FSC curves, and a map's central slices and projections; montages of maps. */
#ifndef FZ_IO_PLOT_H
#define FZ_IO_PLOT_H
#include "core/status.h"
#include "model/map.h"

typedef struct fz_io_curve {
  const char *name;
  int n;          /* box: the curve has n/2 + 1 shells */
  double voxel_A; /* 0 = unknown; then all curves of a plot are drawn over 1/voxel */
  const double *fsc;
} fz_io_curve;

/** Curves over spatial frequency with their resolution scale, dashed thresholds at 0.5 and 0.143, and a legend that
 *  says where each curve crosses them.  PNG, written atomically.  calls local.  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_io_plot_fsc(const char *path, const char *title, const fz_io_curve *curve, int n_curves, fz_error *err);

/** Three central slices (z, y, x) above the three projections along the same axes; grey from the 0.5th to the 99.5th
 *  percentile of each row, y (or z) upwards, a scale bar when the voxel size is known.  PNG, written atomically.
 *  calls local.  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_io_plot_map(const char *path, const char *title, const fz_map *map, fz_error *err);

typedef struct fz_io_montage {
  int n_rows, n_columns;
  const char *const *row, *const *column; /* labels */
  const fz_map *const *map;               /* [n_rows][n_columns]; NULL: nothing is drawn there but the note */
  const char *const *note; /* [n_rows][n_columns] a few words under each map, may be NULL or hold NULLs */
} fz_io_montage;

/** Maps side by side, a row of them for each label: of each its three central slices xy, xz, yz (right, up), in greys
 *  from the 0.5th to the 99.5th percentile of the three.  PNG, written atomically.  calls local.
 *  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_io_plot_montage(const char *path, const char *title, const fz_io_montage *montage, fz_error *err);

#endif
