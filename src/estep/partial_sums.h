/* What one thread sums in floating point for one (tile, pose block) before it goes into the exact statistics. */
#ifndef FZ_ESTEP_PARTIAL_SUMS_H
#define FZ_ESTEP_PARTIAL_SUMS_H
#include "core/real.h"
#include "estep/engine.h"
#include "model/projector.h"

#define fz_partial_sums FZ_REAL_NAME(fz_partial_sums)
#define fz_partial_sums_init FZ_REAL_NAME(fz_partial_sums_init)
#define fz_partial_sums_free FZ_REAL_NAME(fz_partial_sums_free)
#define fz_partial_sums_clear FZ_REAL_NAME(fz_partial_sums_clear)
#define fz_partial_sums_merge FZ_REAL_NAME(fz_partial_sums_merge)
#define fz_partial_sums_bytes FZ_REAL_NAME(fz_partial_sums_bytes)

typedef struct fz_partial_sums {
  fz_cube b_cube, a_cube;
  int n_classes, n_directions, n_shifts, n_shells;
  int first_class, last_class;                       /* that the pose block has a share in */
  int want;                                          /* of the cells */
  fz_real *b_cell, *a_cell, *g_cell;                 /* [classes][cells] */
  double *direction, *shift, *class_mass, *residual; /* posterior masses; model's residual power by shell */
} fz_partial_sums;

/** owns the caller: fz_partial_sums_free.  calls local.  fails FZ_ENOMEM */
fz_status fz_partial_sums_init(fz_partial_sums *s, const fz_engine_setup *setup);
void fz_partial_sums_free(fz_partial_sums *s);
int64_t fz_partial_sums_bytes(const fz_engine_setup *setup);
/** Zeros for classes first_class .. last_class; cells only of what `want` asks for, others are left out below. */
void fz_partial_sums_clear(fz_partial_sums *s, int want, int first_class, int last_class);
/** Add all of it into `words`, one thread at a time. optics: noise group of the residual. A sum that does not fit is
 *  fatal: the bounds of the layout were wrong. */
void fz_partial_sums_merge(const fz_partial_sums *s, int optics, const fz_statistics_layout *l, int64_t *words);

#endif
