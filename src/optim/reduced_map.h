/* Residuals of the EM map with reduced variance: sEM-vr in parameter form and its acceleration.
 *  maths   psi_I(w) = M(s_I(w)), Psi(w) = M(s(w));  r = w - psi_I(w) + psi_I(w~) - Psi(w~),  w <- w - eta d
 *          The first update after a snapshot has r = w~ - Psi(w~); the next snapshot is the mean of the iterates.
 *          Shares of classes are those of Psi(w~) between snapshots.
 *  source  Chen et al. 2018; Paul 2024, Algorithm 4 */
#ifndef FZ_OPTIM_REDUCED_MAP_H
#define FZ_OPTIM_REDUCED_MAP_H
#include "optim/snapshot.h"

typedef struct fz_reduced_map {
  fz_snapshot snapshot;
  double *full;              /* [dim] w~ - Psi(w~) */
  double *residual;          /* [dim] r */
  double *image, *reference; /* [dim] scratch: psi_I at w and at the snapshot */
  double *moments;           /* [n_moments] scratch */
  double *class_prior;       /* [n_classes] scratch */
} fz_reduced_map;

/** calls local.  fails FZ_ENOMEM.  owns the caller: fz_reduced_map_clear */
fz_status fz_reduced_map_init(fz_reduced_map *r, const fz_optimizer *o);
void fz_reduced_map_clear(fz_reduced_map *r);
void fz_reduced_map_state(fz_reduced_map *r, const fz_optimizer *o, fz_state_list *list);
/** r->residual at o->w, of a new snapshot where one is due, else of the next batch.
 *  fresh   true: a new snapshot has been accepted just now
 *  fails   as the objective's evaluate; then the optimizer is as before */
fz_status fz_reduced_map_next(fz_reduced_map *r, fz_optimizer *o, bool *fresh, fz_error *err);
/** w <- w - eta d with d [dim], eta by the step's rule; with this the update is complete. */
void fz_reduced_map_move(fz_reduced_map *r, fz_optimizer *o, const double *d);

#endif
