/* What the optimizers of stochastic gradients share: batches, the gradient of one, running statistics that stand for
 * all images (rate (t + 2)^-power), direction and length of the step. */
#ifndef FZ_OPTIM_STOCHASTIC_H
#define FZ_OPTIM_STOCHASTIC_H
#include "optim/batches.h"
#include "optim/step.h"

typedef struct fz_stochastic {
  fz_batches batches;
  fz_step step;
  int64_t *words;               /* [n_words] of the batch; scratch */
  double *mean, *moments;       /* [n_moments] running and of the batch */
  double *gradient, *direction; /* [dim] */
  double value;                 /* F of the batch where the gradient was taken */
  const int64_t *tile;          /* of the batch */
  int64_t n;
} fz_stochastic;

/** calls local.  fails FZ_ENOMEM.  owns the caller: fz_stochastic_clear */
fz_status fz_stochastic_init(fz_stochastic *s, const fz_optimizer *o);
void fz_stochastic_clear(fz_stochastic *s);
void fz_stochastic_state(fz_stochastic *s, const fz_optimizer *o, fz_state_list *list);

/** s->gradient = gradient at w [dim] of F estimated from the next batch; s->value, tile, n say of which.
 *  The running mean is `next_mean` [n_moments] = s->moments blended into s->mean, written to s->moments: it becomes
 *  s->mean by fz_stochastic_accept, once the whole step has succeeded.
 *  calls   as the objective's evaluate */
fz_status fz_stochastic_gradient(fz_stochastic *s, fz_optimizer *o, const double *w, fz_error *err);
/** s->direction = d of `gradient` (step.h) at o->w. */
fz_status fz_stochastic_direction(fz_stochastic *s, fz_optimizer *o, const double *gradient, fz_error *err);
/** o->w moves along -d by the rule; with this the step is complete. */
fz_status fz_stochastic_take(fz_stochastic *s, fz_optimizer *o, const double *gradient, const double *d, fz_error *err);
/** Factor on the automatic step of a method with momentum mu, in which a gradient moves w by eta / (1 - mu) in the end:
 * min(1, 3 (1 - mu)).  That sum is then at most three times the step of plain descent, whose noise it makes threefold;
 * measured, more does not pay with small batches (doc/optimizers.md). 1 for other rules. */
double fz_stochastic_share(const fz_optimizer *o);
/** For optimizers that move o->w by themselves: the step is complete. */
void fz_stochastic_accept(fz_stochastic *s, const fz_optimizer *o);

#endif
