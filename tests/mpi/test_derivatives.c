/* Curvature and Hessian products of the distributed objective: against the M-step, the prior and the value. */
#include "objective_fixture.h"

static double *random_direction(const fixture *x, uint64_t item) {
  double *v = fz_alloc(x->f->dim, sizeof *v);
  fz_random r = fz_random_stream(11, FZ_PURPOSE_TEST, 0, item);
  for (ptrdiff_t i = 0; i < x->f->dim; i++) v[i] = 0.02 * fz_random_normal(&r);
  return v;
}

static double dot(const fixture *x, const double *a, const double *b) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < x->f->dim; i++) sum += a[i] * b[i];
  return sum;
}

static double distance(const fixture *x, const double *a, const double *b) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < x->f->dim; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sqrt(sum);
}

static void curve(fixture *x, const double *v, double *out) {
  fz_error err;
  CHECK(x->f->curvature(x->f->self, x->moments, x->w, v, out, &err) == FZ_OK);
}

static void bend(fixture *x, const double *v, double *out) {
  fz_error err;
  CHECK(x->f->hessian(x->f->self, x->w, x->tile, x->f->n_tiles, v, out, &err) == FZ_OK);
}

/* The gradient comes from slices, the M-step's solution from its operator: they meet in g(w) = C (w - argmax Q). */
static void curvature_is_that_of_the_m_step(fz_mpi *comm) {
  fixture x;
  fz_error err;
  build(comm, &x);
  value(&x);
  x.f->moments(x.f->self, x.words, x.moments);
  double *g = fz_alloc(x.f->dim, sizeof *g), *best = random_direction(&x, 0), *away = random_direction(&x, 1);
  CHECK(x.f->gradient(x.f->self, x.words, x.w, g, &err) == FZ_OK);
  CHECK(x.f->maximize(x.f->self, x.moments, N, 1000, best, &err) == FZ_OK);
  for (ptrdiff_t i = 0; i < x.f->dim; i++) away[i] = x.w[i] - best[i];
  curve(&x, away, best);
  CHECK(distance(&x, best, g) < 2e-3 * sqrt(dot(&x, g, g)));
  fz_free(&g);
  fz_free(&best);
  fz_free(&away);
  drop(&x);
}

static void curvature_is_symmetric_positive_and_inverted(fz_mpi *comm) {
  fixture x;
  fz_error err;
  build(comm, &x);
  value(&x);
  x.f->moments(x.f->self, x.words, x.moments);
  double *u = random_direction(&x, 2), *v = random_direction(&x, 3), *cu = random_direction(&x, 4),
         *cv = random_direction(&x, 5);
  curve(&x, u, cu);
  curve(&x, v, cv);
  CHECK(fabs(dot(&x, u, cv) - dot(&x, v, cu)) < 1e-9 * dot(&x, u, cu));
  CHECK(dot(&x, u, cu) > 0 && dot(&x, v, cv) > 0);
  CHECK(x.f->precondition(x.f->self, x.moments, 1000, cv, u, &err) == FZ_OK);
  curve(&x, u, cu); /* beyond the support u and v differ */
  CHECK(distance(&x, cu, cv) < 1e-4 * sqrt(dot(&x, cv, cv)));
  memset(x.moments, 0, sizeof *x.moments * (size_t)x.f->n_moments);
  curve(&x, v, cv);
  double prior = x.f->prior(x.f->self, v);
  CHECK(prior > 0 && fabs(0.5 * dot(&x, v, cv) - prior) < 1e-9 * prior);
  fz_free(&u);
  fz_free(&v);
  fz_free(&cu);
  fz_free(&cv);
  drop(&x);
}

/* To where poses are told apart. */
static void climb(fixture *x) {
  fz_error err;
  for (int pass = 0; pass < 3; pass++) {
    value(x);
    x->f->moments(x->f->self, x->words, x->moments);
    CHECK(x->f->maximize(x->f->self, x->moments, N, 50, x->w, &err) == FZ_OK);
  }
}

static double value_beside(fixture *x, double step, const double *v) {
  for (ptrdiff_t i = 0; i < x->f->dim; i++) x->w[i] += step * v[i];
  double f = value(x);
  for (ptrdiff_t i = 0; i < x->f->dim; i++) x->w[i] -= step * v[i];
  return f;
}

