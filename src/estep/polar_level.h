/* One sampling of the poses as the polar engine works it: band limit, directions in packets of 16, shifts, spectra.
 *  The engine's last level is the quadrature itself.  Adaptive marginalization has coarser ones before it, each with a
 *  lower band limit; a cell of one level is a (class, direction, shift) of it with all in-plane angles, and the cells
 * of the next level that lie in it are its children. */
#ifndef FZ_ESTEP_POLAR_LEVEL_H
#define FZ_ESTEP_POLAR_LEVEL_H
#include <stdbool.h>
#include <stdint.h>

#include "core/real.h"
#include "estep/polar_kernels.h"
#include "model/projector.h"
#include "model/rings.h"
#include "estep/pose_blocks.h"
#include "pose/quadrature.h"

#define fz_polar_level FZ_REAL_NAME(fz_polar_level)
#define fz_polar_rows FZ_REAL_NAME(fz_polar_rows)
#define fz_polar_level_open FZ_REAL_NAME(fz_polar_level_open)
#define fz_polar_level_close FZ_REAL_NAME(fz_polar_level_close)
#define fz_polar_level_measure FZ_REAL_NAME(fz_polar_level_measure)
#define fz_polar_level_keep FZ_REAL_NAME(fz_polar_level_keep)
#define fz_polar_level_descend FZ_REAL_NAME(fz_polar_level_descend)
#define fz_polar_level_relate FZ_REAL_NAME(fz_polar_level_relate)
#define fz_polar_rows_open FZ_REAL_NAME(fz_polar_rows_open)
#define fz_polar_rows_close FZ_REAL_NAME(fz_polar_rows_close)
#define fz_polar_rows_size FZ_REAL_NAME(fz_polar_rows_size)
#define fz_polar_rows_derive FZ_REAL_NAME(fz_polar_rows_derive)
#define fz_polar_level_spectra FZ_REAL_NAME(fz_polar_level_spectra)

enum { FZ_POLAR_SHIFT_PARENTS = 4 };

typedef struct fz_polar_packet {
  int class_index, first, count; /* directions */
} fz_polar_packet;

typedef struct fz_polar_level {
  const fz_quadrature *q; /* borrowed, as are the rings */
  const fz_rings *rings;
  int n_classes;
  fz_polar_layout slices, squares;
  fz_polar_fft fft;
  int shifts;                                 /* rows of one image: n_shifts made even */
  ptrdiff_t row_stride, c2_stride, norm_size; /* in reals */
  ptrdiff_t packet_size;                      /* slices, then squares */
  ptrdiff_t n_packets;
  fz_polar_packet *packet;
  fz_real *kept; /* [n_packets][packet_size], or NULL */
  /* How rows of this level come from those of the finest; empty at the finest. */
  int *from_shift;             /* [n_shifts] index among the finest's */
  fz_real *ratio, *norm_ratio; /* [n_rings] of the weights of whole rings */
  /* Parents in the level before; empty at the first. */
  ptrdiff_t *first_parent; /* [n_packets + 1] into parent */
  int32_t *parent;         /* class x directions + direction, each once for a packet */
  int8_t *n_shift_parents; /* [n_shifts] */
  int16_t *shift_parent;   /* [n_shifts][FZ_POLAR_SHIFT_PARENTS]: nearest ones, all of equals */
} fz_polar_level;

/* A tile at one level, one per thread. */
typedef struct fz_polar_rows {
  fz_real *row;     /* [tile shifts + 1][row_stride] spectra of shifted images; the last one is zero */
  fz_real *c2;      /* [tile][c2_stride] spectra of c^2 */
  fz_real *norm;    /* [tile + 1][norm_size] -1/2 of the norm's spectrum; the last one is zero */
  fz_real *z;       /* [FZ_POLAR_PAIRS][n_angles] cells: products write |q| <= top, the rest stays zero */
  fz_real *spectra; /* [packet_size] of the packet at hand, when they are not kept */
} fz_polar_rows;

/** Sizes alone.  support: radius of the volumes in boxes.  owns the caller: fz_polar_level_close.  fails FZ_ENOMEM */
fz_status fz_polar_level_measure(fz_polar_level *l, const fz_quadrature *q, const fz_rings *rings, int n_classes,
                                 double support);
/** After measure: transform and packets. fails FZ_ENOMEM, FZ_EINVAL (no transform of that length) */
fz_status fz_polar_level_open(fz_polar_level *l);
/** Memory for the spectra of all packets. fails FZ_ENOMEM */
fz_status fz_polar_level_keep(fz_polar_level *l);
/** Make `l` the next finer level after `before`: parents of its packets and shifts. fails FZ_ENOMEM */
fz_status fz_polar_level_descend(fz_polar_level *l, const fz_polar_level *before);
/** Prepare to derive the rows of `l` from those of the finest level, whose shifts include all of its own.
 *  fails FZ_ENOMEM, FZ_EINVAL when they do not */
fz_status fz_polar_level_relate(fz_polar_level *l, const fz_polar_level *finest);
void fz_polar_level_close(fz_polar_level *l);

/** Spectra of one packet's slices and of their squares, into to [packet_size].
 *  shape   samples [2]: [16][n_rings][half]; scratch [3]: [n_angles] cells */
void fz_polar_level_spectra(const fz_polar_level *l, const fz_polar_kernels *kernels, const fz_projector *projector,
                            const fz_polar_packet *packet, fz_real *const *samples, fz_real *const *scratch,
                            fz_real *to);

ptrdiff_t fz_polar_rows_size(const fz_polar_level *l, int tile_capacity);
fz_status fz_polar_rows_open(fz_polar_rows *r, const fz_polar_level *l, int tile_capacity);
void fz_polar_rows_close(fz_polar_rows *r);
/** Rows of a coarser level from those of the finest: the same sums over the circle, fewer rings and frequencies, its
 *  own taper, and those of the shifts that it has. */
void fz_polar_rows_derive(const fz_polar_level *coarse, fz_polar_rows *to, const fz_polar_level *fine,
                          const fz_polar_rows *from, int n_images);

#endif
