/* Stochastic gradient descent: w <- w - eta d, d from the gradient of a batch. */
#include "estep/statistics.h"
#include "optim/stochastic.h"

static fz_status init(fz_optimizer *o) {
  return fz_stochastic_init(o->self, o);
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  fz_stochastic *s = o->self;
  fz_status st;
  FZ_TRY(fz_stochastic_gradient(s, o, o->w, err));
  FZ_TRY(fz_stochastic_direction(s, o, s->gradient, err));
  FZ_TRY(fz_stochastic_take(s, o, s->gradient, s->direction, err));
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  fz_stochastic_state(o->self, o, list);
}

static void clear(fz_optimizer *o) {
  fz_stochastic_clear(o->self);
}

const fz_optimizer_kind fz_optimizer_sgd = {
    .name = "sgd",
    .summary = "stochastic gradient descent",
    .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
    .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_SEARCH | FZ_TAKES_PRECONDITION | FZ_TAKES_RATE_POWER,
    .default_step = 0.5,
    .moments_steer_only = true,
    .self_bytes = sizeof(fz_stochastic),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
