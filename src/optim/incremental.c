/* Incremental EM (Neal & Hinton 1998): fixed batches; a batch's statistics replace what it contributed last time, so
 * the total is always a sum over the images seen so far.  Totals and contributions are integers: no drift.
 * Contributions are kept in shares, one per rank. */
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/batches.h"
#include "optim/optimizer.h"

typedef struct incremental {
  fz_batches batches;
  int64_t *words, *total; /* [n_words] */
  int64_t *kept;          /* [n_batches][share] */
  int64_t *share;         /* [share] of the total */
  ptrdiff_t first, count;
  double *moments;
} incremental;

static fz_status init(fz_optimizer *o) {
  incremental *s = o->self;
  fz_status st = fz_batches_init(&s->batches, o->options.seed, o->f->n_tiles, o->f->n_images, o->options.batch_images);
  if (st != FZ_OK) return st;
  o->f->share(o->f->self, &s->first, &s->count);
  s->words = fz_alloc(o->f->n_words, sizeof *s->words);
  s->total = fz_alloc(o->f->n_words, sizeof *s->total);
  s->kept = fz_alloc(s->batches.n_batches * s->count, sizeof *s->kept);
  s->share = fz_alloc(s->count, sizeof *s->share);
  s->moments = fz_alloc(o->f->n_moments, sizeof *s->moments);
  return s->words && s->total && s->kept && s->share && s->moments ? FZ_OK : FZ_ENOMEM;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  incremental *s = o->self;
  int64_t n, batch = o->steps % s->batches.n_batches;
  const int64_t *tile = fz_batches_get(&s->batches, 0, batch, &n);
  fz_status st = fz_optimizer_evaluate(o, o->w, tile, n, s->words, err);
  if (st != FZ_OK) return st;
  int64_t *kept = s->kept + batch * s->count;
  for (ptrdiff_t i = 0; i < s->count; i++) {
    s->share[i] = s->total[s->first + i] + (s->words[s->first + i] - kept[i]);
    kept[i] = s->words[s->first + i];
  }
  st = o->f->collect(o->f->self, s->share, s->total, err);
  if (st != FZ_OK) return st;
  o->f->moments(o->f->self, s->total, s->moments);
  return o->f->maximize(o->f->self, s->moments, (double)o->f->images(o->f->self, s->total), o->options.iterations, o->w,
                        err);
}

static void state(fz_optimizer *o, fz_state_list *list) {
  incremental *s = o->self;
  fz_state_add_array(list, "optimizer/total", FZ_STATE_I64, 1, (int64_t[]){o->f->n_words}, s->total, "1",
                     "statistics of all batches together, fixed point");
  for (int64_t b = 0; b < s->batches.n_batches; b++) {
    char name[FZ_STATE_NAME_MAX] = "optimizer/batch_";
    size_t at = strlen(name);
    for (int64_t digit = 1000000; digit > 0; digit /= 10) name[at++] = (char)('0' + b / digit % 10);
    fz_state_add_slice(list, name, FZ_STATE_I64, 1, (int64_t[]){o->f->n_words}, s->first, s->count,
                       s->kept + b * s->count, "1", "what this batch contributes to the total");
  }
}

static void clear(fz_optimizer *o) {
  incremental *s = o->self;
  fz_batches_clear(&s->batches);
  fz_free(&s->words);
  fz_free(&s->total);
  fz_free(&s->kept);
  fz_free(&s->share);
  fz_free(&s->moments);
}

const fz_optimizer_kind fz_optimizer_incremental = {.name = "incremental",
                                                    .summary = "incremental EM, batch statistics replaced exactly",
                                                    .want = FZ_WANT_MOMENTS,
                                                    .takes = FZ_TAKES_BATCH,
                                                    .self_bytes = sizeof(incremental),
                                                    .init = init,
                                                    .step = step,
                                                    .state = state,
                                                    .clear = clear};
