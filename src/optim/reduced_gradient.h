/* Gradients with reduced variance, as SVRG and its accelerations take them.
 *  maths   g = grad F_I(w) - grad F_I(w~) + grad F(w~), unbiased, of variance O(|w - w~|^2);  w <- w - eta d
 *          The first update after a snapshot has I = all images; the next snapshot is the mean of the iterates.
 *  source  Johnson & Zhang 2013; Paul 2024, Algorithm 1 */
#ifndef FZ_OPTIM_REDUCED_GRADIENT_H
#define FZ_OPTIM_REDUCED_GRADIENT_H
#include "optim/snapshot.h"
#include "optim/step.h"

typedef struct fz_reduced_gradient {
  fz_snapshot snapshot;
  fz_step step;
  double *full;                 /* [dim] gradient of F at the snapshot */
  double *gradient, *direction; /* [dim] */
} fz_reduced_gradient;

/** calls local.  fails FZ_ENOMEM.  owns the caller: fz_reduced_gradient_clear */
fz_status fz_reduced_gradient_init(fz_reduced_gradient *r, const fz_optimizer *o);
void fz_reduced_gradient_clear(fz_reduced_gradient *r);
void fz_reduced_gradient_state(fz_reduced_gradient *r, const fz_optimizer *o, fz_state_list *list);

/** r->gradient at o->w, of a new snapshot where one is due, else of the next batch.
 *  fresh   true: a new snapshot has been accepted just now
 *  fails   as the objective's evaluate; then the optimizer is as before */
fz_status fz_reduced_gradient_next(fz_reduced_gradient *r, fz_optimizer *o, bool *fresh, fz_error *err);
/** r->direction = H^-1 gradient, or the gradient itself (step.h). */
fz_status fz_reduced_gradient_direction(fz_reduced_gradient *r, const fz_optimizer *o, fz_error *err);
/** w <- w - eta d with d [dim]; with this the update is complete. */
void fz_reduced_gradient_move(fz_reduced_gradient *r, fz_optimizer *o, double eta, const double *d);

#endif
