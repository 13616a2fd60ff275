#include "optim/mixing.h"

#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"

static const double LEAST_NEW = 1e-8, MOST_STRETCH = 1024;

fz_status fz_mixing_init(fz_mixing *m, const fz_optimizer *o) {
  *m = (fz_mixing){.capacity = o->options.memory, .stretch = 1};
  const size_t row = sizeof(double) * (size_t)o->f->dim;
  m->point = fz_alloc(m->capacity + 1, row);
  m->image = fz_alloc(m->capacity + 1, row);
  m->base = fz_alloc(m->capacity, row);
  m->weighted = fz_alloc(m->capacity, row);
  m->shift = fz_alloc(m->capacity, row);
  m->residual = fz_alloc(1, row);
  return m->point && m->image && m->base && m->weighted && m->shift && m->residual ? FZ_OK : FZ_ENOMEM;
}

void fz_mixing_clear(fz_mixing *m) {
  fz_free(&m->point);
  fz_free(&m->image);
  fz_free(&m->base);
  fz_free(&m->weighted);
  fz_free(&m->shift);
  fz_free(&m->residual);
}

void fz_mixing_state(fz_mixing *m, const fz_optimizer *o, fz_state_list *list) {
  const int64_t dims[] = {m->capacity + 1, o->f->dim};
  fz_state_add_array(list, "optimizer/mixing_points", FZ_STATE_F64, 2, dims, m->point, "image units",
                     "Anderson mixing: points");
  fz_state_add_array(list, "optimizer/mixing_images", FZ_STATE_F64, 2, dims, m->image, "image units",
                     "Anderson mixing: their images");
  fz_state_add_array(list, "optimizer/mixing_values", FZ_STATE_F64, 1, (int64_t[]){FZ_MIXING_VALUES}, m->value, "nats",
                     "Anderson mixing: F at the last points");
  fz_state_add_i64(list, "optimizer/mixing_count", &m->count, "1", "Anderson mixing: points held");
  fz_state_add_i64(list, "optimizer/mixing_total", &m->total, "1", "Anderson mixing: points so far");
  fz_state_add_i64(list, "optimizer/mixing_seen", &m->n_values, "1", "Anderson mixing: values so far");
  fz_state_add_f64(list, "optimizer/mixing_stretch", &m->stretch, "1", "Anderson mixing: length of the last step");
  fz_state_add_i64(list, "optimizer/mixed", &m->mixed, "1", "1: the present point is a mixed one");
}

/* Row `age` of a ring, 0 the newest. */
static double *ring_row(const fz_mixing *m, ptrdiff_t dim, double *ring, int64_t age) {
  return ring + (ptrdiff_t)((m->total - 1 - age) % (m->capacity + 1)) * dim;
}

void fz_mixing_push(fz_mixing *m, const fz_optimizer *o, const double *point, const double *image, double value) {
  const ptrdiff_t dim = o->f->dim;
  m->total++;
  if (m->count < m->capacity + 1) m->count++;
  memcpy(ring_row(m, dim, m->point, 0), point, sizeof *point * (size_t)dim);
  memcpy(ring_row(m, dim, m->image, 0), image, sizeof *image * (size_t)dim);
  m->value[m->n_values++ % FZ_MIXING_VALUES] = value;
}

