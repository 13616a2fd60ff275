#include "optim/stochastic.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"

fz_status fz_stochastic_init(fz_stochastic *s, const fz_optimizer *o) {
  const fz_objective *f = o->f;
  *s = (fz_stochastic){0};
  s->words = fz_alloc(f->n_words, sizeof *s->words);
  s->mean = fz_alloc(f->n_moments, sizeof *s->mean);
  s->moments = fz_alloc(f->n_moments, sizeof *s->moments);
  s->gradient = fz_alloc(f->dim, sizeof *s->gradient);
  s->direction = fz_alloc(f->dim, sizeof *s->direction);
  if (!s->words || !s->mean || !s->moments || !s->gradient || !s->direction) return FZ_ENOMEM;
  fz_status st = fz_step_init(&s->step, o);
  return st == FZ_OK ? fz_batches_init(&s->batches, o->options.seed, f->n_tiles, f->n_images, o->options.batch_images)
                     : st;
}

void fz_stochastic_clear(fz_stochastic *s) {
  fz_batches_clear(&s->batches);
  fz_step_clear(&s->step);
  fz_free(&s->words);
  fz_free(&s->mean);
  fz_free(&s->moments);
  fz_free(&s->gradient);
  fz_free(&s->direction);
}

void fz_stochastic_state(fz_stochastic *s, const fz_optimizer *o, fz_state_list *list) {
  fz_step_state(&s->step, o, list);
  fz_state_add_array(list, "optimizer/mean", FZ_STATE_F64, 1, (int64_t[]){o->f->n_moments}, s->mean, "1",
                     "running statistics of the preconditioner and the automatic step");
}

fz_status fz_stochastic_gradient(fz_stochastic *s, fz_optimizer *o, const double *w, fz_error *err) {
  const fz_objective *f = o->f;
  const int64_t count = s->batches.n_batches;
  s->tile = fz_batches_get(&s->batches, o->steps / count, o->steps % count, &s->n);
  fz_status st = fz_optimizer_evaluate(o, w, s->tile, s->n, s->words, err);
  if (st != FZ_OK) return st;
  s->value = fz_optimizer_value(o, s->words, w);
  if (fz_optimizer_want(o->kind, &o->options) & FZ_WANT_MOMENTS) {
    f->moments(f->self, s->words, s->moments);
    double rho = o->steps ? pow((double)o->steps + 2, -o->options.rate_power) : 1.0;
    for (ptrdiff_t i = 0; i < f->n_moments; i++) s->moments[i] = s->mean[i] + rho * (s->moments[i] - s->mean[i]);
  }
  return f->gradient(f->self, s->words, w, s->gradient, err);
}

fz_status fz_stochastic_direction(fz_stochastic *s, fz_optimizer *o, const double *gradient, fz_error *err) {
  return fz_step_direction(&s->step, o, s->moments, o->w, gradient, s->direction, err);
}

void fz_stochastic_accept(fz_stochastic *s, const fz_optimizer *o) {
  memcpy(s->mean, s->moments, sizeof *s->mean * (size_t)o->f->n_moments);
}

double fz_stochastic_share(const fz_optimizer *o) {
  return o->options.step_rule == FZ_STEP_AUTO ? fmin(1, 3 * (1 - o->options.momentum)) : 1;
}

/* A batch along whose gradient nothing is won is passed over. */
fz_status fz_stochastic_take(fz_stochastic *s, fz_optimizer *o, const double *gradient, const double *d,
                             fz_error *err) {
  bool taken;
  fz_status st = fz_step_take(&s->step, o, gradient, d, s->value, s->tile, s->n, true, s->words, &taken, err);
  if (st == FZ_OK) fz_stochastic_accept(s, o);
  return st;
}
