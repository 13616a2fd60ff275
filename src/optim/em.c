/* Expectation maximization: a full pass, then the M-step. */
#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/optimizer.h"

typedef struct em {
  int64_t *tile, *words;
  double *moments;
} em;

static fz_status init(fz_optimizer *o) {
  em *s = o->self;
  s->tile = fz_alloc(o->f->n_tiles, sizeof *s->tile);
  s->words = fz_alloc(o->f->n_words, sizeof *s->words);
  s->moments = fz_alloc(o->f->n_moments, sizeof *s->moments);
  if (!s->tile || !s->words || !s->moments) return FZ_ENOMEM;
  for (int64_t t = 0; t < o->f->n_tiles; t++) s->tile[t] = t;
  return FZ_OK;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  em *s = o->self;
  fz_status st = fz_optimizer_evaluate(o, o->w, s->tile, o->f->n_tiles, s->words, err);
  if (st != FZ_OK) return st;
  o->f->moments(o->f->self, s->words, s->moments);
  return o->f->maximize(o->f->self, s->moments, (double)o->f->n_images, o->options.full_iterations, o->w, err);
}

static void clear(fz_optimizer *o) {
  em *s = o->self;
  fz_free(&s->tile);
  fz_free(&s->words);
  fz_free(&s->moments);
}

const fz_optimizer_kind fz_optimizer_em = {.name = "em",
                                           .summary = "expectation maximization, a full pass per step",
                                           .want = FZ_WANT_MOMENTS,
                                           .self_bytes = sizeof(em),
                                           .init = init,
                                           .step = step,
                                           .clear = clear};
