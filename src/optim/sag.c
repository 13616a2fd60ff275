/* Stochastic average gradient (Schmidt, Le Roux, Bach 2017): w <- w - eta d, d from the gradient at the sum of what
 * each batch gave at its last visit, over the images seen so far; the prior's gradient in full at w.  The first pass
 * takes the batches in turn, then they are drawn at random: in a fixed order all are old by a pass, and steps of 1/L
 * would not be stable.
 * Where an objective's words hold no gradient but the statistics that it is linear in, the old ones are used at the
 * present w: only the posteriors of the latent variables are old then. */
#include "core/memory.h"
#include "core/random.h"
#include "estep/statistics.h"
#include "optim/running_total.h"
#include "optim/step.h"

typedef struct sag {
  fz_running_total sum;
  fz_step step;
  double *moments, *gradient, *direction; /* scratch */
} sag;

static fz_status init(fz_optimizer *o) {
  sag *s = o->self;
  s->moments = fz_alloc(o->f->n_moments, sizeof *s->moments);
  s->gradient = fz_alloc(o->f->dim, sizeof *s->gradient);
  s->direction = fz_alloc(o->f->dim, sizeof *s->direction);
  fz_status st = s->moments && s->gradient && s->direction ? fz_step_init(&s->step, o) : FZ_ENOMEM;
  return st == FZ_OK ? fz_running_total_init(&s->sum, o) : st;
}

static int64_t next_batch(const fz_optimizer *o, int64_t n) {
  if (o->steps < n) return o->steps;
  fz_random r = fz_random_stream(o->options.seed, FZ_PURPOSE_BATCHES, (uint32_t)o->steps, 1);
  return fz_random_below(&r, n);
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  sag *s = o->self;
  const fz_objective *f = o->f;
  bool taken;
  fz_status st;
  FZ_TRY(fz_running_total_visit(&s->sum, o, next_batch(o, s->sum.batches.n_batches), err));
  if (fz_optimizer_want(o->kind, &o->options) & FZ_WANT_MOMENTS) f->moments(f->self, s->sum.total, s->moments);
  FZ_TRY(f->gradient(f->self, s->sum.total, o->w, s->gradient, err));
  FZ_TRY(fz_step_direction(&s->step, o, s->moments, o->w, s->gradient, s->direction, err));
  FZ_TRY(fz_step_take(&s->step, o, s->gradient, s->direction, 0, NULL, 0, false, s->sum.words, &taken, err));
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  sag *s = o->self;
  fz_step_state(&s->step, o, list);
  fz_running_total_state(&s->sum, o, list);
}

static void clear(fz_optimizer *o) {
  sag *s = o->self;
  fz_running_total_clear(&s->sum);
  fz_step_clear(&s->step);
  fz_free(&s->moments);
  fz_free(&s->gradient);
  fz_free(&s->direction);
}

const fz_optimizer_kind fz_optimizer_sag = {.name = "sag",
                                            .summary = "stochastic average gradient",
                                            .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
                                            .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_PRECONDITION,
                                            .default_step = 0.5,
                                            .moments_steer_only = true,
                                            .keeps_batches = true,
                                            .self_bytes = sizeof(sag),
                                            .init = init,
                                            .step = step,
                                            .state = state,
                                            .clear = clear};
