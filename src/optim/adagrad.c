/* AdaGrad (Duchi, Hazan, Singer 2011), diagonal: G <- G + g^2, w <- w - eta g / sqrt(G + delta), squares and roots per
 * coordinate, g from a batch; delta = damping times the mean of G, so that a coordinate whose gradients were tiny does
 * not leap.  Gradients are taken plain: the diagonal of a preconditioned direction need not go downhill (D H^-1 is not
 * positive definite), and D is a preconditioner itself.  Automatic and searched steps measure g / sqrt(G) in units of
 * the first gradient's root mean square, which makes the first step as long as one of plain descent; G makes the
 * later ones fall. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/stochastic.h"

typedef struct adagrad {
  fz_stochastic gradient;
  double *sum, *next; /* [dim] G, and what it becomes once the step has succeeded */
  double unit;        /* root mean square of the first gradient */
} adagrad;

static fz_status init(fz_optimizer *o) {
  adagrad *s = o->self;
  s->sum = fz_alloc(o->f->dim, sizeof *s->sum);
  s->next = fz_alloc(o->f->dim, sizeof *s->next);
  return s->sum && s->next ? fz_stochastic_init(&s->gradient, o) : FZ_ENOMEM;
}

static double mean_of(const double *x, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += x[i];
  return sum / (double)n;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  adagrad *s = o->self;
  fz_stochastic *g = &s->gradient;
  const ptrdiff_t dim = o->f->dim;
  bool taken;
  fz_status st;
  FZ_TRY(fz_stochastic_gradient(g, o, o->w, err));
  FZ_TRY(fz_stochastic_direction(g, o, g->gradient, err));
  for (ptrdiff_t i = 0; i < dim; i++) s->next[i] = s->sum[i] + g->gradient[i] * g->gradient[i];
  const double mean = mean_of(s->next, dim), unit = o->steps ? s->unit : sqrt(mean);
  const double scale = o->options.step_rule == FZ_STEP_GIVEN ? 1 : unit;
  for (ptrdiff_t i = 0; i < dim; i++) {
    double root = sqrt(s->next[i] + o->options.damping * mean);
    g->direction[i] *= root > 0 ? scale / root : 0;
  }
  FZ_TRY(fz_step_take(&g->step, o, g->gradient, g->direction, g->value, g->tile, g->n, false, g->words, &taken, err));
  memcpy(s->sum, s->next, sizeof *s->sum * (size_t)dim);
  s->unit = unit;
  fz_stochastic_accept(g, o);
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  adagrad *s = o->self;
  fz_stochastic_state(&s->gradient, o, list);
  fz_state_add_array(list, "optimizer/squares", FZ_STATE_F64, 1, (int64_t[]){o->f->dim}, s->sum, "1",
                     "sum of the squared gradients");
  fz_state_add_f64(list, "optimizer/unit", &s->unit, "1", "root mean square of the first gradient");
}

static void clear(fz_optimizer *o) {
  adagrad *s = o->self;
  fz_stochastic_clear(&s->gradient);
  fz_free(&s->sum);
  fz_free(&s->next);
}

const fz_optimizer_kind fz_optimizer_adagrad = {
    .name = "adagrad",
    .summary = "stochastic gradients, each coordinate by its past gradients",
    .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
    .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_SEARCH | FZ_TAKES_DAMPING,
    .default_step = 1,
    .moments_steer_only = true,
    .self_bytes = sizeof(adagrad),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
