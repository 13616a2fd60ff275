/* Incremental EM (Neal & Hinton 1998): batches in turn; the M-step at the sum of what each gave at its last visit. */
#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/running_total.h"

typedef struct incremental {
  fz_running_total sum;
  double *moments; /* [n_moments] scratch */
} incremental;

static fz_status init(fz_optimizer *o) {
  incremental *s = o->self;
  s->moments = fz_alloc(o->f->n_moments, sizeof *s->moments);
  return s->moments ? fz_running_total_init(&s->sum, o) : FZ_ENOMEM;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  incremental *s = o->self;
  const fz_objective *f = o->f;
  fz_status st = fz_running_total_visit(&s->sum, o, o->steps % s->sum.batches.n_batches, err);
  if (st != FZ_OK) return st;
  f->moments(f->self, s->sum.total, s->moments);
  return f->maximize(f->self, s->moments, (double)f->images(f->self, s->sum.total), o->options.iterations, o->w, err);
}

static void state(fz_optimizer *o, fz_state_list *list) {
  incremental *s = o->self;
  fz_running_total_state(&s->sum, o, list);
}

static void clear(fz_optimizer *o) {
  incremental *s = o->self;
  fz_running_total_clear(&s->sum);
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
