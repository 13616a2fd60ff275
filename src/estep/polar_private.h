/* What the files of the polar engine share (compiled for float and for double).
 *  A packet is up to 16 directions of one class, the lanes of the kernels; a row is one image at one shift.  The rows
 *  of an image are padded to an even number, so that the two rows of a pair belong to one image. */
#ifndef FZ_ESTEP_POLAR_PRIVATE_H
#define FZ_ESTEP_POLAR_PRIVATE_H
#include "core/real.h"
#include "estep/engine.h"
#include "estep/partial_sums.h"
#include "estep/polar_kernels.h"
#include "model/kaiser_bessel.h"
#include "model/projector.h"

#define fz_polar FZ_REAL_NAME(fz_polar)
#define fz_polar_workspace FZ_REAL_NAME(fz_polar_workspace)
#define fz_polar_spectra FZ_REAL_NAME(fz_polar_spectra)
#define fz_polar_load FZ_REAL_NAME(fz_polar_load)
#define fz_polar_totals FZ_REAL_NAME(fz_polar_totals)
#define fz_polar_moments FZ_REAL_NAME(fz_polar_moments)
#define fz_polar_insert FZ_REAL_NAME(fz_polar_insert)
#define fz_polar_make_spectra FZ_REAL_NAME(fz_polar_make_spectra)
#define fz_polar_get_spectra FZ_REAL_NAME(fz_polar_get_spectra)
#define fz_polar_group FZ_REAL_NAME(fz_polar_group)
#define fz_polar_group_clear FZ_REAL_NAME(fz_polar_group_clear)
#define fz_polar_group_add FZ_REAL_NAME(fz_polar_group_add)
#define fz_polar_group_score FZ_REAL_NAME(fz_polar_group_score)

typedef struct fz_polar_packet {
  int class_index, first, count; /* directions */
} fz_polar_packet;

typedef struct fz_polar_workspace {
  fz_real *row;        /* [n_rows + 1][row_stride] spectra of shifted images; the last one is zero */
  fz_real *c2;         /* [tile][c2_stride] spectra of c^2 */
  fz_real *spectra;    /* [packet_size] of the packet at hand, when they are not kept */
  fz_real *norm;       /* [tile + 1][norm_size] -1/2 of the norm's spectrum; the last one is zero */
  fz_real *z;          /* [FZ_POLAR_PAIRS][n_angles] cells */
  fz_real *scratch[3]; /* [n_angles] cells */
  fz_real *gamma;      /* [top + 1][FZ_POLAR_ROWS] cells: spectra of posterior weights */
  fz_real *mass;       /* [tile][norm_size]: those of each image, all shifts, even frequencies; q outermost */
  fz_real *b, *a;      /* [pairs] cells: the packet's statistics */
  fz_real *samples[3]; /* [16][n_rings][half]: B real, B imaginary, A on the rings, by lane */
  fz_real *slice[2];   /* [16][n_rings][half]: the slices on the rings, for gradients */
  fz_real *largest;    /* [n_packets][n_rows] largest scores, from the first sweep */
  fz_partial_sums sums;
  fz_engine_profile *profile;
} fz_polar_workspace;

typedef struct fz_polar {
  fz_engine_setup setup;
  const fz_quadrature *q;
  const fz_rings *rings;
  const fz_polar_kernels *kernels;
  fz_polar_layout slices, squares;
  fz_polar_fft fft;
  fz_real table[4 * (FZ_KB_TABLE + 1)];
  int shifts;                                 /* rows of one image: n_shifts made even */
  ptrdiff_t row_stride, c2_stride, norm_size; /* in reals */
  ptrdiff_t packet_size;                      /* slices, then squares */
  ptrdiff_t n_packets, first_packet[FZ_POSE_BLOCKS_MOST + 1];
  fz_polar_packet *packet;
  fz_projector **projector; /* [n_classes] */
  double *log_class;        /* [n_classes] */
  fz_real *kept;            /* [n_packets][packet_size], or NULL */
  fz_real *phase;           /* [shift groups][n_rings half] cells: cos, sin of the shifts */
  fz_polar_workspace *work; /* [threads] */
} fz_polar;

/* Rows gathered for one call of the kernels. */
typedef struct fz_polar_group {
  int n; /* rows, even */
  int index[FZ_POLAR_ROWS];
  const fz_real *row[FZ_POLAR_ROWS], *norm[FZ_POLAR_ROWS];
  fz_real offset[FZ_POLAR_ROWS], lane_offset[FZ_POLAR_LANES];
} fz_polar_group;

static inline int fz_polar_half(const fz_polar *p) {
  return p->rings->n_angles / 2;
}

/** Spectra of one packet's slices and of their squares, into to [packet_size]; scratch as in the workspace. */
void fz_polar_make_spectra(const fz_polar *p, const fz_polar_packet *packet, fz_real *samples[2], fz_real *scratch[3],
                           fz_real *to);
/** The packet's spectra: kept ones, or made anew in the workspace. */
const fz_real *fz_polar_get_spectra(const fz_polar *p, fz_polar_workspace *w, ptrdiff_t packet);

/** An empty group against a packet: all rows zero, with an offset that no exponential sees. */
void fz_polar_group_clear(const fz_polar *p, const fz_polar_workspace *w, const fz_polar_packet *packet,
                          fz_polar_group *g);
/** Add the pair of rows index, index + 1. */
void fz_polar_group_add(const fz_polar *p, const fz_polar_workspace *w, const fz_polar_packet *packet, int index,
                        fz_polar_group *g);

/** Write the packet's statistics into the cells of its class. */
void fz_polar_insert(const fz_polar *p, fz_polar_workspace *w, const fz_polar_packet *packet, const fz_real *spectra,
                     const fz_real *lane_mass, double least, int want);

/** Flops of the products of a whole group, and of its norms' or adjoint's. */
static inline double fz_polar_product_flops(const fz_polar_layout *l, int rows) {
  return 8.0 * (double)l->n_pairs * rows * FZ_POLAR_LANES;
}

void fz_polar_load(void *self, int thread, const fz_tile *tile);
void fz_polar_totals(void *self, int thread, const fz_tile *tile, int block, fz_pose_total *total);
void fz_polar_moments(void *self, int thread, const fz_tile *tile, int block, const double *gain,
                      const fz_statistics_layout *layout, int64_t *words, fz_pose_part *part);

#endif
