/* Planes of a map as grey pictures: filled from the map, given a range of greys, drawn at any size. */
#ifndef FZ_IO_SLICE_PICTURE_H
#define FZ_IO_SLICE_PICTURE_H
#include <stdbool.h>

#include "io/canvas.h"
#include "model/map.h"

/** out [n][n]: the central slice, or the projection, of plane 0: xy, 1: xz, 2: yz (right, up); what is not finite: 0 */
void fz_io_slice_fill(const fz_map *map, int plane, bool projection, float *out);
/** The 0.5th and the 99.5th percentile of n > 0 numbers.  sorted: [n] scratch */
void fz_io_slice_range(const float *plane, ptrdiff_t n, float *sorted, double *low, double *high);
/** plane [n][n] as a square of `panel` pixels, interpolated, row 0 at the bottom; black at low, white at high. */
void fz_io_slice_draw(fz_io_canvas *c, int left, int top, int panel, const float *plane, int n, double low,
                      double high);

#endif
