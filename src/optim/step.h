/* Directions and lengths of gradient steps, the same for all optimizers that take them.
 *  maths   w <- w - eta d;  d = H^-1 g preconditioned by the curvature of Q, or g itself.
 *          Automatic:  eta = a falling share of the optimizer's number, times 1/lambda for plain gradients, lambda the
 *          largest eigenvalue of C (objective.h).  C bounds the Hessian of F, so 1/lambda never overshoots.
 *          Search:  the longest eta = 2^-k eta_0 with F(w - eta d) <= F(w) - c eta g.d, F over the same images;
 *          eta_0 is twice the one accepted last.
 *  source  Nocedal, Wright, Numerical Optimization, ch. 3 (the condition of Armijo) */
#ifndef FZ_OPTIM_STEP_H
#define FZ_OPTIM_STEP_H
#include "optim/optimizer.h"

typedef struct fz_step {
  double lambda;         /* largest eigenvalue of C, or of S C, estimated once a pass */
  int64_t pass;          /* of that estimate; -1: none yet */
  double eta;            /* accepted by the last search; 0: none yet */
  double sufficient;     /* c, 1e-4 when not set otherwise */
  double *top, *scratch; /* [dim] */
} fz_step;

/** calls local.  fails FZ_ENOMEM.  owns the caller: fz_step_clear */
fz_status fz_step_init(fz_step *s, const fz_optimizer *o);
void fz_step_clear(fz_step *s);
void fz_step_state(fz_step *s, const fz_optimizer *o, fz_state_list *list);

/** lambda, once a pass and where the rule needs it, of S C; S: a symmetric map that shortens gradients, NULL: none.
 *  calls   as the objective's curvature and S */
fz_status fz_step_lambda(fz_step *s, const fz_optimizer *o, const double *moments, const double *w, fz_linear_map scale,
                         void *context, fz_error *err);
/** d from g [dim] at w, and lambda where the rule needs it; moments: of any set of images that stands for all.
 *  calls   as the objective's precondition and curvature */
fz_status fz_step_direction(fz_step *s, const fz_optimizer *o, const double *moments, const double *w, const double *g,
                            double *d, fz_error *err);
/** The number of a step whose direction has a length of its own: the one given, or the optimizer's.
 *  falling: divided by (whole passes so far + 1)^rate_power when automatic, as noisy gradients need */
double fz_step_number(const fz_optimizer *o, bool falling);
/** eta under FZ_STEP_AUTO and FZ_STEP_GIVEN: that number, times 1/lambda when automatic and not preconditioned. */
double fz_step_size(const fz_step *s, const fz_optimizer *o, bool falling);
/** o->w <- o->w - eta d by the rule.  Search: `value` is F at o->w over the n tiles that g is of; trial evaluations are
 *  counted, and leave their statistics in `words` [n_words] (at the new o->w, if a step was taken).
 *  taken   false: no eta down to 2^-20 eta_0 lowers F; o->w is as before */
fz_status fz_step_take(fz_step *s, fz_optimizer *o, const double *g, const double *d, double value, const int64_t *tile,
                       int64_t n, bool falling, int64_t *words, bool *taken, fz_error *err);

#endif
