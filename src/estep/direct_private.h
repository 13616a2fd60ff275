/* What the files of the direct engine share (compiled for float and for double). */
#ifndef FZ_ESTEP_DIRECT_PRIVATE_H
#define FZ_ESTEP_DIRECT_PRIVATE_H
#include "core/real.h"

#include <cblas.h>

#include "estep/engine.h"
#include "estep/partial_sums.h"
#include "estep/score_rows.h"
#include "model/kaiser_bessel.h"
#include "model/projector.h"

#ifdef FZ_DOUBLE
#define fz_gemm cblas_dgemm
#else
#define fz_gemm cblas_sgemm
#endif
#define fz_direct FZ_REAL_NAME(fz_direct)
#define fz_direct_workspace FZ_REAL_NAME(fz_direct_workspace)
#define fz_direct_totals FZ_REAL_NAME(fz_direct_totals)
#define fz_direct_moments FZ_REAL_NAME(fz_direct_moments)
#define fz_direct_get_columns FZ_REAL_NAME(fz_direct_get_columns)
#define fz_direct_score FZ_REAL_NAME(fz_direct_score)
#define fz_direct_finish_image FZ_REAL_NAME(fz_direct_finish_image)

enum { FZ_DIRECT_COLUMNS = FZ_SCORE_ROW, FZ_DIRECT_TURNS = 2 };

/* A strip: up to FZ_DIRECT_COLUMNS slices of one class and one pose block, scored by one product. */
typedef struct fz_direct_strip {
  int class_index, count;
  ptrdiff_t first; /* column: direction x quarter + in-plane angle */
} fz_direct_strip;

typedef struct fz_direct_workspace {
  fz_engine_profile *profile;   /* of this thread, or NULL */
  fz_real *x_re, *x_im;         /* [rows][padded] shifted, turned images */
  fz_real *c2;                  /* [n][FZ_DIRECT_TURNS][padded] */
  fz_real *slice_re, *slice_im; /* [FZ_DIRECT_COLUMNS][padded], when slices are not kept */
  fz_real *power;               /* [FZ_DIRECT_COLUMNS][padded] |slice|^2 */
  fz_real *p, *q;               /* [rows][FZ_DIRECT_COLUMNS] products, then scores, then posterior weights */
  fz_real *norm;                /* [n FZ_DIRECT_TURNS][FZ_DIRECT_COLUMNS] */
  fz_real *mass;                /* [n FZ_DIRECT_TURNS][FZ_DIRECT_COLUMNS] posterior weight by image and turn */
  fz_real *b_re, *b_im, *a;     /* [FZ_DIRECT_COLUMNS][padded] */
  double *strip_max;            /* [n][n_strips] largest scores, from the first sweep */
  fz_partial_sums sums;
} fz_direct_workspace;

typedef struct fz_direct {
  fz_engine_setup setup;
  const fz_frequencies *f;
  const fz_quadrature *q;
  fz_real table[4 * (FZ_KB_TABLE + 1)];
  int quarter;       /* in-plane angles in [0, 90) */
  ptrdiff_t columns; /* slices of one class */
  ptrdiff_t n_strips;
  fz_direct_strip *strip;                         /* [n_strips], pose block by pose block */
  ptrdiff_t first_strip[FZ_POSE_BLOCKS_MOST + 1]; /* of each pose block */
  int rows_per_image;
  fz_projector **projector;       /* [n_classes] */
  double *log_class;              /* [n_classes] */
  fz_real *kept;                  /* [n_classes][columns][2][padded], or NULL */
  fz_real *shift_cos, *shift_sin; /* [n_shifts][padded] */
  fz_direct_workspace *work;      /* [threads] */
} fz_direct;

/* The slices of a strip. */
typedef struct fz_direct_columns {
  const fz_direct_strip *strip;
  const fz_real *re, *im; /* [count], rows `stride` apart */
  ptrdiff_t stride;
} fz_direct_columns;

static inline fz_rotation fz_direct_rotation(const fz_direct *d, ptrdiff_t column) {
  return fz_quadrature_rotation(d->q, (int)(column / d->quarter), (int)(column % d->quarter));
}

/** The strip's slices: kept ones, or made anew in the workspace. */
fz_direct_columns fz_direct_get_columns(const fz_direct *d, fz_direct_workspace *w, ptrdiff_t strip);
/** Products and norms of all rows against a strip. */
void fz_direct_score(const fz_direct *d, fz_direct_workspace *w, const fz_tile *tile, const fz_direct_columns *c);
/** Turn one image's products into scores; returns the largest. */
double fz_direct_finish_image(const fz_direct *d, fz_direct_workspace *w, const fz_direct_strip *s, int image);

/* The two sweeps: estep/engine.h. */
void fz_direct_totals(void *self, int thread, const fz_tile *tile, int block, fz_pose_total *total);
void fz_direct_moments(void *self, int thread, const fz_tile *tile, int block, const double *gain,
                       const fz_statistics_layout *layout, int64_t *words, fz_pose_part *part);

#endif
