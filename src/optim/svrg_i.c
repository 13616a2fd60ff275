/* SVRG+I (Paul 2024, Algorithm 2): SVRG's gradients times the inverse of a Hessian of few images at the snapshot, of
 * which only the r largest eigenvalues are trusted:
 *  maths   H^-1 = Q (1/|Lambda| - 1/sigma) Q' + 1/sigma,  sigma = |lambda_{r+1}|: all smaller ones are set to it
 *  Up to DENSE_MOST parameters the Hessian is written down column by column (dim products, as in the source), above
 * that its leading eigenpairs are looked for (subspace.h). */
#include <math.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/reduced_gradient.h"
#include "optim/subsample.h"
#include "optim/subspace.h"

enum { DENSE_MOST = 2048 };
static const double LEAST_SIGMA = 1e-10; /* of the largest: directions of which F does not depend stay finite */

typedef struct svrg_i {
  fz_reduced_gradient reduced;
  fz_subsample sample;
  fz_subspace subspace;
  int64_t fresh;    /* 1: the snapshot has no Hessian yet */
  double *value;    /* [r + 1] */
  double *vector;   /* [r + 1][dim] */
  int64_t products; /* asked for by the present Hessian */
} svrg_i;

static fz_status init(fz_optimizer *o) {
  svrg_i *s = o->self;
  const int64_t images = o->options.hessian_images ? o->options.hessian_images : (o->f->n_images + 9) / 10;
  const int pairs = o->options.eigenpairs + 1;
  s->value = fz_alloc(pairs, sizeof *s->value);
  s->vector = fz_alloc(pairs, sizeof *s->vector * (size_t)o->f->dim);
  if (!s->value || !s->vector) return FZ_ENOMEM;
  fz_status st = fz_subsample_init(&s->sample, o, images);
  if (st == FZ_OK && o->f->dim > DENSE_MOST) st = fz_subspace_init(&s->subspace, o->f->dim, pairs);
  return st == FZ_OK ? fz_reduced_gradient_init(&s->reduced, o) : st;
}

static fz_status product(void *context, const double *x, double *y, fz_error *err) {
  const fz_optimizer *o = context;
  svrg_i *s = o->self;
  s->products++;
  return o->f->hessian(o->f->self, s->reduced.snapshot.w, s->sample.tile, s->sample.n, x, y, err);
}

static fz_status decompose(fz_optimizer *o, fz_error *err) {
  svrg_i *s = o->self;
  const fz_algebra *a = o->f->algebra;
  const int pairs = o->options.eigenpairs + 1;
  const int64_t draw = s->reduced.snapshot.partition;
  fz_subsample_draw(&s->sample, o, draw);
  s->products = 0;
  fz_status st = o->f->dim <= DENSE_MOST
                     ? a->eigenpairs(a->self, o->f->dim, product, o, pairs, s->value, s->vector, err)
                     : fz_subspace_pairs(&s->subspace, a, product, o, o->options.seed + (uint64_t)draw, pairs, s->value,
                                         s->vector, err);
  if (st != FZ_OK) return st;
  if (!(fabs(s->value[0]) > 0)) return fz_fail(err, FZ_EDIVERGED, "the Hessian is zero");
  fz_subsample_count(&s->sample, o, s->products);
  return FZ_OK;
}

static void newton_direction(fz_optimizer *o, const double *g, double *d) {
  const svrg_i *s = o->self;
  const ptrdiff_t n = o->f->dim;
  const int r = o->options.eigenpairs;
  const double least = LEAST_SIGMA * fabs(s->value[0]), sigma = fmax(fabs(s->value[r]), least);
  for (ptrdiff_t i = 0; i < n; i++) d[i] = g[i] / sigma;
  for (int k = 0; k < r; k++) {
    const double *q = s->vector + k * n;
    double part = 0;
    for (ptrdiff_t i = 0; i < n; i++) part += q[i] * g[i];
    part *= 1 / fmax(fabs(s->value[k]), least) - 1 / sigma;
    for (ptrdiff_t i = 0; i < n; i++) d[i] += part * q[i];
  }
}

/* The snapshot is one step, its Hessian and the first update the next: either may be stopped. */
static fz_status step(fz_optimizer *o, fz_error *err) {
  svrg_i *s = o->self;
  fz_reduced_gradient *r = &s->reduced;
  bool fresh;
  fz_status st;
  if (s->fresh) {
    FZ_TRY(decompose(o, err));
    s->fresh = 0;
  } else {
    FZ_TRY(fz_reduced_gradient_next(r, o, &fresh, err));
    s->fresh = fresh;
    if (fresh) return FZ_OK;
  }
  newton_direction(o, r->snapshot.inner ? r->gradient : r->full, r->direction);
  fz_reduced_gradient_move(r, o, fz_step_number(o, false), r->direction); /* H knows the lengths */
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  svrg_i *s = o->self;
  const int64_t pairs = o->options.eigenpairs + 1;
  fz_reduced_gradient_state(&s->reduced, o, list);
  fz_state_add_i64(list, "optimizer/fresh", &s->fresh, "1", "1: the snapshot has no Hessian yet");
  fz_state_add_array(list, "optimizer/eigenvalues", FZ_STATE_F64, 1, &pairs, s->value, "1",
                     "of the subsampled Hessian, largest first");
  fz_state_add_array(list, "optimizer/eigenvectors", FZ_STATE_F64, 2, (int64_t[]){pairs, o->f->dim}, s->vector, "1",
                     "of the subsampled Hessian");
}

static void clear(fz_optimizer *o) {
  svrg_i *s = o->self;
  fz_reduced_gradient_clear(&s->reduced);
  fz_subsample_clear(&s->sample);
  fz_subspace_clear(&s->subspace);
  fz_free(&s->value);
  fz_free(&s->vector);
}

const fz_optimizer_kind fz_optimizer_svrg_i = {
    .name = "svrg-i",
    .summary = "SVRG+I: SVRG with the leading eigenpairs of a subsampled Hessian",
    .want = FZ_WANT_GRADIENT,
    .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_INNER_PASSES | FZ_TAKES_EIGENPAIRS | FZ_TAKES_HESSIAN_IMAGES |
             FZ_TAKES_SAFE_SNAPSHOTS,
    .default_step = 0.3,
    .needs_algebra = true,
    .self_bytes = sizeof(svrg_i),
    .init = init,
    .step = step,
    .state = state,
    .clear = clear};