static double dot(ptrdiff_t n, const double *a, const double *b) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static void add(ptrdiff_t n, double a, const double *x, double *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void differences(const fz_mixing *m, ptrdiff_t n, int64_t age, double *of_residuals, double *of_images) {
  const double *u0 = ring_row(m, n, m->point, age + 1), *u1 = ring_row(m, n, m->point, age);
  const double *g0 = ring_row(m, n, m->image, age + 1), *g1 = ring_row(m, n, m->image, age);
  for (ptrdiff_t i = 0; i < n; i++) {
    of_images[i] = g1[i] - g0[i];
    of_residuals[i] = (g1[i] - u1[i]) - (g0[i] - u0[i]);
  }
}

static fz_status weigh(const fz_optimizer *o, const double *moments, const double *w, const double *x, double *out,
                       double *length, fz_error *err) {
  fz_status st = o->f->curvature(o->f->self, moments, w, x, out, err);
  double square = st == FZ_OK ? dot(o->f->dim, x, out) : 0;
  *length = square > 0 && isfinite(square) ? sqrt(square) : 0;
  return st;
}

/* Along du the map contracts towards a minimum: du' C dr < 0, which is minus s.y of a curvature pair. */
static bool descends(const fz_mixing *m, ptrdiff_t n, int64_t age, const double *weighted) {
  const double *u0 = ring_row(m, n, m->point, age + 1), *u1 = ring_row(m, n, m->point, age);
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += (u1[i] - u0[i]) * weighted[i];
  return sum < 0;
}

/* Row k of the bases from the differences of that age; *joins false: nothing new in them. */
static fz_status orthonormalize(fz_mixing *m, const fz_optimizer *o, const double *moments, const double *w,
                                int64_t age, int k, bool *joins, fz_error *err) {
  const ptrdiff_t n = o->f->dim;
  double *q = m->base + k * n, *c = m->weighted + k * n, *p = m->shift + k * n, before, after;
  differences(m, n, age, q, p);
  fz_status st = weigh(o, moments, w, q, c, &before, err);
  if (st != FZ_OK) return st;
  *joins = descends(m, n, age, c);
  if (!*joins) return FZ_OK;
  for (int round = 0; round < 2; round++)
    for (int j = 0; j < k; j++) {
      double part = dot(n, m->weighted + j * n, q);
      add(n, -part, m->base + j * n, q);
      add(n, -part, m->shift + j * n, p);
    }
  st = weigh(o, moments, w, q, c, &after, err);
  *joins = st == FZ_OK && after > LEAST_NEW * before;
  for (ptrdiff_t i = 0; i < n && *joins; i++) {
    q[i] /= after;
    c[i] /= after;
    p[i] /= after;
  }
  return st;
}

fz_status fz_mixing_mix(fz_mixing *m, const fz_optimizer *o, const double *moments, const double *w, double *out,
                        fz_error *err) {
  const ptrdiff_t n = o->f->dim;
  const double *u = ring_row(m, n, m->point, 0), *g = ring_row(m, n, m->image, 0);
  int k = 0;
  memcpy(out, g, sizeof *out * (size_t)n);
  for (ptrdiff_t i = 0; i < n; i++) m->residual[i] = g[i] - u[i];
  for (int64_t age = 0; age + 1 < m->count; age++) {
    bool joins;
    fz_status st = orthonormalize(m, o, moments, w, age, k, &joins, err);
    if (st != FZ_OK) return st;
    if (!joins) continue;
    double part = dot(n, m->weighted + k * n, m->residual);
    add(n, -part, m->base + k * n, m->residual);
    add(n, -part, m->shift + k * n, out);
    k++;
  }
  m->stretch = k == 0 && m->count > 1 ? fmin(2 * m->stretch, MOST_STRETCH) : 1;
  add(n, m->stretch - 1, m->residual, out); /* nothing was taken off it if k = 0 */
  m->mixed = m->count > 1;
  return FZ_OK;
}

double fz_mixing_highest(const fz_mixing *m) {
  double highest = m->n_values ? -HUGE_VAL : HUGE_VAL;
  for (int64_t i = 0; i < m->n_values && i < FZ_MIXING_VALUES; i++) highest = fmax(highest, m->value[i]);
  return highest;
}

void fz_mixing_refuse(fz_mixing *m, const fz_optimizer *o, double *out) {
  fz_log(FZ_LOG_DETAIL, "%s: mixed point refused", o->kind->name);
  memcpy(out, ring_row(m, o->f->dim, m->image, 0), sizeof *out * (size_t)o->f->dim);
  m->count = (m->count + 1) / 2;
  m->stretch = 1;
  m->mixed = 0;
}
