#include "optim/reduced_gradient.h"

#include <string.h>

#include "core/memory.h"

fz_status fz_reduced_gradient_init(fz_reduced_gradient *r, const fz_optimizer *o) {
  r->full = fz_alloc(o->f->dim, sizeof *r->full);
  r->gradient = fz_alloc(o->f->dim, sizeof *r->gradient);
  r->direction = fz_alloc(o->f->dim, sizeof *r->direction);
  if (!r->full || !r->gradient || !r->direction) return FZ_ENOMEM;
  fz_status st = fz_step_init(&r->step, o);
  return st == FZ_OK ? fz_snapshot_init(&r->snapshot, o) : st;
}

void fz_reduced_gradient_clear(fz_reduced_gradient *r) {
  fz_snapshot_clear(&r->snapshot);
  fz_step_clear(&r->step);
  fz_free(&r->full);
  fz_free(&r->gradient);
  fz_free(&r->direction);
}

void fz_reduced_gradient_state(fz_reduced_gradient *r, const fz_optimizer *o, fz_state_list *list) {
  fz_snapshot_state(&r->snapshot, o, list);
  fz_step_state(&r->step, o, list);
  fz_state_add_array(list, "optimizer/full_gradient", FZ_STATE_F64, 1, (int64_t[]){o->f->dim}, r->full, "nats",
                     "gradient of F at the snapshot");
}

static void use_full(fz_reduced_gradient *r, const fz_optimizer *o) {
  memcpy(r->gradient, r->full, sizeof *r->full * (size_t)o->f->dim);
}

static fz_status take_snapshot(fz_reduced_gradient *r, fz_optimizer *o, bool *fresh, fz_error *err) {
  fz_snapshot_mean(&r->snapshot, o, r->direction);
  fz_status st = fz_snapshot_take(&r->snapshot, o, r->direction, fresh, err);
  if (st == FZ_OK && *fresh) st = o->f->gradient(o->f->self, r->snapshot.words, o->w, r->full, err);
  if (st == FZ_OK) use_full(r, o);
  return st;
}

fz_status fz_reduced_gradient_next(fz_reduced_gradient *r, fz_optimizer *o, bool *fresh, fz_error *err) {
  fz_snapshot *snap = &r->snapshot;
  const fz_objective *f = o->f;
  double *reference = r->direction;
  *fresh = false;
  if (fz_snapshot_due(snap, o)) return take_snapshot(r, o, fresh, err);
  bool back;
  fz_status st;
  FZ_TRY(fz_snapshot_visit(snap, o, &back, err));
  if (back) {
    use_full(r, o);
    return FZ_OK;
  }
  FZ_TRY(f->gradient(f->self, snap->reference, snap->w, reference, err));
  FZ_TRY(f->gradient(f->self, snap->words, o->w, r->gradient, err));
  for (ptrdiff_t i = 0; i < f->dim; i++) r->gradient[i] += r->full[i] - reference[i];
done:
  return st;
}

fz_status fz_reduced_gradient_direction(fz_reduced_gradient *r, const fz_optimizer *o, fz_error *err) {
  return fz_step_direction(&r->step, o, r->snapshot.moments, r->snapshot.w, r->gradient, r->direction, err);
}

void fz_reduced_gradient_move(fz_reduced_gradient *r, fz_optimizer *o, double eta, const double *d) {
  for (ptrdiff_t i = 0; i < o->f->dim; i++) o->w[i] -= r->snapshot.shrink * eta * d[i];
  fz_snapshot_moved(&r->snapshot, o);
}
