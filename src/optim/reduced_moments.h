/* EM updates from statistics with reduced variance, as sEM-vr and its accelerations take them.
 *  maths   s <- (1 - rho) s + rho (s_I(w) - s_I(w~) + s(w~)),  w <- M(s);  the first update after a snapshot: s = s(w~)
 *  source  Chen et al. 2018 */
#ifndef FZ_OPTIM_REDUCED_MOMENTS_H
#define FZ_OPTIM_REDUCED_MOMENTS_H
#include "optim/snapshot.h"

typedef struct fz_reduced_moments {
  fz_snapshot snapshot;
  double *mean;              /* [n_moments] s */
  double *batch, *reference; /* [n_moments] scratch */
} fz_reduced_moments;

/** calls local.  fails FZ_ENOMEM.  owns the caller: fz_reduced_moments_clear */
fz_status fz_reduced_moments_init(fz_reduced_moments *r, const fz_optimizer *o);
void fz_reduced_moments_clear(fz_reduced_moments *r);
void fz_reduced_moments_state(fz_reduced_moments *r, const fz_optimizer *o, fz_state_list *list);
/** The update after a snapshot has been taken, accepted or not: o->w <- M(s(w~)). */
fz_status fz_reduced_moments_first(fz_reduced_moments *r, fz_optimizer *o, fz_error *err);
/** An update with the next batch; rho by the step's rule.
 *  fails   as the objective's evaluate; then the optimizer is as before */
fz_status fz_reduced_moments_next(fz_reduced_moments *r, fz_optimizer *o, fz_error *err);

#endif
