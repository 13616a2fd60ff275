/* Hessian-free optimization: Newton steps by conjugate gradients on damped curvature products.
 *  maths   (B + lambda 1) d = -grad F(w);  the step is taken if F(w + d) is lower.
 *          B: the Gauss-Newton matrix, the curvature of Q, which takes no images; or the Hessian of `hessian_images` of
 *          them.  lambda, at first options.damping times the mean curvature, follows the ratio of what F gained to what
 *          the quadratic model had promised: below 1/4 (or no solution) 3/2 of it, above 3/4 2/3 of it; 4 times where
 *          the step was refused.  The search starts from the last direction, shortened.
 *  source  Martens 2010 */
#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/mean_curvature.h"
#include "optim/snapshot.h"
#include "optim/subsample.h"

typedef struct hessian_free {
  int64_t *all, *words;
  double *moments, *gradient;                   /* at o->w */
  double *last;                                 /* [dim] the last direction, of either fate */
  double value, lambda;                         /* F at o->w; damping */
  int64_t known;                                /* 1: these are known */
  int64_t products;                             /* Hessian products of the present step */
  double *direction, *trial, *image, *negative; /* [dim] scratch */
  fz_subsample sample;
} hessian_free;

enum { ARRAYS = 6 };
static const double RELATIVE_RESIDUAL = 1e-10, SHORTENED = 0.95, LEAST_DAMPING = 1e-6;

static void arrays_of(hessian_free *s, double **array[ARRAYS]) {
  double **all[ARRAYS] = {&s->gradient, &s->last, &s->direction, &s->trial, &s->image, &s->negative};
  memcpy(array, all, sizeof all);
}

static fz_status init(fz_optimizer *o) {
  hessian_free *s = o->self;
  const fz_objective *f = o->f;
  double **array[ARRAYS];
  arrays_of(s, array);
  for (int i = 0; i < ARRAYS; i++)
    if (!(*array[i] = fz_alloc(f->dim, sizeof(double)))) return FZ_ENOMEM;
  s->all = fz_alloc(f->n_tiles, sizeof *s->all);
  s->words = fz_alloc(f->n_words, sizeof *s->words);
  s->moments = fz_alloc(f->n_moments, sizeof *s->moments);
  if (!s->all || !s->words || !s->moments) return FZ_ENOMEM;
  for (int64_t t = 0; t < f->n_tiles; t++) s->all[t] = t;
  return fz_subsample_init(&s->sample, o, o->options.hessian_images);
}

static fz_status keep(fz_optimizer *o, double value, fz_error *err) {
  hessian_free *s = o->self;
  s->value = value;
  s->known = 1;
  o->f->moments(o->f->self, s->words, s->moments);
  return o->f->gradient(o->f->self, s->words, o->w, s->gradient, err);
}

/* The first step: where we are. */
static fz_status look(fz_optimizer *o, fz_error *err) {
  hessian_free *s = o->self;
  fz_status st;
  FZ_TRY(fz_optimizer_evaluate(o, o->w, s->all, o->f->n_tiles, s->words, err));
  FZ_TRY(keep(o, fz_optimizer_value(o, s->words, o->w), err));
  FZ_TRY(fz_mean_curvature(o, s->moments, o->w, s->trial, s->image, &s->lambda, err));
  s->lambda *= o->options.damping;
done:
  return st;
}

static fz_status product(void *context, const double *x, double *y, fz_error *err) {
  const fz_optimizer *o = context;
  const fz_objective *f = o->f;
  hessian_free *s = o->self;
  fz_status st;
  if (o->options.hessian_images > 0) {
    s->products++;
    st = f->hessian(f->self, o->w, s->sample.tile, s->sample.n, x, y, err);
  } else {
    st = f->curvature(f->self, s->moments, o->w, x, y, err);
  }
  for (ptrdiff_t i = 0; i < f->dim; i++) y[i] += s->lambda * x[i];
  return st;
}

static bool leads_down(const fz_optimizer *o) {
  const hessian_free *s = o->self;
  double slope = 0;
  for (ptrdiff_t i = 0; i < o->f->dim; i++) slope += s->direction[i] * s->gradient[i];
  return isfinite(slope) && slope < 0;
}

