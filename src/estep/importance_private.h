/* What the files of the importance-sampling engine share (compiled for float and for double). */
#ifndef FZ_ESTEP_IMPORTANCE_PRIVATE_H
#define FZ_ESTEP_IMPORTANCE_PRIVATE_H
#include "core/real.h"
#include "estep/importance.h"
#include "estep/partial_sums.h"
#include "model/kaiser_bessel.h"
#include "model/projector.h"

#define fz_importance FZ_REAL_NAME(fz_importance)
#define fz_importance_workspace FZ_REAL_NAME(fz_importance_workspace)
#define fz_importance_load FZ_REAL_NAME(fz_importance_load)
#define fz_importance_group_at FZ_REAL_NAME(fz_importance_group_at)
#define fz_importance_load_rows FZ_REAL_NAME(fz_importance_load_rows)
#define fz_importance_slice FZ_REAL_NAME(fz_importance_slice)
#define fz_importance_column FZ_REAL_NAME(fz_importance_column)
#define fz_importance_totals FZ_REAL_NAME(fz_importance_totals)
#define fz_importance_moments FZ_REAL_NAME(fz_importance_moments)

enum { FZ_IMPORTANCE_COLUMNS = 96 }; /* of a chunk */

typedef struct fz_importance_workspace {
  fz_factor_sample (*sample)[FZ_FACTORS]; /* [tile_capacity] */
  int32_t *origin;                        /* [tile_capacity][n_directions] in-plane origins of the sampled directions */
  bool *full;                             /* [tile_capacity] every point instead of a sample */
  ptrdiff_t *kept;                        /* [tile_capacity] where a group's scores lie in `store`, or -1 */
  ptrdiff_t stored;
  fz_real *store;          /* [store_size] scores of the first sweep, while there is room */
  fz_real *x;              /* [rows_most][2][padded] images, shifted */
  fz_real *c2;             /* [tile_capacity][padded] */
  fz_real *slice, *power;  /* [COLUMNS][2][padded], [COLUMNS][padded] */
  fz_real *score, *weight; /* [rows_most][COLUMNS] */
  fz_real *norm, *mass;    /* [tile_capacity][COLUMNS] */
  fz_real *b, *a;          /* [COLUMNS][2][padded], [COLUMNS][padded] */
  double *largest;         /* [tile_capacity][chunks_most] scores, from the first sweep */
  double *shift_mass;      /* [tile_capacity][n_shifts] */
  fz_pose_sketch *sketch;  /* [tile_capacity] */
  fz_partial_sums sums;
  fz_engine_profile *profile; /* NULL: no clock is read */
} fz_importance_workspace;

typedef struct fz_importance {
  fz_engine_setup setup;
  const fz_frequencies *f;
  const fz_quadrature *q;
  fz_proposal *proposal;
  fz_real table[4 * (FZ_KB_TABLE + 1)];
  fz_factor_sample all[FZ_FACTORS];
  fz_projector **projector;       /* [n_classes] */
  double *log_class;              /* [n_classes] */
  fz_real *shift_cos, *shift_sin; /* [n_shifts][padded] */
  int group_most;                 /* images that are summed in full together */
  ptrdiff_t rows_most, chunks_most, store_size;
  fz_importance_workspace *work; /* [threads] */
} fz_importance;

/* Images first .. first + n - 1 of a tile, scored against the same poses: one image and its sample, or several and
 * every point. Columns are (class, direction, in-plane angle), rows (image, shift). */
typedef struct fz_importance_group {
  int first, n, shifts, chunks;
  ptrdiff_t columns;
  const fz_factor_sample *sample; /* [FZ_FACTORS] */
  const int32_t *origin;          /* [sampled directions] fz_proposal_origin; NULL: all 0 */
} fz_importance_group;

/* One column of a group. */
typedef struct fz_importance_pose {
  int class_index, direction, psi; /* points of the quadrature */
  double log_weight;               /* class prior and sampling weights of direction and angle */
  double log_ratio;                /* of this, what is not prior: 0 when every point is summed */
} fz_importance_pose;

void fz_importance_load(void *self, int thread, const fz_tile *tile);
fz_importance_group fz_importance_group_at(const fz_importance *e, const fz_importance_workspace *w,
                                           const fz_tile *tile, int first);
/** The group's shifted images into w->x. */
void fz_importance_load_rows(const fz_importance *e, fz_importance_workspace *w, const fz_tile *tile,
                             const fz_importance_group *g);
fz_importance_pose fz_importance_column(const fz_importance *e, const fz_importance_group *g, ptrdiff_t column);
void fz_importance_slice(const fz_importance *e, const fz_importance_pose *pose, fz_rotation *rotation, fz_real *slice);

/* The two sweeps: estep/engine.h. */
void fz_importance_totals(void *self, int thread, const fz_tile *tile, int block, fz_pose_total *total);
void fz_importance_moments(void *self, int thread, const fz_tile *tile, int block, const double *gain,
                           const fz_statistics_layout *layout, int64_t *words, fz_pose_part *part);

#endif
