/* Stochastic gradient descent, preconditioned: w <- w - eta H^-1 grad f_I(w), H the curvature of Q at a running mean of
 * the statistics (rate (t + 2)^-power). */
#include <math.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/batches.h"
#include "optim/optimizer.h"

typedef struct sgd {
  fz_batches batches;
  int64_t *words;
  double *mean, *moments, *gradient, *direction;
} sgd;

static fz_status init(fz_optimizer *o) {
  sgd *s = o->self;
  s->words = fz_alloc(o->f->n_words, sizeof *s->words);
  s->mean = fz_alloc(o->f->n_moments, sizeof *s->mean);
  s->moments = fz_alloc(o->f->n_moments, sizeof *s->moments);
  s->gradient = fz_alloc(o->f->dim, sizeof *s->gradient);
  s->direction = fz_alloc(o->f->dim, sizeof *s->direction);
  if (!s->words || !s->mean || !s->moments || !s->gradient || !s->direction) return FZ_ENOMEM;
  return fz_batches_init(&s->batches, o->options.seed, o->f->n_tiles, o->f->n_images, o->options.batch_images);
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  sgd *s = o->self;
  const fz_objective *f = o->f;
  int64_t n, count = s->batches.n_batches;
  const int64_t *tile = fz_batches_get(&s->batches, o->steps / count, o->steps % count, &n);
  fz_status st;
  FZ_TRY(fz_optimizer_evaluate(o, o->w, tile, n, s->words, err));
  f->moments(f->self, s->words, s->moments);
  double rho = o->steps ? pow((double)o->steps + 2, -o->options.rate_power) : 1.0;
  for (ptrdiff_t i = 0; i < f->n_moments; i++) s->mean[i] += rho * (s->moments[i] - s->mean[i]);
  FZ_TRY(f->gradient(f->self, s->words, o->w, s->gradient, err));
  FZ_TRY(f->precondition(f->self, s->mean, o->options.iterations, s->gradient, s->direction, err));
  for (ptrdiff_t i = 0; i < f->dim; i++) o->w[i] -= o->options.step * s->direction[i];
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  sgd *s = o->self;
  fz_state_add_array(list, "optimizer/mean", FZ_STATE_F64, 1, (int64_t[]){o->f->n_moments}, s->mean, "1",
                     "running statistics of the preconditioner");
}

static void clear(fz_optimizer *o) {
  sgd *s = o->self;
  fz_batches_clear(&s->batches);
  fz_free(&s->words);
  fz_free(&s->mean);
  fz_free(&s->moments);
  fz_free(&s->gradient);
  fz_free(&s->direction);
}

const fz_optimizer_kind fz_optimizer_sgd = {.name = "sgd",
                                            .summary = "stochastic gradient descent, preconditioned",
                                            .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
                                            .self_bytes = sizeof(sgd),
                                            .init = init,
                                            .step = step,
                                            .state = state,
                                            .clear = clear};
