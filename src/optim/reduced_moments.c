#include "optim/reduced_moments.h"

#include <string.h>

#include "core/memory.h"

fz_status fz_reduced_moments_init(fz_reduced_moments *r, const fz_optimizer *o) {
  r->mean = fz_alloc(o->f->n_moments, sizeof *r->mean);
  r->batch = fz_alloc(o->f->n_moments, sizeof *r->batch);
  r->reference = fz_alloc(o->f->n_moments, sizeof *r->reference);
  return r->mean && r->batch && r->reference ? fz_snapshot_init(&r->snapshot, o) : FZ_ENOMEM;
}

void fz_reduced_moments_clear(fz_reduced_moments *r) {
  fz_snapshot_clear(&r->snapshot);
  fz_free(&r->mean);
  fz_free(&r->batch);
  fz_free(&r->reference);
}

void fz_reduced_moments_state(fz_reduced_moments *r, const fz_optimizer *o, fz_state_list *list) {
  fz_snapshot_state(&r->snapshot, o, list);
  fz_state_add_array(list, "optimizer/mean", FZ_STATE_F64, 1, (int64_t[]){o->f->n_moments}, r->mean, "1",
                     "running statistics");
}

static fz_status maximize(fz_reduced_moments *r, fz_optimizer *o, fz_error *err) {
  const fz_objective *f = o->f;
  fz_status st = f->maximize(f->self, r->mean, (double)f->n_images, o->options.iterations, o->w, err);
  if (st == FZ_OK) fz_snapshot_moved(&r->snapshot, o);
  return st;
}

fz_status fz_reduced_moments_first(fz_reduced_moments *r, fz_optimizer *o, fz_error *err) {
  memcpy(r->mean, r->snapshot.moments, sizeof *r->mean * (size_t)o->f->n_moments);
  return maximize(r, o, err);
}

fz_status fz_reduced_moments_next(fz_reduced_moments *r, fz_optimizer *o, fz_error *err) {
  const fz_objective *f = o->f;
  const fz_snapshot *snap = &r->snapshot;
  bool back;
  fz_status st = fz_snapshot_visit(&r->snapshot, o, &back, err);
  if (st != FZ_OK) return st;
  if (back) return fz_reduced_moments_first(r, o, err);
  f->moments(f->self, snap->reference, r->reference);
  f->moments(f->self, snap->words, r->batch);
  const double rho = fz_snapshot_step(snap, o);
  for (ptrdiff_t i = 0; i < f->n_moments; i++)
    r->mean[i] += rho * (r->batch[i] - r->reference[i] + snap->moments[i] - r->mean[i]);
  st = maximize(r, o, err);
  return fz_snapshot_retreat(&r->snapshot, o, st) ? fz_reduced_moments_first(r, o, err) : st;
}
