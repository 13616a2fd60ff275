#include "optim/pairs.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

static const double LEAST_COSINE = 1e-10;

fz_status fz_pairs_init(fz_pairs *p, const fz_optimizer *o) {
  *p = (fz_pairs){.capacity = o->options.memory, .given = -1};
  p->s = fz_alloc(o->f->dim, sizeof *p->s * (size_t)p->capacity);
  p->y = fz_alloc(o->f->dim, sizeof *p->y * (size_t)p->capacity);
  p->ordered = fz_alloc(2 * p->capacity, sizeof *p->ordered);
  return p->s && p->y && p->ordered ? FZ_OK : FZ_ENOMEM;
}

fz_status fz_pairs_open(fz_pairs *p, const fz_optimizer *o, fz_error *err) {
  bool any_curvature = !(o->options.safeguards & FZ_SAFE_PAIRS);
  const fz_algebra *a = o->f->algebra;
  return a->quasi_newton_create(a->self, o->f->dim, p->capacity, any_curvature, &p->matrix, err);
}

void fz_pairs_clear(fz_pairs *p, const fz_optimizer *o) {
  if (p->matrix) o->f->algebra->quasi_newton_destroy(o->f->algebra->self, &p->matrix);
  fz_free(&p->s);
  fz_free(&p->y);
  fz_free(&p->ordered);
}

void fz_pairs_state(fz_pairs *p, const fz_optimizer *o, fz_state_list *list) {
  const int64_t dims[] = {p->capacity, o->f->dim};
  fz_state_add_array(list, "optimizer/pairs_s", FZ_STATE_F64, 2, dims, p->s, "image units",
                     "curvature pairs: differences of parameters");
  fz_state_add_array(list, "optimizer/pairs_y", FZ_STATE_F64, 2, dims, p->y, "nats",
                     "curvature pairs: differences of gradients");
  fz_state_add_i64(list, "optimizer/pairs_count", &p->count, "1", "curvature pairs held");
  fz_state_add_i64(list, "optimizer/pairs_total", &p->total, "1", "curvature pairs taken so far");
}

static double dot(ptrdiff_t n, const double *a, const double *b) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

void fz_pairs_push(fz_pairs *p, const fz_optimizer *o, const double *s, const double *y) {
  const ptrdiff_t n = o->f->dim, at = (ptrdiff_t)(p->total % p->capacity) * n;
  const double sy = dot(n, s, y);
  const bool safe = o->options.safeguards & FZ_SAFE_PAIRS;
  if (safe && !(sy > LEAST_COSINE * sqrt(dot(n, s, s) * dot(n, y, y)))) return;
  if (!(fabs(sy) > 1e-300)) return; /* no step was taken */
  memcpy(p->s + at, s, sizeof *s * (size_t)n);
  memcpy(p->y + at, y, sizeof *y * (size_t)n);
  p->total++;
  if (p->count < p->capacity) p->count++;
}

static fz_status tell(fz_pairs *p, const fz_optimizer *o, fz_error *err) {
  const fz_algebra *a = o->f->algebra;
  const double **s = p->ordered, **y = p->ordered + p->capacity;
  for (int64_t k = 0; k < p->count; k++) {
    ptrdiff_t at = (ptrdiff_t)((p->total - p->count + k) % p->capacity) * o->f->dim;
    s[k] = p->s + at;
    y[k] = p->y + at;
  }
  fz_status st = a->quasi_newton_set(a->self, p->matrix, (int)p->count, s, y, err);
  if (st == FZ_OK) p->given = p->total;
  return st;
}

typedef struct start_map {
  const fz_objective *f;
  fz_pairs_start start;
} start_map;

static fz_status apply_start(void *context, const double *x, double *y, fz_error *err) {
  const start_map *m = context;
  const fz_objective *f = m->f;
  if (m->start.moments) return f->precondition(f->self, m->start.moments, m->start.iterations, x, y, err);
  for (ptrdiff_t i = 0; i < f->dim; i++) y[i] = m->start.scale * x[i];
  return FZ_OK;
}

fz_status fz_pairs_apply(fz_pairs *p, const fz_optimizer *o, fz_pairs_start start, const double *g, double *out,
                         fz_error *err) {
  const fz_algebra *a = o->f->algebra;
  if (p->given != p->total) {
    fz_status st = tell(p, o, err);
    if (st != FZ_OK) return st;
  }
  start_map map = {o->f, start};
  return a->quasi_newton_apply(a->self, p->matrix, apply_start, &map, g, out, err);
}
