#include "optim/optimizer_size.h"

#include <math.h>

#include "core/memory.h"
#include "optim/batches.h"

enum { PROBE = 1024 }; /* words of a rank's share; parameters are more, as there must be more than eigenpairs */

/* An objective without data. */
typedef struct mock {
  int ranks;
  ptrdiff_t n_words;
  int64_t algebra_bytes;
} mock;

static void share(const void *self, ptrdiff_t *first, ptrdiff_t *count) {
  const mock *m = self;
  *first = 0;
  *count = m->n_words / m->ranks;
}

/* The libraries copy the pairs; their memory is not counted by ours. */
static fz_status matrix_create(void *self, ptrdiff_t n, int capacity, bool any_curvature, fz_quasi_newton **out,
                               fz_error *err) {
  mock *m = self;
  (void)any_curvature;
  (void)err;
  m->algebra_bytes += 8 * (int64_t)n * (2 * capacity + 4);
  *out = NULL;
  return FZ_OK;
}

static void matrix_destroy(void *self, fz_quasi_newton **h) {
  (void)self;
  (void)h;
}

typedef struct found {
  double bytes, state_bytes;
} found;

static fz_status probe(const fz_optimizer_kind *kind, const fz_optimizer_options *options, const fz_objective_size *of,
                       found *out, fz_error *err) {
  mock m = {.ranks = of->ranks, .n_words = (ptrdiff_t)of->n_words};
  fz_algebra algebra = {.self = &m, .quasi_newton_create = matrix_create, .quasi_newton_destroy = matrix_destroy};
  double *prior = fz_alloc(of->n_classes, sizeof *prior), *w = fz_alloc((ptrdiff_t)of->dim, sizeof *w);
  fz_optimizer *o = NULL;
  fz_status st = prior && w ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory");
  if (st == FZ_OK) {
    fz_objective f = {.self = &m,
                      .dim = (ptrdiff_t)of->dim,
                      .n_words = (ptrdiff_t)of->n_words,
                      .n_moments = (ptrdiff_t)of->n_moments,
                      .n_tiles = of->n_tiles,
                      .n_images = of->n_images,
                      .n_classes = of->n_classes,
                      .class_prior = prior,
                      .share = share,
                      .algebra = &algebra};
    ptrdiff_t before = fz_memory_thread_bytes();
    st = fz_optimizer_create(kind, &f, options, w, &o, err);
    if (st == FZ_OK) {
      fz_state_list list = {0};
      fz_optimizer_state(o, &list);
      *out = (found){.bytes = (double)(fz_memory_thread_bytes() - before + m.algebra_bytes)};
      for (int i = 0; i < list.n; i++) out->state_bytes += (double)fz_state_bytes(&list.item[i]);
      fz_state_clear(&list);
    }
    fz_optimizer_destroy(&o);
  }
  fz_free(&prior);
  fz_free(&w);
  return st;
}

/* Beyond the linear part: conjugate gradients' vectors, a matrix that eigenpairs are taken of. */
static double algebra_bytes(const fz_optimizer_kind *kind, const fz_objective_size *of) {
  double n = (double)of->dim, bytes = kind->needs_algebra ? 5 * 8 * n : 0;
  return kind->takes & FZ_TAKES_EIGENPAIRS ? bytes + 4 * 8 * n * n : bytes;
}

fz_status fz_optimizer_measure(const fz_optimizer_kind *kind, const fz_optimizer_options *options,
                               const fz_objective_size *of, fz_optimizer_size *size, fz_error *err) {
  fz_optimizer_options probed = *options;
  fz_objective_size least = *of;
  fz_batches batches;
  fz_status st = fz_batches_init(&batches, 0, of->n_tiles, of->n_images, options->batch_images);
  if (st != FZ_OK) return fz_fail(err, st, "no memory");
  double kept = 8.0 * (double)of->n_words * (double)batches.n_batches;
  bool reduced = kind->takes & FZ_TAKES_INNER_PASSES, keeps = kept <= options->keep_bytes;
  fz_batches_clear(&batches);
  probed.keep_bytes = keeps ? HUGE_VAL : -1; /* as with words of the true number */
  least.dim = 4 * PROBE + 2 * (int64_t)options->eigenpairs;
  least.n_words = (int64_t)PROBE * of->ranks;
  least.n_moments = PROBE;
  found base = {0}, longer = {0};
  st = probe(kind, &probed, &least, &base, err);
  double bytes = base.bytes, state = base.state_bytes;
  int64_t *const axis[] = {&least.dim, &least.n_words, &least.n_moments};
  const int64_t goal[] = {of->dim, of->n_words, of->n_moments};
  for (int i = 0; i < 3 && st == FZ_OK; i++) {
    const int64_t start = *axis[i];
    *axis[i] = 2 * start;
    st = probe(kind, &probed, &least, &longer, err);
    *axis[i] = start;
    double steps = (double)(goal[i] - start) / (double)start;
    bytes += steps * (longer.bytes - base.bytes);
    state += steps * (longer.state_bytes - base.state_bytes);
  }
  if (st != FZ_OK) return st;
  *size = (fz_optimizer_size){.bytes = (int64_t)(bytes + algebra_bytes(kind, of)),
                              .state_bytes = (int64_t)state,
                              .keeps_batches = kind->keeps_batches || (reduced && keeps)};
  return FZ_OK;
}
