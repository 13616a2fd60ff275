/* Online L-BFGS: quasi-Newton pairs of noisy gradients, both of one pair from the same batch.
 *  maths   d = H grad F_I(w),  w+ = w - eta d;  pair s = w+ - w,  y = grad F_I(w+) - grad F_I(w) + lambda s
 *          lambda: options.damping times the mean curvature, so that batches that see too little of the parameters
 *          cannot make H large.  H_0: the inverse curvature of Q, or the mean of s.y/y.y over the pairs, as in the
 *          source (1/lambda_max of step.h while there is none).
 *  source  Schraudolph, Yu, Guenter 2007, algorithm 2 */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/mean_curvature.h"
#include "optim/pairs.h"
#include "optim/stochastic.h"

typedef struct olbfgs {
  fz_stochastic stochastic;
  fz_pairs pairs;
  double *next, *s, *y, *direction; /* [dim] scratch */
} olbfgs;

enum { ARRAYS = 4 };

static void arrays_of(olbfgs *s, double **array[ARRAYS]) {
  double **all[ARRAYS] = {&s->next, &s->s, &s->y, &s->direction};
  memcpy(array, all, sizeof all);
}

static fz_status init(fz_optimizer *o) {
  olbfgs *s = o->self;
  double **array[ARRAYS];
  arrays_of(s, array);
  for (int i = 0; i < ARRAYS; i++)
    if (!(*array[i] = fz_alloc(o->f->dim, sizeof(double)))) return FZ_ENOMEM;
  fz_status st = fz_pairs_init(&s->pairs, o);
  return st == FZ_OK ? fz_stochastic_init(&s->stochastic, o) : st;
}

static fz_status open_matrix(fz_optimizer *o, fz_error *err) {
  olbfgs *s = o->self;
  return fz_pairs_open(&s->pairs, o, err);
}

static double dot(ptrdiff_t n, const double *a, const double *b) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static double mean_scale(const fz_optimizer *o) {
  const olbfgs *s = o->self;
  const ptrdiff_t n = o->f->dim;
  double sum = 0;
  for (ptrdiff_t k = 0; k < (ptrdiff_t)s->pairs.count; k++) {
    const double *x = s->pairs.s + k * n, *y = s->pairs.y + k * n;
    sum += dot(n, x, y) / dot(n, y, y);
  }
  return sum / (double)s->pairs.count;
}

/* s->direction = H gradient, and the step's length. */
static fz_status choose(fz_optimizer *o, double *eta, fz_error *err) {
  olbfgs *s = o->self;
  fz_stochastic *b = &s->stochastic;
  fz_status st = FZ_OK;
  const bool plain = !o->options.precondition;
  fz_pairs_start start = {plain ? NULL : b->moments, o->options.iterations, 1};
  if (plain) st = fz_stochastic_direction(b, o, b->gradient, err); /* for its step's length */
  if (st != FZ_OK) return st;
  *eta = fz_step_size(&b->step, o, true);
  if (plain && s->pairs.count > 0) {
    start.scale = mean_scale(o);
    if (o->options.step_rule != FZ_STEP_GIVEN) /* H knows the lengths */
      *eta *= o->kind->default_step / fz_step_size(&b->step, o, false);
  }
  return fz_pairs_apply(&s->pairs, o, start, b->gradient, s->direction, err);
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  olbfgs *s = o->self;
  fz_stochastic *b = &s->stochastic;
  const fz_objective *f = o->f;
  double eta, mean = 0;
  fz_status st;
  FZ_TRY(fz_stochastic_gradient(b, o, o->w, err));
  FZ_TRY(choose(o, &eta, err));
  if (o->options.damping > 0) FZ_TRY(fz_mean_curvature(o, b->moments, o->w, s->s, s->y, &mean, err));
  for (ptrdiff_t i = 0; i < f->dim; i++) s->next[i] = o->w[i] - eta * s->direction[i];
  FZ_TRY(fz_optimizer_evaluate(o, s->next, b->tile, b->n, b->words, err));
  FZ_TRY(f->gradient(f->self, b->words, s->next, s->direction, err));
  for (ptrdiff_t i = 0; i < f->dim; i++) {
    s->s[i] = s->next[i] - o->w[i];
    s->y[i] = s->direction[i] - b->gradient[i] + o->options.damping * mean * s->s[i];
  }
  fz_pairs_push(&s->pairs, o, s->s, s->y);
  memcpy(o->w, s->next, sizeof *o->w * (size_t)f->dim);
  fz_stochastic_accept(b, o);
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  olbfgs *s = o->self;
  fz_stochastic_state(&s->stochastic, o, list);
  fz_pairs_state(&s->pairs, o, list);
}

static void clear(fz_optimizer *o) {
  olbfgs *s = o->self;
  double **array[ARRAYS];
  fz_stochastic_clear(&s->stochastic);
  fz_pairs_clear(&s->pairs, o);
  arrays_of(s, array);
  for (int i = 0; i < ARRAYS; i++) fz_free(array[i]);
}

const fz_optimizer_kind fz_optimizer_olbfgs = {.name = "olbfgs",
                                               .summary = "online L-BFGS: quasi-Newton pairs of gradients of one batch",
                                               .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
                                               .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_PRECONDITION |
                                                        FZ_TAKES_MEMORY | FZ_TAKES_DAMPING | FZ_TAKES_RATE_POWER |
                                                        FZ_TAKES_SAFE_PAIRS,
                                               .default_step = 0.2,
                                               .needs_algebra = true,
                                               .self_bytes = sizeof(olbfgs),
                                               .init = init,
                                               .open = open_matrix,
                                               .step = step,
                                               .state = state,
                                               .clear = clear};
