#include "optim/step.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"

enum { ROUNDS = 20, HALVINGS = 20 };
static const double MARGIN = 1.05; /* a power iteration comes from below */
static const double SUFFICIENT = 1e-4;

static bool wants_lambda(const fz_optimizer *o) {
  return !o->options.precondition && o->options.step_rule != FZ_STEP_GIVEN;
}

fz_status fz_step_init(fz_step *s, const fz_optimizer *o) {
  *s = (fz_step){.pass = -1, .sufficient = SUFFICIENT};
  s->top = fz_alloc(o->f->dim, sizeof *s->top);
  s->scratch = fz_alloc(o->f->dim, sizeof *s->scratch);
  return s->top && s->scratch ? FZ_OK : FZ_ENOMEM;
}

void fz_step_clear(fz_step *s) {
  fz_free(&s->top);
  fz_free(&s->scratch);
}

void fz_step_state(fz_step *s, const fz_optimizer *o, fz_state_list *list) {
  (void)o;
  fz_state_add_f64(list, "optimizer/eta", &s->eta, "1", "step accepted by the last line search");
  fz_state_add_f64(list, "optimizer/lambda", &s->lambda, "1", "largest eigenvalue of the curvature");
  fz_state_add_i64(list, "optimizer/lambda_pass", &s->pass, "1", "pass at which it was estimated");
}

static double norm(const double *x, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sqrt(sum);
}

/* Power iteration with vectors of norm 1; it rises towards lambda (in the norm of S^-1).  Each starts anew, so that a
 * step that is stopped and taken again finds the same. */
static fz_status largest_eigenvalue(fz_step *s, const fz_optimizer *o, const double *moments, const double *w,
                                    fz_linear_map scale, void *context, double *lambda, fz_error *err) {
  const ptrdiff_t n = o->f->dim;
  fz_random r = fz_random_stream(o->options.seed, FZ_PURPOSE_PROBE, 0, 0);
  fz_status st = FZ_OK;
  for (ptrdiff_t i = 0; i < n; i++) s->top[i] = fz_random_normal(&r);
  double length = norm(s->top, n);
  for (int round = 0; round < ROUNDS; round++) {
    for (ptrdiff_t i = 0; i < n; i++) s->top[i] /= length;
    FZ_TRY(o->f->curvature(o->f->self, moments, w, s->top, s->scratch, err));
    if (scale)
      FZ_TRY(scale(context, s->scratch, s->top, err));
    else
      memcpy(s->top, s->scratch, sizeof *s->top * (size_t)n);
    length = norm(s->top, n);
    if (!(length > 0 && isfinite(length)))
      return fz_fail(err, FZ_EDIVERGED, "the curvature is not positive and finite");
  }
  *lambda = length;
done:
  return st;
}

fz_status fz_step_lambda(fz_step *s, const fz_optimizer *o, const double *moments, const double *w, fz_linear_map scale,
                         void *context, fz_error *err) {
  const int64_t pass = (int64_t)fz_optimizer_passes(o);
  if (!wants_lambda(o) || pass == s->pass) return FZ_OK;
  fz_status st = largest_eigenvalue(s, o, moments, w, scale, context, &s->lambda, err);
  if (st == FZ_OK) s->pass = pass;
  return st;
}

fz_status fz_step_direction(fz_step *s, const fz_optimizer *o, const double *moments, const double *w, const double *g,
                            double *d, fz_error *err) {
  const fz_objective *f = o->f;
  if (o->options.precondition) return f->precondition(f->self, moments, o->options.iterations, g, d, err);
  memcpy(d, g, sizeof *d * (size_t)f->dim);
  return fz_step_lambda(s, o, moments, w, NULL, NULL, err);
}

static double by_rule(const fz_optimizer *o, double divisor, bool falling) {
  if (o->options.step_rule == FZ_STEP_GIVEN) return o->options.step;
  const double eta = o->kind->default_step / divisor;
  return falling ? eta * pow(1 + floor(fz_optimizer_passes(o)), -o->options.rate_power) : eta;
}

double fz_step_number(const fz_optimizer *o, bool falling) {
  return by_rule(o, 1, falling);
}

double fz_step_size(const fz_step *s, const fz_optimizer *o, bool falling) {
  return by_rule(o, o->options.precondition ? 1 : MARGIN * s->lambda, falling);
}

static fz_status search(fz_step *s, fz_optimizer *o, const double *g, const double *d, double value,
                        const int64_t *tile, int64_t n, int64_t *words, bool *taken, fz_error *err) {
  const ptrdiff_t dim = o->f->dim;
  double slope = 0, eta = s->eta > 0 ? 2 * s->eta : o->options.precondition ? 1 : 1 / s->lambda;
  const double gain = o->gain;
  fz_status st = FZ_OK;
  *taken = false;
  double *trial = s->scratch;
  for (ptrdiff_t i = 0; i < dim; i++) slope += g[i] * d[i];
  for (int k = 0; k <= HALVINGS && slope > 0 && !*taken; k++, eta /= 2) {
    for (ptrdiff_t i = 0; i < dim; i++) trial[i] = o->w[i] - eta * d[i];
    st = fz_optimizer_evaluate(o, trial, tile, n, words, err);
    if (st != FZ_OK && st != FZ_EDIVERGED) goto done;
    /* Out of bounds is far uphill. */
    *taken = st == FZ_OK && fz_optimizer_value(o, words, trial) <= value - s->sufficient * eta * slope;
    st = FZ_OK;
    if (*taken) s->eta = eta;
  }
  if (*taken) memcpy(o->w, trial, sizeof *trial * (size_t)dim);
done:
  o->gain = gain;
  return st;
}

fz_status fz_step_take(fz_step *s, fz_optimizer *o, const double *g, const double *d, double value, const int64_t *tile,
                       int64_t n, bool falling, int64_t *words, bool *taken, fz_error *err) {
  if (o->options.step_rule == FZ_STEP_SEARCH) return search(s, o, g, d, value, tile, n, words, taken, err);
  double eta = fz_step_size(s, o, falling);
  for (ptrdiff_t i = 0; i < o->f->dim; i++) o->w[i] -= eta * d[i];
  *taken = true;
  return FZ_OK;
}
