#include "optim/snapshot.h"

#include <math.h>
#include <string.h>

#include "core/fixed.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/random.h"
#include "estep/statistics.h"
#include "optim/step.h"

enum { PATIENCE = 5 };
static const double USUAL_ROUNDING = 1e-10;

static bool wants_moments(const fz_optimizer *o) {
  return fz_optimizer_want(o->kind, &o->options) & FZ_WANT_MOMENTS;
}

fz_status fz_snapshot_init(fz_snapshot *s, const fz_optimizer *o) {
  const fz_objective *f = o->f;
  *s = (fz_snapshot){.value = HUGE_VAL, .shrink = 1, .inner = -1};
  fz_status st = fz_batches_init(&s->batches, o->options.seed, f->n_tiles, f->n_images, o->options.batch_images);
  if (st != FZ_OK) return st;
  const int64_t n = s->batches.n_batches;
  s->keeps = (double)n * (double)f->n_words * sizeof(int64_t) <= o->options.keep_bytes;
  s->words = fz_alloc(f->n_words, sizeof *s->words);
  s->reference = fz_alloc(f->n_words, sizeof *s->reference);
  s->w = fz_alloc(f->dim, sizeof *s->w);
  s->sum = fz_alloc(f->dim, sizeof *s->sum);
  s->moments = fz_alloc(f->n_moments, sizeof *s->moments);
  s->class_prior = fz_alloc(f->n_classes, sizeof *s->class_prior);
  s->held = fz_alloc(n, sizeof *s->held);
  s->order = fz_alloc(n, sizeof *s->order);
  if (!s->words || !s->reference || !s->w || !s->sum || !s->moments || !s->class_prior || !s->held || !s->order)
    return FZ_ENOMEM;
  return s->keeps ? fz_kept_init(&s->kept, f, n) : FZ_OK;
}

void fz_snapshot_clear(fz_snapshot *s) {
  fz_batches_clear(&s->batches);
  fz_kept_clear(&s->kept);
  fz_free(&s->words);
  fz_free(&s->reference);
  fz_free(&s->w);
  fz_free(&s->sum);
  fz_free(&s->moments);
  fz_free(&s->class_prior);
  fz_free(&s->held);
  fz_free(&s->order);
}

void fz_snapshot_state(fz_snapshot *s, const fz_optimizer *o, fz_state_list *list) {
  const int64_t dim[] = {o->f->dim};
  fz_state_add_array(list, "optimizer/snapshot", FZ_STATE_F64, 1, dim, s->w, "image units",
                     "reference point of the variance reduction");
  fz_state_add_array(list, "optimizer/iterate_sum", FZ_STATE_F64, 1, dim, s->sum, "image units",
                     "sum of the iterates since the snapshot");
  if (wants_moments(o))
    fz_state_add_array(list, "optimizer/snapshot_moments", FZ_STATE_F64, 1, (int64_t[]){o->f->n_moments}, s->moments,
                       "1", "statistics of all images at the snapshot");
  if (o->f->n_classes > 0)
    fz_state_add_array(list, "optimizer/snapshot_class_prior", FZ_STATE_F64, 1, (int64_t[]){o->f->n_classes},
                       s->class_prior, "1", "shares of the classes at the snapshot");
  fz_state_add_f64(list, "optimizer/snapshot_value", &s->value, "nats", "lowest F of any snapshot");
  fz_state_add_f64(list, "optimizer/shrink", &s->shrink, "1", "factor on the step after rejections");
  fz_state_add_i64(list, "optimizer/accepted", &s->accepted, "1", "snapshots accepted since that factor changed");
  fz_state_add_i64(list, "optimizer/rejected", &s->rejected, "1", "snapshots rejected so far");
  fz_state_add_i64(list, "optimizer/partition", &s->partition, "1", "snapshots tried");
  fz_state_add_i64(list, "optimizer/inner", &s->inner, "1", "updates since the snapshot");
  if (!s->keeps) return;
  fz_state_add_array(list, "optimizer/held", FZ_STATE_I64, 1, (int64_t[]){s->batches.n_batches}, s->held, "1",
                     "1: this batch's statistics at the snapshot are kept");
  fz_kept_state(&s->kept, o->f, list, "statistics of this batch at the snapshot, fixed point");
}

