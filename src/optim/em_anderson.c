/* Expectation maximization with Anderson mixing (mixing.h) of the EM map: a full pass per step. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/mixing.h"
#include "optim/snapshot.h"

typedef struct em_anderson {
  fz_mixing mixing;
  int64_t *tile, *words;
  double *moments, *image;
} em_anderson;

static fz_status init(fz_optimizer *o) {
  em_anderson *s = o->self;
  const fz_objective *f = o->f;
  s->tile = fz_alloc(f->n_tiles, sizeof *s->tile);
  s->words = fz_alloc(f->n_words, sizeof *s->words);
  s->moments = fz_alloc(f->n_moments, sizeof *s->moments);
  s->image = fz_alloc(f->dim, sizeof *s->image);
  if (!s->tile || !s->words || !s->moments || !s->image) return FZ_ENOMEM;
  for (int64_t t = 0; t < f->n_tiles; t++) s->tile[t] = t;
  return fz_mixing_init(&s->mixing, o);
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  em_anderson *s = o->self;
  const fz_objective *f = o->f;
  const bool safe = s->mixing.mixed && (o->options.safeguards & FZ_SAFE_SNAPSHOTS);
  fz_status st = fz_optimizer_evaluate(o, o->w, s->tile, f->n_tiles, s->words, err);
  double value = st == FZ_OK ? fz_optimizer_value(o, s->words, o->w) : HUGE_VAL;
  if (st != FZ_OK && !(st == FZ_EDIVERGED && safe)) return st;
  if (safe && !(value <= fz_mixing_highest(&s->mixing) + fz_snapshot_rounding(o, value))) {
    fz_mixing_refuse(&s->mixing, o, o->w);
    return FZ_OK;
  }
  f->moments(f->self, s->words, s->moments);
  memcpy(s->image, o->w, sizeof *s->image * (size_t)f->dim);
  FZ_TRY(f->maximize(f->self, s->moments, (double)f->n_images, o->options.full_iterations, s->image, err));
  fz_mixing_push(&s->mixing, o, o->w, s->image, value);
  FZ_TRY(fz_mixing_mix(&s->mixing, o, s->moments, o->w, s->image, err));
  memcpy(o->w, s->image, sizeof *s->image * (size_t)f->dim);
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  em_anderson *s = o->self;
  fz_mixing_state(&s->mixing, o, list);
}

static void clear(fz_optimizer *o) {
  em_anderson *s = o->self;
  fz_mixing_clear(&s->mixing);
  fz_free(&s->tile);
  fz_free(&s->words);
  fz_free(&s->moments);
  fz_free(&s->image);
}

const fz_optimizer_kind fz_optimizer_em_anderson = {.name = "em-anderson",
                                                    .summary = "EM with Anderson mixing, a full pass per step",
                                                    .want = FZ_WANT_MOMENTS,
                                                    .takes = FZ_TAKES_MEMORY | FZ_TAKES_SAFE_SNAPSHOTS,
                                                    .self_bytes = sizeof(em_anderson),
                                                    .init = init,
                                                    .step = step,
                                                    .state = state,
                                                    .clear = clear};
