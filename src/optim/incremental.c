/* Incremental EM (Neal & Hinton 1998): fixed batches; a batch's statistics replace what it contributed last time, so
 * the total is always a sum over the images seen so far.  Totals and contributions are integers: no drift.
 * Contributions are kept in shares, one per rank. */
#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/batches.h"
#include "optim/kept.h"
#include "optim/optimizer.h"

typedef struct incremental {
  fz_batches batches;
  int64_t *words, *total; /* [n_words] */
  fz_kept kept;           /* what each batch contributes to the total */
  int64_t *share;         /* of the total */
  double *moments;
} incremental;

static fz_status init(fz_optimizer *o) {
  incremental *s = o->self;
  fz_status st = fz_batches_init(&s->batches, o->options.seed, o->f->n_tiles, o->f->n_images, o->options.batch_images);
  if (st != FZ_OK) return st;
  st = fz_kept_init(&s->kept, o->f, s->batches.n_batches);
  if (st != FZ_OK) return st;
  s->words = fz_alloc(o->f->n_words, sizeof *s->words);
  s->total = fz_alloc(o->f->n_words, sizeof *s->total);
  s->share = fz_alloc(s->kept.count, sizeof *s->share);
  s->moments = fz_alloc(o->f->n_moments, sizeof *s->moments);
  return s->words && s->total && s->share && s->moments ? FZ_OK : FZ_ENOMEM;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  incremental *s = o->self;
  int64_t n, batch = o->steps % s->batches.n_batches;
  const int64_t *tile = fz_batches_get(&s->batches, 0, batch, &n);
  fz_status st = fz_optimizer_evaluate(o, o->w, tile, n, s->words, err);
  if (st != FZ_OK) return st;
  const int64_t *kept = fz_kept_share(&s->kept, batch);
  const ptrdiff_t first = s->kept.first;
  for (ptrdiff_t i = 0; i < s->kept.count; i++) s->share[i] = s->total[first + i] + (s->words[first + i] - kept[i]);
  fz_kept_put(&s->kept, batch, s->words);
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
  fz_kept_state(&s->kept, o->f, list, "what this batch contributes to the total, fixed point");
}

static void clear(fz_optimizer *o) {
  incremental *s = o->self;
  fz_batches_clear(&s->batches);
  fz_free(&s->words);
  fz_free(&s->total);
  fz_kept_clear(&s->kept);
  fz_free(&s->share);
  fz_free(&s->moments);
}

const fz_optimizer_kind fz_optimizer_incremental = {.name = "incremental",
                                                    .summary = "incremental EM, batch statistics replaced exactly",
                                                    .want = FZ_WANT_MOMENTS,
                                                    .takes = FZ_TAKES_BATCH,
                                                    .keeps_batches = true,
                                                    .self_bytes = sizeof(incremental),
                                                    .init = init,
                                                    .step = step,
                                                    .state = state,
                                                    .clear = clear};