bool fz_snapshot_due(const fz_snapshot *s, const fz_optimizer *o) {
  double length = o->options.inner_passes * (double)s->batches.n_batches;
  return s->inner < 0 || (double)s->inner >= fmax(1, length);
}

void fz_snapshot_mean(const fz_snapshot *s, const fz_optimizer *o, double *out) {
  for (ptrdiff_t i = 0; i < o->f->dim; i++) out[i] = s->inner > 0 ? s->sum[i] / (double)s->inner : o->w[i];
}

/* Batches of the partition to come, which is the next even if this pass has to be taken again after a stop. */
static fz_status evaluate_batches(fz_snapshot *s, fz_optimizer *o, const double *w, fz_error *err) {
  const fz_objective *f = o->f;
  memset(s->words, 0, sizeof *s->words * (size_t)f->n_words);
  for (int64_t b = 0; b < s->batches.n_batches; b++) {
    int64_t n;
    const int64_t *tile = fz_batches_get(&s->batches, s->partition + 1, b, &n);
    fz_status st = fz_optimizer_evaluate(o, w, tile, n, s->reference, err);
    if (st != FZ_OK) return st;
    if (!fz_fixed_add_i64(s->words, s->reference, f->n_words))
      return fz_fail(err, FZ_EDIVERGED, "a sum over all images left its bounds");
    fz_kept_put(&s->kept, b, s->reference);
  }
  o->gain = f->gain(f->self, s->words) / (double)f->images(f->self, s->words);
  if (s->batches.n_batches > 1) fz_optimizer_tell(o, w, s->words);
  return FZ_OK;
}

static fz_status evaluate_all(fz_snapshot *s, fz_optimizer *o, const double *w, fz_error *err) {
  if (s->keeps) return evaluate_batches(s, o, w, err);
  const int64_t partition = s->partition + 1;
  fz_batches_get(&s->batches, partition, 0, &(int64_t){0});
  return fz_optimizer_evaluate(o, w, s->batches.tile, s->batches.n_tiles, s->words, err);
}

static void hold(fz_snapshot *s, int64_t yes) {
  for (int64_t b = 0; b < s->batches.n_batches; b++) s->held[b] = yes;
}

fz_status fz_snapshot_pass(fz_snapshot *s, fz_optimizer *o, const double *candidate, double *value, fz_error *err) {
  hold(s, 0); /* even if a stop comes: then this pass will be taken again before anything kept is asked for */
  fz_status st = evaluate_all(s, o, candidate, err);
  if (st != FZ_OK) return st;
  *value = fz_optimizer_value(o, s->words, candidate);
  return isfinite(*value) ? FZ_OK : fz_fail(err, FZ_EDIVERGED, "F is not a finite number");
}

static void swap_class_prior(fz_snapshot *s, const fz_optimizer *o) {
  for (ptrdiff_t k = 0; k < o->f->n_classes; k++) {
    double present = o->f->class_prior[k];
    o->f->class_prior[k] = s->class_prior[k];
    s->class_prior[k] = present;
  }
}

static void begin_epoch(fz_snapshot *s, fz_optimizer *o) {
  memcpy(o->w, s->w, sizeof *s->w * (size_t)o->f->dim);
  memset(s->sum, 0, sizeof *s->sum * (size_t)o->f->dim);
  s->inner = 0;
  s->partition++;
}

void fz_snapshot_accept(fz_snapshot *s, fz_optimizer *o, const double *candidate, double value) {
  s->value = fmin(value, s->value);
  memmove(s->w, candidate, sizeof *s->w * (size_t)o->f->dim);
  if (wants_moments(o)) o->f->moments(o->f->self, s->words, s->moments);
  for (ptrdiff_t k = 0; k < o->f->n_classes; k++) s->class_prior[k] = o->f->class_prior[k];
  begin_epoch(s, o);
  if (s->keeps) hold(s, 1);
}

void fz_snapshot_drop(fz_snapshot *s, fz_optimizer *o) {
  for (ptrdiff_t k = 0; k < o->f->n_classes; k++) o->f->class_prior[k] = s->class_prior[k];
  begin_epoch(s, o);
  hold(s, 0); /* the batches are others */
}

