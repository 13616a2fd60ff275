/* Hessian-free optimization on batches: damped Newton steps from the gradient of one batch.
 *  maths   (C + lambda 1) d = -grad F_I(w) by conjugate gradients, C the curvature of Q at a running mean of the
 *          statistics;  w <- w + eta d  if F_I is lower there.  lambda, at first options.damping times the mean
 *          curvature, follows the ratio of what F_I gained to what the quadratic model had promised: below 1/4 3/2 of
 *          it, above 3/4 2/3 of it; 4 times where the step was refused.
 *  source  Martens 2010; Kiros 2013 (batches) */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/mean_curvature.h"
#include "optim/snapshot.h"
#include "optim/stochastic.h"

typedef struct hessian_free_batch {
  fz_stochastic stochastic;
  double lambda;                    /* 0: not known yet */
  double damping;                   /* of the present step */
  double *trial, *image, *negative; /* [dim] scratch */
} hessian_free_batch;

static const double RELATIVE_RESIDUAL = 1e-3;

static fz_status init(fz_optimizer *o) {
  hessian_free_batch *s = o->self;
  double **array[] = {&s->trial, &s->image, &s->negative};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++)
    if (!(*array[i] = fz_alloc(o->f->dim, sizeof(double)))) return FZ_ENOMEM;
  return fz_stochastic_init(&s->stochastic, o);
}

static fz_status product(void *context, const double *x, double *y, fz_error *err) {
  const fz_optimizer *o = context;
  const hessian_free_batch *s = o->self;
  fz_status st = o->f->curvature(o->f->self, s->stochastic.moments, o->w, x, y, err);
  for (ptrdiff_t i = 0; i < o->f->dim; i++) y[i] += s->damping * x[i];
  return st;
}

static fz_status damping_of(fz_optimizer *o, fz_error *err) {
  hessian_free_batch *s = o->self;
  s->damping = s->lambda;
  if (s->lambda > 0) return FZ_OK;
  fz_status st = fz_mean_curvature(o, s->stochastic.moments, o->w, s->trial, s->image, &s->damping, err);
  s->damping *= fmax(o->options.damping, 1e-6);
  return st;
}

/* s->stochastic.direction = d, and the change of F_I that the model promises along it with length eta. */
static fz_status solve(fz_optimizer *o, double eta, double *promised, fz_error *err) {
  hessian_free_batch *s = o->self;
  const fz_algebra *a = o->f->algebra;
  double *d = s->stochastic.direction;
  for (ptrdiff_t i = 0; i < o->f->dim; i++) {
    s->negative[i] = -s->stochastic.gradient[i];
    d[i] = 0;
  }
  fz_status st = a->conjugate_gradients(a->self, o->f->dim, product, o, s->negative, o->options.full_iterations,
                                        RELATIVE_RESIDUAL, d, err);
  if (st == FZ_OK) st = product(o, d, s->image, err);
  *promised = 0;
  for (ptrdiff_t i = 0; i < o->f->dim; i++)
    *promised += eta * d[i] * (s->stochastic.gradient[i] + eta * s->image[i] / 2);
  return st;
}

static double adapted(double damping, double ratio) {
  return ratio < 0.25 ? 1.5 * damping : ratio > 0.75 ? damping / 1.5 : damping;
}

/* Nothing is changed before the last evaluation has been seen. */
static fz_status step(fz_optimizer *o, fz_error *err) {
  hessian_free_batch *s = o->self;
  fz_stochastic *b = &s->stochastic;
  const ptrdiff_t n = o->f->dim;
  const bool safe = o->options.safeguards & FZ_SAFE_SNAPSHOTS;
  double promised, value = HUGE_VAL;
  fz_status st;
  FZ_TRY(fz_stochastic_gradient(b, o, o->w, err));
  /* A Newton step has its own length; the noise of batches asks for less, and for less with time. */
  const double gain = o->gain, eta = fz_step_number(o, true);
  FZ_TRY(damping_of(o, err));
  FZ_TRY(solve(o, eta, &promised, err));
  for (ptrdiff_t i = 0; i < n; i++) s->trial[i] = o->w[i] + eta * b->direction[i];
  st = fz_optimizer_evaluate(o, s->trial, b->tile, b->n, b->words, err);
  if (st == FZ_OK) value = fz_optimizer_value(o, b->words, s->trial);
  if (st != FZ_OK && !(st == FZ_EDIVERGED && safe)) return st;
  o->gain = gain;
  fz_stochastic_accept(b, o);
  if (safe && !(value <= b->value + fz_snapshot_rounding(o, b->value))) {
    s->lambda = 4 * s->damping;
    return FZ_OK;
  }
  s->lambda = adapted(s->damping, promised < 0 ? (value - b->value) / promised : 1);
  memcpy(o->w, s->trial, sizeof *o->w * (size_t)n);
  st = FZ_OK;
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  hessian_free_batch *s = o->self;
  fz_stochastic_state(&s->stochastic, o, list);
  fz_state_add_f64(list, "optimizer/damping", &s->lambda, "1", "added to the curvature");
}

static void clear(fz_optimizer *o) {
  hessian_free_batch *s = o->self;
  fz_stochastic_clear(&s->stochastic);
  double **array[] = {&s->trial, &s->image, &s->negative};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) fz_free(array[i]);
}

const fz_optimizer_kind fz_optimizer_hessian_free_batch = {
    .name = "hessian-free-batch",
    .summary = "Hessian-free steps from the gradients of batches",
    .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
    .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_DAMPING | FZ_TAKES_RATE_POWER | FZ_TAKES_SAFE_SNAPSHOTS,
    .default_step = 0.5,
    .needs_algebra = true,
    .self_bytes = sizeof(hessian_free_batch),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