static void hessian_is_that_of_the_value(fz_mpi *comm) {
  fixture x;
  build(comm, &x);
  climb(&x);
  double middle = value(&x);
  x.f->moments(x.f->self, x.words, x.moments);
  double *u = random_direction(&x, 6), *v = random_direction(&x, 7), *hu = random_direction(&x, 8),
         *hv = random_direction(&x, 9), *cu = random_direction(&x, 10), *cv = random_direction(&x, 11), step = 0.05;
  memcpy(v, x.w, sizeof *v * (size_t)x.f->dim);
  bend(&x, u, hu);
  bend(&x, v, hv);
  curve(&x, u, cu);
  curve(&x, v, cv);
  double bent = (value_beside(&x, step, u) - 2 * middle + value_beside(&x, -step, u)) / (step * step);
  double along = (value_beside(&x, step, v) - 2 * middle + value_beside(&x, -step, v)) / (step * step);
  CHECK(fabs(dot(&x, u, hv) - dot(&x, v, hu)) < 1e-3 * sqrt(dot(&x, u, cu) * dot(&x, v, cv)));
  CHECK(fabs(dot(&x, u, hu) - bent) < 1e-4 * dot(&x, u, cu));
  /* The difference to the curvature is a covariance, and largest along w. */
  double spread = dot(&x, v, cv) - dot(&x, v, hv);
  CHECK(dot(&x, u, cu) - dot(&x, u, hu) > -1e-4 * dot(&x, u, cu));
  CHECK(spread > 0.03 * dot(&x, v, cv));
  CHECK(fabs(dot(&x, v, hv) - along) < 0.05 * spread);
  fz_free(&u);
  fz_free(&v);
  fz_free(&hu);
  fz_free(&hv);
  fz_free(&cu);
  fz_free(&cv);
  drop(&x);
}

static fz_mpi_request always(void *context) {
  (void)context;
  return FZ_STOP;
}

/* Any ranks, some tiles: the same bits, and the images are as they were, also when a product is broken off. */
static void products_leave_no_trace(fz_mpi *comm) {
  fz_mpi *self = fz_mpi_split(comm, fz_mpi_size(comm));
  fixture x, alone;
  fz_error err;
  build(comm, &x);
  build(self, &alone);
  double *v = random_direction(&x, 12), *out = random_direction(&x, 13), *single = random_direction(&x, 14);
  value(&x);
  fz_image_state before[N];
  memcpy(before, x.data.state, sizeof before);
  const int64_t some[] = {5, 0, 3};
  CHECK(x.f->hessian(x.f->self, x.w, some, 3, v, out, &err) == FZ_OK);
  CHECK(alone.f->hessian(alone.f->self, alone.w, some, 3, v, single, &err) == FZ_OK);
  CHECK(memcmp(out, single, sizeof *out * (size_t)x.f->dim) == 0);
  CHECK(memcmp(before, x.data.state, sizeof before) == 0);
  for (int i = 0; i < N; i++) CHECK(alone.data.state[i].visited == 0);
  fz_mpi_objective_on_round(x.objective, (fz_mpi_pause){always, NULL}, NULL);
  CHECK(x.f->hessian(x.f->self, x.w, some, 3, v, out, &err) == FZ_ESTOPPED);
  CHECK(memcmp(before, x.data.state, sizeof before) == 0);
  memset(v, 0, sizeof *v * (size_t)x.f->dim);
  CHECK(x.f->hessian(x.f->self, x.w, some, 3, v, out, &err) == FZ_OK && dot(&x, out, out) == 0);
  fz_free(&v);
  fz_free(&out);
  fz_free(&single);
  drop(&x);
  drop(&alone);
  fz_mpi_release(&self);
}

int main(int argc, char **argv) {
  void (*const tests[])(fz_mpi *) = {curvature_is_that_of_the_m_step, curvature_is_symmetric_positive_and_inverted,
                                     hessian_is_that_of_the_value, products_leave_no_trace, NULL};
  return mpi_test_main(argc, argv, tests);
}