/* A start far away must not make every later step small. */
static void grow(fz_snapshot *s) {
  if (++s->accepted < PATIENCE * s->rejected || s->shrink >= 1) return;
  s->shrink *= 2;
  s->accepted = 0;
}

static bool is_safe(const fz_optimizer *o) {
  return o->options.safeguards & FZ_SAFE_SNAPSHOTS;
}

static void refuse(fz_snapshot *s, fz_optimizer *o) {
  s->shrink *= 0.5;
  s->accepted = 0;
  s->rejected++;
  fz_snapshot_drop(s, o);
}

bool fz_snapshot_retreat(fz_snapshot *s, fz_optimizer *o, fz_status st) {
  if (st != FZ_EDIVERGED || !is_safe(o) || s->inner < 0) return false;
  fz_log(FZ_LOG_DETAIL, "%s: out of bounds, back to the snapshot, step halved", o->kind->name);
  refuse(s, o);
  return true;
}

void fz_snapshot_judge(fz_snapshot *s, fz_optimizer *o, const double *candidate, double value, double highest,
                       bool *accepted) {
  *accepted = !is_safe(o) || value <= highest + fz_snapshot_rounding(o, value);
  if (*accepted) {
    fz_snapshot_accept(s, o, candidate, value);
    grow(s);
  } else {
    fz_log(FZ_LOG_DETAIL, "%s: snapshot rejected (F %.4f -> %.4f), step halved", o->kind->name, highest, value);
    refuse(s, o);
  }
}

fz_status fz_snapshot_take(fz_snapshot *s, fz_optimizer *o, const double *candidate, bool *accepted, fz_error *err) {
  const double gain = o->gain;
  double value;
  fz_status st = fz_snapshot_pass(s, o, candidate, &value, err);
  *accepted = false;
  if (fz_snapshot_retreat(s, o, st)) {
    o->gain = gain;
    return FZ_OK;
  }
  if (st == FZ_OK) fz_snapshot_judge(s, o, candidate, value, s->value, accepted);
  return st;
}

static int64_t next_batch(fz_snapshot *s) {
  const int64_t visit = s->inner - 1, n = s->batches.n_batches;
  fz_random r =
      fz_random_stream(s->batches.seed, FZ_PURPOSE_BATCHES, (uint32_t)s->partition, (uint64_t)(1 + visit / n));
  fz_random_permutation(&r, n, s->order);
  return s->order[visit % n];
}

static fz_status evaluate_reference(fz_snapshot *s, fz_optimizer *o, const int64_t *tile, int64_t n, fz_error *err) {
  swap_class_prior(s, o);
  fz_status st = fz_optimizer_evaluate(o, s->w, tile, n, s->reference, err);
  swap_class_prior(s, o);
  return st;
}

/* Kept only when the whole visit has succeeded: a stop must not make what is done again any cheaper. */
fz_status fz_snapshot_visit(fz_snapshot *s, fz_optimizer *o, bool *back, fz_error *err) {
  const fz_objective *f = o->f;
  const int64_t b = next_batch(s);
  const double gain = o->gain;
  int64_t n;
  const int64_t *tile = fz_batches_get(&s->batches, s->partition, b, &n);
  fz_status st = s->held[b] ? fz_kept_get(&s->kept, f, b, s->reference, err) : evaluate_reference(s, o, tile, n, err);
  *back = false;
  if (st != FZ_OK) return st;
  st = fz_optimizer_evaluate(o, o->w, tile, n, s->words, err);
  if ((*back = fz_snapshot_retreat(s, o, st))) {
    o->gain = gain;
    return FZ_OK;
  }
  if (st != FZ_OK || !s->keeps || s->held[b]) return st;
  fz_kept_put(&s->kept, b, s->reference);
  s->held[b] = 1;
  return FZ_OK;
}

void fz_snapshot_moved(fz_snapshot *s, const fz_optimizer *o) {
  for (ptrdiff_t i = 0; i < o->f->dim; i++) s->sum[i] += o->w[i];
  s->inner++;
}

double fz_snapshot_rounding(const fz_optimizer *o, double value) {
  return (o->f->rounding > 0 ? o->f->rounding : USUAL_ROUNDING) * (1 + fabs(value));
}

double fz_snapshot_step(const fz_snapshot *s, const fz_optimizer *o) {
  return s->shrink * fz_step_number(o, false);
}
