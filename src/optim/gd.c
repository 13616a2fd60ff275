/* Gradient descent: w <- w - eta d, d from the full gradient.  A pass gives F and the gradient; where F turns out
 * higher than at the point before, w goes back there and the step is halved. */
#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/snapshot.h"
#include "optim/step.h"

typedef struct gd {
  fz_step step;
  int64_t *tile, *words;
  double *w, *moments, *gradient; /* the lowest point so far, and there */
  double value, shrink;           /* F there; factor on the step after rejections */
  int64_t known;                  /* 1: o->w is that point (a line search has been there) */
  double *direction;              /* [dim] scratch */
} gd;

static fz_status init(fz_optimizer *o) {
  gd *s = o->self;
  const fz_objective *f = o->f;
  s->shrink = 1;
  s->value = HUGE_VAL;
  s->tile = fz_alloc(f->n_tiles, sizeof *s->tile);
  s->words = fz_alloc(f->n_words, sizeof *s->words);
  s->moments = fz_alloc(f->n_moments, sizeof *s->moments);
  double **array[] = {&s->w, &s->gradient, &s->direction};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++)
    if (!(*array[i] = fz_alloc(f->dim, sizeof(double)))) return FZ_ENOMEM;
  if (!s->tile || !s->words || !s->moments) return FZ_ENOMEM;
  for (int64_t t = 0; t < f->n_tiles; t++) s->tile[t] = t;
  return fz_step_init(&s->step, o);
}

static fz_status keep(fz_optimizer *o, double value, fz_error *err) {
  gd *s = o->self;
  memcpy(s->w, o->w, sizeof *s->w * (size_t)o->f->dim);
  s->value = fmin(value, s->value);
  if (fz_optimizer_want(o->kind, &o->options) & FZ_WANT_MOMENTS) o->f->moments(o->f->self, s->words, s->moments);
  return o->f->gradient(o->f->self, s->words, s->w, s->gradient, err);
}

/* F and the gradient at o->w, or back to the point before. */
static fz_status look(fz_optimizer *o, fz_error *err) {
  gd *s = o->self;
  fz_status st = fz_optimizer_evaluate(o, o->w, s->tile, o->f->n_tiles, s->words, err);
  if (st != FZ_OK) return st;
  double value = fz_optimizer_value(o, s->words, o->w);
  if (!isfinite(value)) return fz_fail(err, FZ_EDIVERGED, "F is not a finite number");
  if (!(o->options.safeguards & FZ_SAFE_SNAPSHOTS) || value <= s->value + fz_snapshot_rounding(o, value))
    return keep(o, value, err);
  s->shrink *= 0.5;
  fz_log(FZ_LOG_DETAIL, "gd: step rejected (F %.4f -> %.4f) and halved", s->value, value);
  memcpy(o->w, s->w, sizeof *s->w * (size_t)o->f->dim);
  return FZ_OK;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  gd *s = o->self;
  bool taken, search = o->options.step_rule == FZ_STEP_SEARCH;
  fz_status st = FZ_OK;
  if (!s->known) FZ_TRY(look(o, err));
  FZ_TRY(fz_step_direction(&s->step, o, s->moments, s->w, s->gradient, s->direction, err));
  for (ptrdiff_t i = 0; i < o->f->dim && !search; i++) s->direction[i] *= s->shrink;
  FZ_TRY(fz_step_take(&s->step, o, s->gradient, s->direction, s->value, s->tile, o->f->n_tiles, false, s->words, &taken,
                      err));
  if (search && taken) FZ_TRY(keep(o, fz_optimizer_value(o, s->words, o->w), err));
  s->known = search;
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  gd *s = o->self;
  int64_t dim[] = {o->f->dim};
  fz_step_state(&s->step, o, list);
  fz_state_add_array(list, "optimizer/point", FZ_STATE_F64, 1, dim, s->w, "image units", "lowest point so far");
  fz_state_add_array(list, "optimizer/gradient", FZ_STATE_F64, 1, dim, s->gradient, "nats", "gradient of F there");
  fz_state_add_array(list, "optimizer/moments", FZ_STATE_F64, 1, (int64_t[]){o->f->n_moments}, s->moments, "1",
                     "statistics of all images there");
  fz_state_add_f64(list, "optimizer/value", &s->value, "nats", "F there");
  fz_state_add_f64(list, "optimizer/shrink", &s->shrink, "1", "factor on the step after rejections");
  fz_state_add_i64(list, "optimizer/known", &s->known, "1", "1: the present point is that one");
}

static void clear(fz_optimizer *o) {
  gd *s = o->self;
  fz_step_clear(&s->step);
  fz_free(&s->tile);
  fz_free(&s->words);
  fz_free(&s->moments);
  double **array[] = {&s->w, &s->gradient, &s->direction};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) fz_free(array[i]);
}

const fz_optimizer_kind fz_optimizer_gd = {
    .name = "gd",
    .summary = "gradient descent, a full pass per step",
    .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
    .takes = FZ_TAKES_STEP | FZ_TAKES_SEARCH | FZ_TAKES_PRECONDITION | FZ_TAKES_SAFE_SNAPSHOTS,
    .default_step = 1,
    .moments_steer_only = true,
    .self_bytes = sizeof(gd),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
