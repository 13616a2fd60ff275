/* Variance-reduced stochastic EM in statistics form: s <- (1 - rho) s + rho (s_I(w) - s_I(w~) + s(w~)), M-step at s.
 *  source  Chen et al. 2018; Paul 2024, Algorithm 4, with the statistics in place of the parameters */
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/snapshot.h"

typedef struct sem_vr {
  fz_snapshot snapshot;
  double *mean; /* [n_moments] */
} sem_vr;

static fz_status init(fz_optimizer *o) {
  sem_vr *s = o->self;
  s->mean = fz_alloc(o->f->n_moments, sizeof *s->mean);
  return s->mean ? fz_snapshot_init(&s->snapshot, o) : FZ_ENOMEM;
}

static fz_status batch_moments(fz_optimizer *o, const double *w, const int64_t *tile, int64_t n, double *out,
                               fz_error *err) {
  sem_vr *s = o->self;
  fz_status st = fz_optimizer_evaluate(o, w, tile, n, s->snapshot.words, err);
  if (st == FZ_OK) o->f->moments(o->f->self, s->snapshot.words, out);
  return st;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  sem_vr *s = o->self;
  fz_snapshot *snap = &s->snapshot;
  fz_status st;
  if (fz_snapshot_due(snap, o)) {
    bool accepted; /* or the old one stands: either way the moments are those at w */
    FZ_TRY(fz_snapshot_take(snap, o, o->w, &accepted, err));
    memcpy(s->mean, snap->moments, sizeof *s->mean * (size_t)o->f->n_moments);
    st = o->f->maximize(o->f->self, s->mean, (double)o->f->n_images, o->options.iterations, o->w, err);
    goto done;
  }
  int64_t n;
  const int64_t *tile = fz_snapshot_batch(snap, o, &n);
  FZ_TRY(batch_moments(o, snap->w, tile, n, snap->batch_reference, err));
  FZ_TRY(batch_moments(o, o->w, tile, n, snap->batch, err));
  double rho = fz_snapshot_step(snap, o);
  for (ptrdiff_t i = 0; i < o->f->n_moments; i++)
    s->mean[i] += rho * (snap->batch[i] - snap->batch_reference[i] + snap->moments[i] - s->mean[i]);
  snap->inner++;
  st = o->f->maximize(o->f->self, s->mean, (double)o->f->n_images, o->options.iterations, o->w, err);
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  sem_vr *s = o->self;
  fz_snapshot_state(&s->snapshot, o, list);
  fz_state_add_array(list, "optimizer/mean", FZ_STATE_F64, 1, (int64_t[]){o->f->n_moments}, s->mean, "1",
                     "running statistics");
}

static void clear(fz_optimizer *o) {
  sem_vr *s = o->self;
  fz_snapshot_clear(&s->snapshot);
  fz_free(&s->mean);
}

const fz_optimizer_kind fz_optimizer_sem_vr = {
    .name = "sem-vr",
    .summary = "variance-reduced stochastic EM, statistics form",
    .want = FZ_WANT_MOMENTS,
    .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_INNER_PASSES | FZ_TAKES_SAFE_SNAPSHOTS,
    .default_step = 0.3,
    .self_bytes = sizeof(sem_vr),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
