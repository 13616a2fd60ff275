/* SVRG (Paul 2024, Algorithm 1; Johnson & Zhang 2013), preconditioned by the curvature of Q at the snapshot:
 *  g = grad f_I(w) - grad f_I(w~) + grad F(w~),  w <- w - eta H^-1 g;  the next snapshot is the mean of the iterates.
 */
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/snapshot.h"

typedef struct svrg {
  fz_snapshot snapshot;
  double *full, *gradient, *reference, *direction, *sum; /* [dim] */
} svrg;

static fz_status init(fz_optimizer *o) {
  svrg *s = o->self;
  double **array[] = {&s->full, &s->gradient, &s->reference, &s->direction, &s->sum};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++)
    if (!(*array[i] = fz_alloc(o->f->dim, sizeof(double)))) return FZ_ENOMEM;
  return fz_snapshot_init(&s->snapshot, o);
}

static fz_status take_snapshot(fz_optimizer *o, fz_error *err) {
  svrg *s = o->self;
  fz_snapshot *snap = &s->snapshot;
  double *candidate = s->direction;
  bool accepted;
  for (ptrdiff_t i = 0; i < o->f->dim; i++) candidate[i] = snap->inner > 0 ? s->sum[i] / (double)snap->inner : o->w[i];
  fz_status st = fz_snapshot_take(snap, o, candidate, &accepted, err);
  if (st != FZ_OK) return st;
  memset(s->sum, 0, sizeof *s->sum * (size_t)o->f->dim);
  return accepted ? o->f->gradient(o->f->self, snap->words, o->w, s->full, err) : FZ_OK;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  svrg *s = o->self;
  fz_snapshot *snap = &s->snapshot;
  const fz_objective *f = o->f;
  fz_status st;
  if (fz_snapshot_due(snap, o)) {
    FZ_TRY(take_snapshot(o, err));
    memcpy(s->gradient, s->full, sizeof *s->full * (size_t)f->dim);
  } else {
    int64_t n;
    const int64_t *tile = fz_snapshot_batch(snap, o, &n);
    FZ_TRY(fz_optimizer_evaluate(o, snap->w, tile, n, snap->words, err));
    FZ_TRY(f->gradient(f->self, snap->words, snap->w, s->reference, err));
    FZ_TRY(fz_optimizer_evaluate(o, o->w, tile, n, snap->words, err));
    FZ_TRY(f->gradient(f->self, snap->words, o->w, s->gradient, err));
    for (ptrdiff_t i = 0; i < f->dim; i++) s->gradient[i] += s->full[i] - s->reference[i];
  }
  FZ_TRY(f->precondition(f->self, snap->moments, o->options.iterations, s->gradient, s->direction, err));
  for (ptrdiff_t i = 0; i < f->dim; i++) {
    o->w[i] -= fz_snapshot_step(snap, o) * s->direction[i];
    s->sum[i] += o->w[i];
  }
  snap->inner++;
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  svrg *s = o->self;
  fz_snapshot_state(&s->snapshot, o, list);
  fz_state_add_array(list, "optimizer/full_gradient", FZ_STATE_F64, 1, (int64_t[]){o->f->dim}, s->full, "nats",
                     "gradient of F at the snapshot");
  fz_state_add_array(list, "optimizer/iterate_sum", FZ_STATE_F64, 1, (int64_t[]){o->f->dim}, s->sum, "image units",
                     "sum of the iterates since the snapshot");
}

static void clear(fz_optimizer *o) {
  svrg *s = o->self;
  fz_snapshot_clear(&s->snapshot);
  double **array[] = {&s->full, &s->gradient, &s->reference, &s->direction, &s->sum};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) fz_free(array[i]);
}

const fz_optimizer_kind fz_optimizer_svrg = {
    .name = "svrg",
    .summary = "SVRG with full-gradient snapshots, preconditioned",
    .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
    .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_INNER_PASSES | FZ_TAKES_SAFE_SNAPSHOTS,
    .default_step = 0.3,
    .self_bytes = sizeof(svrg),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
