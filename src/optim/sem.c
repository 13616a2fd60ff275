/* Stochastic EM (Cappe & Moulines 2009): a running mean of the statistics, s <- (1 - rho_t) s + rho_t s_I(w), with
 * rho_0 = 1 and rho_t = (t + 2)^-power, then the M-step at s. */
#include <math.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/batches.h"
#include "optim/optimizer.h"

typedef struct sem {
  fz_batches batches;
  int64_t *words;
  double *mean, *moments; /* running and of the batch */
  double spread;          /* sum over images of their squared weights in the mean: 1 / effective images */
} sem;

static fz_status init(fz_optimizer *o) {
  sem *s = o->self;
  s->words = fz_alloc(o->f->n_words, sizeof *s->words);
  s->mean = fz_alloc(o->f->n_moments, sizeof *s->mean);
  s->moments = fz_alloc(o->f->n_moments, sizeof *s->moments);
  if (!s->words || !s->mean || !s->moments) return FZ_ENOMEM;
  return fz_batches_init(&s->batches, o->options.seed, o->f->n_tiles, o->f->n_images, o->options.batch_images);
}

/* How many images' worth of information the mean holds.  Each has been seen once in the first pass, however its weight
 * has faded since; the effective number alone would smooth a noisy map twice as much as its data ask for. */
static double worth(const fz_optimizer *o) {
  const sem *s = o->self;
  return fmax(1 / s->spread, fmin((double)o->visited, (double)o->f->n_images));
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  sem *s = o->self;
  int64_t n, count = s->batches.n_batches;
  const int64_t *tile = fz_batches_get(&s->batches, o->steps / count, o->steps % count, &n);
  fz_status st = fz_optimizer_evaluate(o, o->w, tile, n, s->words, err);
  if (st != FZ_OK) return st;
  o->f->moments(o->f->self, s->words, s->moments);
  double rho = o->steps ? pow((double)o->steps + 2, -o->options.rate_power) : 1.0;
  for (ptrdiff_t i = 0; i < o->f->n_moments; i++) s->mean[i] += rho * (s->moments[i] - s->mean[i]);
  s->spread = (1 - rho) * (1 - rho) * s->spread + rho * rho / (double)o->f->images(o->f->self, s->words);
  return o->f->maximize(o->f->self, s->mean, worth(o), o->options.iterations, o->w, err);
}

static void state(fz_optimizer *o, fz_state_list *list) {
  sem *s = o->self;
  fz_state_add_array(list, "optimizer/mean", FZ_STATE_F64, 1, (int64_t[]){o->f->n_moments}, s->mean, "1",
                     "running mean of the sufficient statistics");
  fz_state_add_f64(list, "optimizer/spread", &s->spread, "1", "1 / effective number of images in the mean");
}

static void clear(fz_optimizer *o) {
  sem *s = o->self;
  fz_batches_clear(&s->batches);
  fz_free(&s->words);
  fz_free(&s->mean);
  fz_free(&s->moments);
}

const fz_optimizer_kind fz_optimizer_sem = {.name = "sem",
                                            .summary = "stochastic EM with decreasing rate",
                                            .want = FZ_WANT_MOMENTS,
                                            .takes = FZ_TAKES_BATCH | FZ_TAKES_RATE_POWER,
                                            .self_bytes = sizeof(sem),
                                            .init = init,
                                            .step = step,
                                            .state = state,
                                            .clear = clear};
