#include "optim/running_total.h"

#include "core/memory.h"

fz_status fz_running_total_init(fz_running_total *s, const fz_optimizer *o) {
  const fz_objective *f = o->f;
  fz_status st = fz_batches_init(&s->batches, o->options.seed, f->n_tiles, f->n_images, o->options.batch_images);
  if (st != FZ_OK) return st;
  st = fz_kept_init(&s->kept, f, s->batches.n_batches);
  if (st != FZ_OK) return st;
  s->words = fz_alloc(f->n_words, sizeof *s->words);
  s->total = fz_alloc(f->n_words, sizeof *s->total);
  s->share = fz_alloc(s->kept.count, sizeof *s->share);
  return s->words && s->total && s->share ? FZ_OK : FZ_ENOMEM;
}

void fz_running_total_clear(fz_running_total *s) {
  fz_batches_clear(&s->batches);
  fz_kept_clear(&s->kept);
  fz_free(&s->words);
  fz_free(&s->total);
  fz_free(&s->share);
}

void fz_running_total_state(fz_running_total *s, const fz_optimizer *o, fz_state_list *list) {
  fz_state_add_array(list, "optimizer/total", FZ_STATE_I64, 1, (int64_t[]){o->f->n_words}, s->total, "1",
                     "statistics of all batches together, fixed point");
  fz_kept_state(&s->kept, o->f, list, "what this batch contributes to the total, fixed point");
}

fz_status fz_running_total_visit(fz_running_total *s, fz_optimizer *o, int64_t batch, fz_error *err) {
  int64_t n;
  const int64_t *tile = fz_batches_get(&s->batches, 0, batch, &n);
  fz_status st = fz_optimizer_evaluate(o, o->w, tile, n, s->words, err);
  if (st != FZ_OK) return st;
  const int64_t *kept = fz_kept_share(&s->kept, batch);
  const ptrdiff_t first = s->kept.first;
  for (ptrdiff_t i = 0; i < s->kept.count; i++) s->share[i] = s->total[first + i] + (s->words[first + i] - kept[i]);
  fz_kept_put(&s->kept, batch, s->words);
  return o->f->collect(o->f->self, s->share, s->total, err);
}
