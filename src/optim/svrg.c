/* SVRG (Paul 2024, Algorithm 1; Johnson & Zhang 2013): gradients of batches with reduced variance
 * (reduced_gradient.h), plain as there or preconditioned by the curvature of Q at the snapshot. */
#include "estep/statistics.h"
#include "optim/reduced_gradient.h"

static fz_status init(fz_optimizer *o) {
  return fz_reduced_gradient_init(o->self, o);
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  fz_reduced_gradient *r = o->self;
  bool fresh;
  fz_status st;
  FZ_TRY(fz_reduced_gradient_next(r, o, &fresh, err));
  FZ_TRY(fz_reduced_gradient_direction(r, o, err));
  fz_reduced_gradient_move(r, o, fz_step_size(&r->step, o, false), r->direction);
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  fz_reduced_gradient_state(o->self, o, list);
}

static void clear(fz_optimizer *o) {
  fz_reduced_gradient_clear(o->self);
}

const fz_optimizer_kind fz_optimizer_svrg = {
    .name = "svrg",
    .summary = "SVRG: gradients of batches, their variance reduced by snapshots",
    .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
    .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_PRECONDITION | FZ_TAKES_INNER_PASSES | FZ_TAKES_SAFE_SNAPSHOTS,
    .default_step = 0.3,
    .moments_steer_only = true,
    .self_bytes = sizeof(fz_reduced_gradient),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
