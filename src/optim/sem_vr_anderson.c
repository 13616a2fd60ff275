/* sEM-vr, statistics form, with Anderson mixing (mixing.h) of what an epoch makes of its snapshot: the mean of its
 * iterates.  The mixed point is proposed with the epoch's last update; the next snapshot's pass decides. */
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/mixing.h"
#include "optim/reduced_moments.h"

typedef struct sem_vr_anderson {
  fz_reduced_moments reduced;
  fz_mixing mixing;
  double value; /* F at the snapshot */
  double *mean; /* [dim] scratch */
} sem_vr_anderson;

static fz_status init(fz_optimizer *o) {
  sem_vr_anderson *s = o->self;
  s->mean = fz_alloc(o->f->dim, sizeof *s->mean);
  fz_status st = s->mean ? fz_mixing_init(&s->mixing, o) : FZ_ENOMEM;
  return st == FZ_OK ? fz_reduced_moments_init(&s->reduced, o) : st;
}

/* The snapshot at o->w; *taken false: refused, a new proposal is in o->w, and the snapshot still due. */
static fz_status take_snapshot(fz_optimizer *o, bool *taken, fz_error *err) {
  sem_vr_anderson *s = o->self;
  fz_snapshot *snap = &s->reduced.snapshot;
  const bool safe = s->mixing.mixed && (o->options.safeguards & FZ_SAFE_SNAPSHOTS);
  const double highest = fz_mixing_highest(&s->mixing);
  double value;
  bool accepted;
  fz_status st = fz_snapshot_pass(snap, o, o->w, &value, err);
  if (st != FZ_OK && !(st == FZ_EDIVERGED && safe)) return st;
  *taken = !safe || (st == FZ_OK && value <= highest + fz_snapshot_rounding(o, value));
  if (!*taken) {
    fz_mixing_refuse(&s->mixing, o, o->w);
    return FZ_OK;
  }
  fz_snapshot_judge(snap, o, o->w, value, highest, &accepted);
  if (accepted) s->value = value;
  s->mixing.mixed = 0;
  return FZ_OK;
}

static fz_status propose(fz_optimizer *o, fz_error *err) {
  sem_vr_anderson *s = o->self;
  const fz_snapshot *snap = &s->reduced.snapshot;
  fz_snapshot_mean(snap, o, s->mean);
  fz_mixing_push(&s->mixing, o, snap->w, s->mean, s->value);
  return fz_mixing_mix(&s->mixing, o, snap->moments, snap->w, o->w, err);
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  sem_vr_anderson *s = o->self;
  fz_status st;
  if (fz_snapshot_due(&s->reduced.snapshot, o)) {
    bool taken;
    FZ_TRY(take_snapshot(o, &taken, err));
    if (!taken) return FZ_OK;
    FZ_TRY(fz_reduced_moments_first(&s->reduced, o, err));
  } else {
    FZ_TRY(fz_reduced_moments_next(&s->reduced, o, err));
  }
  if (fz_snapshot_due(&s->reduced.snapshot, o)) FZ_TRY(propose(o, err));
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  sem_vr_anderson *s = o->self;
  fz_reduced_moments_state(&s->reduced, o, list);
  fz_mixing_state(&s->mixing, o, list);
  fz_state_add_f64(list, "optimizer/present_value", &s->value, "nats", "F at the snapshot");
}

static void clear(fz_optimizer *o) {
  sem_vr_anderson *s = o->self;
  fz_reduced_moments_clear(&s->reduced);
  fz_mixing_clear(&s->mixing);
  fz_free(&s->mean);
}

const fz_optimizer_kind fz_optimizer_sem_vr_anderson = {
    .name = "sem-vr-anderson",
    .summary = "sEM-vr with Anderson mixing of the snapshots",
    .want = FZ_WANT_MOMENTS,
    .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_INNER_PASSES | FZ_TAKES_MEMORY | FZ_TAKES_SAFE_SNAPSHOTS,
    .default_step = 0.5,
    .self_bytes = sizeof(sem_vr_anderson),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
