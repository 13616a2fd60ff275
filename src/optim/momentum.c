/* Classical momentum (Polyak 1964): m <- mu m + d, w <- w - eta m, d from the gradient of a batch.  In the end each
 * gradient moves w by eta / (1 - mu), which the automatic step takes into account (fz_stochastic_share).  A line search
 * goes along m; where nothing is won there, m is forgotten. */
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/stochastic.h"

typedef struct momentum {
  fz_stochastic gradient;
  double *mean, *next; /* [dim] m, and what it becomes once the step has succeeded */
} momentum;

static fz_status init(fz_optimizer *o) {
  momentum *s = o->self;
  s->mean = fz_alloc(o->f->dim, sizeof *s->mean);
  s->next = fz_alloc(o->f->dim, sizeof *s->next);
  return s->mean && s->next ? fz_stochastic_init(&s->gradient, o) : FZ_ENOMEM;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  momentum *s = o->self;
  fz_stochastic *g = &s->gradient;
  const ptrdiff_t dim = o->f->dim;
  const double mu = o->options.momentum, share = fz_stochastic_share(o);
  bool taken;
  fz_status st;
  FZ_TRY(fz_stochastic_gradient(g, o, o->w, err));
  FZ_TRY(fz_stochastic_direction(g, o, g->gradient, err));
  for (ptrdiff_t i = 0; i < dim; i++) {
    s->next[i] = mu * s->mean[i] + g->direction[i];
    g->direction[i] = share * s->next[i];
  }
  FZ_TRY(fz_step_take(&g->step, o, g->gradient, g->direction, g->value, g->tile, g->n, true, g->words, &taken, err));
  for (ptrdiff_t i = 0; i < dim; i++) s->mean[i] = taken ? s->next[i] : 0;
  fz_stochastic_accept(g, o);
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  momentum *s = o->self;
  fz_stochastic_state(&s->gradient, o, list);
  fz_state_add_array(list, "optimizer/momentum", FZ_STATE_F64, 1, (int64_t[]){o->f->dim}, s->mean, "1",
                     "decaying sum of the directions");
}

static void clear(fz_optimizer *o) {
  momentum *s = o->self;
  fz_stochastic_clear(&s->gradient);
  fz_free(&s->mean);
  fz_free(&s->next);
}

const fz_optimizer_kind fz_optimizer_momentum = {.name = "momentum",
                                                 .summary = "stochastic gradients with classical momentum",
                                                 .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
                                                 .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_SEARCH |
                                                          FZ_TAKES_PRECONDITION | FZ_TAKES_RATE_POWER |
                                                          FZ_TAKES_MOMENTUM,
                                                 .default_step = 0.5,
                                                 .moments_steer_only = true,
                                                 .self_bytes = sizeof(momentum),
                                                 .init = init,
                                                 .step = step,
                                                 .state = state,
                                                 .clear = clear};
