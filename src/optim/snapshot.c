#include "optim/snapshot.h"

#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"

fz_status fz_snapshot_init(fz_snapshot *s, const fz_optimizer *o) {
  const fz_objective *f = o->f;
  *s = (fz_snapshot){.value = HUGE_VAL, .shrink = 1, .inner = -1};
  s->all = fz_alloc(f->n_tiles, sizeof *s->all);
  s->words = fz_alloc(f->n_words, sizeof *s->words);
  s->w = fz_alloc(f->dim, sizeof *s->w);
  s->moments = fz_alloc(f->n_moments, sizeof *s->moments);
  s->batch = fz_alloc(f->n_moments, sizeof *s->batch);
  s->batch_reference = fz_alloc(f->n_moments, sizeof *s->batch_reference);
  if (!s->all || !s->words || !s->w || !s->moments || !s->batch || !s->batch_reference) return FZ_ENOMEM;
  for (int64_t t = 0; t < f->n_tiles; t++) s->all[t] = t;
  return fz_batches_init(&s->batches, o->options.seed, f->n_tiles, f->n_images, o->options.batch_images);
}

void fz_snapshot_clear(fz_snapshot *s) {
  fz_batches_clear(&s->batches);
  fz_free(&s->all);
  fz_free(&s->words);
  fz_free(&s->w);
  fz_free(&s->moments);
  fz_free(&s->batch);
  fz_free(&s->batch_reference);
}

void fz_snapshot_state(fz_snapshot *s, const fz_optimizer *o, fz_state_list *list) {
  fz_state_add_array(list, "optimizer/snapshot", FZ_STATE_F64, 1, (int64_t[]){o->f->dim}, s->w, "image units",
                     "reference point of the variance reduction");
  fz_state_add_array(list, "optimizer/snapshot_moments", FZ_STATE_F64, 1, (int64_t[]){o->f->n_moments}, s->moments, "1",
                     "statistics of all images at the snapshot");
  fz_state_add_f64(list, "optimizer/snapshot_value", &s->value, "nats", "lowest F of any snapshot");
  fz_state_add_f64(list, "optimizer/shrink", &s->shrink, "1", "factor on the step after rejections");
  fz_state_add_i64(list, "optimizer/inner", &s->inner, "1", "updates since the snapshot");
}

bool fz_snapshot_due(const fz_snapshot *s, const fz_optimizer *o) {
  double length = o->options.inner_passes * (double)s->batches.n_batches;
  return s->inner < 0 || (double)s->inner >= fmax(1, length);
}

double fz_snapshot_rounding(double value) {
  return 1e-10 * (1 + fabs(value));
}

fz_status fz_snapshot_take(fz_snapshot *s, fz_optimizer *o, const double *candidate, bool *accepted, fz_error *err) {
  const fz_objective *f = o->f;
  const size_t bytes = sizeof *o->w * (size_t)f->dim;
  fz_status st = fz_optimizer_evaluate(o, candidate, s->all, f->n_tiles, s->words, err);
  if (st != FZ_OK) return st;
  double value = fz_optimizer_value(o, s->words, candidate);
  if (!isfinite(value)) return fz_fail(err, FZ_EDIVERGED, "F is not a finite number");
  bool safe = o->options.safeguards & FZ_SAFE_SNAPSHOTS;
  *accepted = !safe || value <= s->value + fz_snapshot_rounding(value);
  if (*accepted) {
    s->value = fmin(value, s->value);
    memcpy(s->w, candidate, bytes);
    f->moments(f->self, s->words, s->moments);
  } else {
    s->shrink *= 0.5;
    fz_log(FZ_LOG_DETAIL, "%s: snapshot rejected (F %.4f -> %.4f), step halved", o->kind->name, s->value, value);
  }
  memcpy(o->w, s->w, bytes);
  s->inner = 0;
  return FZ_OK;
}

double fz_snapshot_step(const fz_snapshot *s, const fz_optimizer *o) {
  return s->shrink * (o->options.step_rule == FZ_STEP_GIVEN ? o->options.step : o->kind->default_step);
}

const int64_t *fz_snapshot_batch(fz_snapshot *s, const fz_optimizer *o, int64_t *n) {
  int64_t count = s->batches.n_batches;
  return fz_batches_get(&s->batches, o->steps / count, o->steps % count, n);
}
