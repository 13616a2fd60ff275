/* Exact sums of images with known poses: what the M-step solver needs, without any search.
 *  maths   A(q) += sum_i P_i^T [c_i^2 w/sigma2],   B(q) += sum_i P_i^T [c_i S_i^* x_i w/sigma2]
 *          on grids 4 and 2 times finer than 1/m (model/normal.h); a tile is added up in float, tiles in int64
 *  shape   sums [n_sums][A cells | B cells][complex for B]: one sum for each half-set, say */
#ifndef FZ_ESTEP_BACKPROJECTOR_H
#define FZ_ESTEP_BACKPROJECTOR_H
#include <stdint.h>

#include "core/status.h"
#include "estep/tile.h"
#include "model/cube.h"
#include "pose/rotation.h"

typedef struct fz_backprojector fz_backprojector;

/** Largest values that one image may bring, and how many images there are: they fix the scales of the exact sums. */
typedef struct fz_backprojector_bounds {
  double x, c2; /* |c x w/sigma2| and c^2 w/sigma2 */
  int64_t images;
} fz_backprojector_bounds;

/** Sums for maps of m^3 voxels up to kmax, all zero. owns the caller; NULL when memory runs out */
fz_backprojector *fz_backprojector_create(int m, int kmax, int n_sums, const fz_backprojector_bounds *bounds);
void fz_backprojector_destroy(fz_backprojector **b);
/** Bytes that create takes. */
double fz_backprojector_bytes(int m, int kmax, int n_sums);

const fz_frequencies *fz_backprojector_frequencies(const fz_backprojector *b);
const fz_cube *fz_backprojector_a_cube(const fz_backprojector *b);
const fz_cube *fz_backprojector_b_cube(const fz_backprojector *b);

/** Add row i of a tile, seen at a pose, to the open tile of sums. calls local */
void fz_backprojector_add(fz_backprojector *b, const fz_tile *tile, int i, const fz_rotation *pose);
/** Move the open tile into a sum and open the next. fails FZ_EDIVERGED when a number left the bounds */
fz_status fz_backprojector_close_tile(fz_backprojector *b, int sum, fz_error *err);
/** No more tiles: the float cells are given back. */
void fz_backprojector_seal(fz_backprojector *b);

/** The integers of one sum, for a reduction over ranks. view */
int64_t *fz_backprojector_words(fz_backprojector *b, int sum, ptrdiff_t *n);
/** One sum += another. fails FZ_EDIVERGED */
fz_status fz_backprojector_merge(fz_backprojector *b, int into, int from, fz_error *err);
/** Cells of a sum as reals: a [a_cube cells], b [b_cube cells][2]. */
void fz_backprojector_read(const fz_backprojector *b, int sum, double *a_cell, double *b_cell);

#endif
