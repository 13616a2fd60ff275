/* Variance-reduced stochastic EM in statistics form: s <- (1 - rho) s + rho (s_I(w) - s_I(w~) + s(w~)), M-step at s.
 *  source  Chen et al. 2018; Paul 2024, Algorithm 4, with the statistics in place of the parameters */
#include "estep/statistics.h"
#include "optim/reduced_moments.h"

static fz_status init(fz_optimizer *o) {
  return fz_reduced_moments_init(o->self, o);
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  fz_reduced_moments *r = o->self;
  bool accepted; /* or the old snapshot stands: either way the moments are those at w */
  fz_status st;
  if (fz_snapshot_due(&r->snapshot, o)) {
    FZ_TRY(fz_snapshot_take(&r->snapshot, o, o->w, &accepted, err));
    FZ_TRY(fz_reduced_moments_first(r, o, err));
  } else {
    FZ_TRY(fz_reduced_moments_next(r, o, err));
  }
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  fz_reduced_moments_state(o->self, o, list);
}

static void clear(fz_optimizer *o) {
  fz_reduced_moments_clear(o->self);
}

const fz_optimizer_kind fz_optimizer_sem_vr = {
    .name = "sem-vr",
    .summary = "variance-reduced stochastic EM, statistics form",
    .want = FZ_WANT_MOMENTS,
    .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_INNER_PASSES | FZ_TAKES_SAFE_SNAPSHOTS,
    .default_step = 0.5,
    .self_bytes = sizeof(fz_reduced_moments),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
