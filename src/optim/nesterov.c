/* Nesterov's accelerated gradient with constant momentum (Sutskever, Martens, Dahl, Hinton 2013):
 *  y = w + mu v,  w' = y - eta d(y),  v' = w' - w, d from the gradient of a batch at the look-ahead point y.
 * A line search goes from y, and asks for half of what the slope promises: on a parabola that is eta <= 1/curvature,
 * while mu = 0.9 is stable to 1.36 of it only.  Where nothing is won, w stays and v is forgotten. */
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/stochastic.h"

typedef struct nesterov {
  fz_stochastic gradient;
  double *velocity, *last; /* [dim] v; w at the beginning of the step */
} nesterov;

static fz_status init(fz_optimizer *o) {
  nesterov *s = o->self;
  s->velocity = fz_alloc(o->f->dim, sizeof *s->velocity);
  s->last = fz_alloc(o->f->dim, sizeof *s->last);
  if (!s->velocity || !s->last) return FZ_ENOMEM;
  fz_status st = fz_stochastic_init(&s->gradient, o);
  s->gradient.step.sufficient = 0.5;
  return st;
}

/* From y = o->w. */
static fz_status descend(fz_optimizer *o, bool *taken, fz_error *err) {
  nesterov *s = o->self;
  fz_stochastic *g = &s->gradient;
  const double share = fz_stochastic_share(o);
  fz_status st;
  FZ_TRY(fz_stochastic_gradient(g, o, o->w, err));
  FZ_TRY(fz_stochastic_direction(g, o, g->gradient, err));
  for (ptrdiff_t i = 0; i < o->f->dim; i++) g->direction[i] *= share;
  FZ_TRY(fz_step_take(&g->step, o, g->gradient, g->direction, g->value, g->tile, g->n, true, g->words, taken, err));
done:
  return st;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  nesterov *s = o->self;
  const ptrdiff_t dim = o->f->dim;
  bool taken = false;
  memcpy(s->last, o->w, sizeof *s->last * (size_t)dim);
  for (ptrdiff_t i = 0; i < dim; i++) o->w[i] += o->options.momentum * s->velocity[i];
  fz_status st = descend(o, &taken, err);
  if (st != FZ_OK || !taken) memcpy(o->w, s->last, sizeof *s->last * (size_t)dim);
  if (st != FZ_OK) return st;
  for (ptrdiff_t i = 0; i < dim; i++) s->velocity[i] = o->w[i] - s->last[i];
  fz_stochastic_accept(&s->gradient, o);
  return FZ_OK;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  nesterov *s = o->self;
  fz_stochastic_state(&s->gradient, o, list);
  fz_state_add_array(list, "optimizer/velocity", FZ_STATE_F64, 1, (int64_t[]){o->f->dim}, s->velocity, "image units",
                     "last step of the parameters");
}

static void clear(fz_optimizer *o) {
  nesterov *s = o->self;
  fz_stochastic_clear(&s->gradient);
  fz_free(&s->velocity);
  fz_free(&s->last);
}

const fz_optimizer_kind fz_optimizer_nesterov = {.name = "nesterov",
                                                 .summary = "Nesterov's accelerated gradient on batches",
                                                 .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
                                                 .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_SEARCH |
                                                          FZ_TAKES_PRECONDITION | FZ_TAKES_RATE_POWER |
                                                          FZ_TAKES_MOMENTUM,
                                                 .default_step = 0.5,
                                                 .moments_steer_only = true,
                                                 .self_bytes = sizeof(nesterov),
                                                 .init = init,
                                                 .step = step,
                                                 .state = state,
                                                 .clear = clear};