/* s->direction, and the change of F that the model promises with it. */
static fz_status solve(fz_optimizer *o, double *promised, fz_error *err) {
  hessian_free *s = o->self;
  const fz_algebra *a = o->f->algebra;
  const ptrdiff_t n = o->f->dim;
  s->products = 0;
  fz_subsample_draw(&s->sample, o, o->steps);
  for (ptrdiff_t i = 0; i < n; i++) {
    s->direction[i] = SHORTENED * s->last[i];
    s->negative[i] = -s->gradient[i];
  }
  fz_status st = a->conjugate_gradients(a->self, n, product, o, s->negative, o->options.full_iterations,
                                        RELATIVE_RESIDUAL, s->direction, err);
  if (st == FZ_EDIVERGED && leads_down(o)) st = FZ_OK; /* negative curvature: as far as it was positive */
  if (st == FZ_OK) st = product(o, s->direction, s->image, err);
  *promised = 0;
  for (ptrdiff_t i = 0; i < n; i++) *promised += s->direction[i] * (s->gradient[i] + s->image[i] / 2);
  return st;
}

static fz_status raise_damping(fz_optimizer *o, fz_error *err) {
  hessian_free *s = o->self;
  double mean;
  fz_status st = fz_mean_curvature(o, s->moments, o->w, s->trial, s->image, &mean, err);
  if (st == FZ_OK) s->lambda = fmax(4 * s->lambda, LEAST_DAMPING * mean);
  return st;
}

static void adapt_damping(fz_optimizer *o, double ratio) {
  hessian_free *s = o->self;
  if (ratio < 0.25) s->lambda *= 1.5;
  if (ratio > 0.75) s->lambda /= 1.5;
}

/* Nothing is changed before the last evaluation has been seen. */
static fz_status step(fz_optimizer *o, fz_error *err) {
  hessian_free *s = o->self;
  const ptrdiff_t n = o->f->dim;
  const bool safe = o->options.safeguards & FZ_SAFE_SNAPSHOTS;
  double promised, value = HUGE_VAL;
  if (!s->known) return look(o, err);
  fz_status st = solve(o, &promised, err);
  const bool solved = st == FZ_OK;
  if (solved) {
    for (ptrdiff_t i = 0; i < n; i++) s->trial[i] = o->w[i] + s->direction[i];
    st = fz_optimizer_evaluate(o, s->trial, s->all, o->f->n_tiles, s->words, err);
    if (st == FZ_OK) value = fz_optimizer_value(o, s->words, s->trial);
  }
  if (st != FZ_OK && !(st == FZ_EDIVERGED && (safe || !solved))) return st;
  if (o->options.hessian_images > 0) fz_subsample_count(&s->sample, o, s->products);
  const double rounding = fz_snapshot_rounding(o, s->value);
  if (!solved || (safe && !(value <= s->value + rounding))) {
    fz_log(FZ_LOG_DETAIL, "hessian-free: step refused (F %.4f -> %.4f)", s->value, value);
    memset(s->last, 0, sizeof *s->last * (size_t)n);
    return raise_damping(o, err);
  }
  if (fabs(promised) > rounding) adapt_damping(o, (value - s->value) / promised);
  memcpy(s->last, s->direction, sizeof *s->last * (size_t)n);
  memcpy(o->w, s->trial, sizeof *o->w * (size_t)n);
  return keep(o, value, err);
}

static void state(fz_optimizer *o, fz_state_list *list) {
  hessian_free *s = o->self;
  const int64_t dim[] = {o->f->dim};
  fz_state_add_array(list, "optimizer/gradient", FZ_STATE_F64, 1, dim, s->gradient, "nats", "gradient of F");
  fz_state_add_array(list, "optimizer/direction", FZ_STATE_F64, 1, dim, s->last, "image units", "last direction");
  fz_state_add_array(list, "optimizer/moments", FZ_STATE_F64, 1, (int64_t[]){o->f->n_moments}, s->moments, "1",
                     "statistics of all images");
  fz_state_add_f64(list, "optimizer/value", &s->value, "nats", "F");
  fz_state_add_f64(list, "optimizer/damping", &s->lambda, "1", "added to the curvature");
  fz_state_add_i64(list, "optimizer/known", &s->known, "1", "1: all images have been evaluated at the present point");
}

static void clear(fz_optimizer *o) {
  hessian_free *s = o->self;
  double **array[ARRAYS];
  arrays_of(s, array);
  for (int i = 0; i < ARRAYS; i++) fz_free(array[i]);
  fz_free(&s->all);
  fz_free(&s->words);
  fz_free(&s->moments);
  fz_subsample_clear(&s->sample);
}

const fz_optimizer_kind fz_optimizer_hessian_free = {
    .name = "hessian-free",
    .summary = "conjugate gradients on damped curvature products, a pass per step",
    .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
    .takes = FZ_TAKES_DAMPING | FZ_TAKES_HESSIAN_IMAGES | FZ_TAKES_SAFE_SNAPSHOTS,
    .needs_algebra = true,
    .self_bytes = sizeof(hessian_free),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
