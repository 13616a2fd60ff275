/* Variance-reduced stochastic EM in parameter form (Paul 2024, Algorithm 4; reduced_map.h). */
#include "estep/statistics.h"
#include "optim/reduced_map.h"

static fz_status init(fz_optimizer *o) {
  return fz_reduced_map_init(o->self, o);
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  fz_reduced_map *r = o->self;
  bool fresh;
  fz_status st = fz_reduced_map_next(r, o, &fresh, err);
  if (st == FZ_OK) fz_reduced_map_move(r, o, r->residual);
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  fz_reduced_map_state(o->self, o, list);
}

static void clear(fz_optimizer *o) {
  fz_reduced_map_clear(o->self);
}

const fz_optimizer_kind fz_optimizer_sem_vr_parameters = {
    .name = "sem-vr-parameters",
    .summary = "variance-reduced stochastic EM, parameter form",
    .want = FZ_WANT_MOMENTS,
    .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_INNER_PASSES | FZ_TAKES_SAFE_SNAPSHOTS,
    .default_step = 1,
    .self_bytes = sizeof(fz_reduced_map),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
