/* SVRG+II (Paul 2024, Algorithm 3): SVRG's gradients times the inverse BFGS matrix of the snapshots' differences,
 *  s = w~ - w~_before,  y = grad F(w~) - grad F(w~_before);  the first epoch is SVRG.
 *  H_0 is the identity as there (1/lambda of step.h for automatic steps), or the inverse curvature of Q at the
 *  snapshot. */
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/pairs.h"
#include "optim/reduced_gradient.h"

typedef struct svrg_ii {
  fz_reduced_gradient reduced;
  fz_pairs pairs;
  double *last_w, *last_full; /* [dim] the snapshot before, or this one once its pair is taken; gradient of F there */
  double *s, *y;              /* [dim] scratch */
} svrg_ii;

static fz_status init(fz_optimizer *o) {
  svrg_ii *s = o->self;
  double **array[] = {&s->last_w, &s->last_full, &s->s, &s->y};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++)
    if (!(*array[i] = fz_alloc(o->f->dim, sizeof(double)))) return FZ_ENOMEM;
  fz_status st = fz_pairs_init(&s->pairs, o);
  return st == FZ_OK ? fz_reduced_gradient_init(&s->reduced, o) : st;
}

static fz_status open_matrix(fz_optimizer *o, fz_error *err) {
  svrg_ii *s = o->self;
  return fz_pairs_open(&s->pairs, o, err);
}

static void take_pair(fz_optimizer *o, bool have_last) {
  svrg_ii *s = o->self;
  const fz_reduced_gradient *r = &s->reduced;
  for (ptrdiff_t i = 0; i < o->f->dim && have_last; i++) {
    s->s[i] = r->snapshot.w[i] - s->last_w[i];
    s->y[i] = r->full[i] - s->last_full[i];
  }
  if (have_last) fz_pairs_push(&s->pairs, o, s->s, s->y);
  memcpy(s->last_w, r->snapshot.w, sizeof *s->last_w * (size_t)o->f->dim);
  memcpy(s->last_full, r->full, sizeof *s->last_full * (size_t)o->f->dim);
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  svrg_ii *s = o->self;
  fz_reduced_gradient *r = &s->reduced;
  const bool have_last = r->snapshot.partition > 0, plain = !o->options.precondition;
  bool fresh;
  fz_status st;
  FZ_TRY(fz_reduced_gradient_next(r, o, &fresh, err));
  if (fresh) take_pair(o, have_last);
  if (plain) FZ_TRY(fz_reduced_gradient_direction(r, o, err)); /* for its step's length */
  const double eta = fz_step_number(o, false);
  const fz_pairs_start start = {plain ? NULL : r->snapshot.moments, o->options.iterations,
                                fz_step_size(&r->step, o, false) / eta};
  FZ_TRY(fz_pairs_apply(&s->pairs, o, start, r->gradient, r->direction, err));
  fz_reduced_gradient_move(r, o, eta, r->direction);
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  svrg_ii *s = o->self;
  const int64_t dim[] = {o->f->dim};
  fz_reduced_gradient_state(&s->reduced, o, list);
  fz_pairs_state(&s->pairs, o, list);
  fz_state_add_array(list, "optimizer/last_snapshot", FZ_STATE_F64, 1, dim, s->last_w, "image units",
                     "where the last pair ended");
  fz_state_add_array(list, "optimizer/last_gradient", FZ_STATE_F64, 1, dim, s->last_full, "nats",
                     "gradient of F there");
}

static void clear(fz_optimizer *o) {
  svrg_ii *s = o->self;
  fz_reduced_gradient_clear(&s->reduced);
  fz_pairs_clear(&s->pairs, o);
  double **array[] = {&s->last_w, &s->last_full, &s->s, &s->y};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) fz_free(array[i]);
}

const fz_optimizer_kind fz_optimizer_svrg_ii = {.name = "svrg-ii",
                                                .summary = "SVRG+II: SVRG with a quasi-Newton matrix of the snapshots",
                                                .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
                                                .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_PRECONDITION |
                                                         FZ_TAKES_INNER_PASSES | FZ_TAKES_MEMORY |
                                                         FZ_TAKES_SAFE_SNAPSHOTS | FZ_TAKES_SAFE_PAIRS,
                                                .default_step = 0.3,
                                                .moments_steer_only = true,
                                                .needs_algebra = true,
                                                .self_bytes = sizeof(svrg_ii),
                                                .init = init,
                                                .open = open_matrix,
                                                .step = step,
                                                .state = state,
                                                .clear = clear};
