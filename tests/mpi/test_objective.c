/* The distributed objective: its gradient is the slope of its value, its M-step solves for the volume that is scored
 * (a soft support once broke both: EM went uphill), and its sums and states are those of one rank, on all ranks,
 * however many of them share a tile. */
#include "mpi/fault.h"
#include "objective_fixture.h"
#include "optim/optimizer.h"

/* Posterior weights below the cutoff (together less than 1e-3) are missing from the gradient, not from the value. */
static void gradient_is_the_slope(fz_mpi *comm) {
  fixture x;
  fz_error err;
  build(comm, &x);
  double *g = fz_alloc(x.f->dim, sizeof *g), slope = 0, norm = 0, step = 1e-4, f[2];
  value(&x);
  CHECK(x.f->gradient(x.f->self, x.words, x.w, g, &err) == FZ_OK);
  for (ptrdiff_t i = 0; i < x.f->dim; i++) norm += g[i] * g[i];
  norm = sqrt(norm);
  for (ptrdiff_t i = 0; i < x.f->dim; i++) slope += g[i] * g[i] / norm;
  for (int side = 0; side < 2; side++) {
    for (ptrdiff_t i = 0; i < x.f->dim; i++) x.w[i] += (side ? -2 : 1) * step * g[i] / norm;
    f[side] = value(&x);
  }
  CHECK(fabs((f[0] - f[1]) / (2 * step) - slope) < 2e-3 * slope);
  fz_free(&g);
  drop(&x);
}

static void em_never_goes_uphill(fz_mpi *comm) {
  fixture x;
  fz_error err;
  build(comm, &x);
  double before = value(&x), first = before;
  for (int pass = 0; pass < 6; pass++) {
    x.f->moments(x.f->self, x.words, x.moments);
    CHECK(x.f->maximize(x.f->self, x.moments, N, 200, x.w, &err) == FZ_OK);
    double now = value(&x);
    CHECK(now <= before + 1e-4 * fabs(before));
    before = now;
  }
  CHECK(before < first - 0.05);
  drop(&x);
}

/* Batches of `tiles` tiles, with up to `pose_blocks` ranks to a tile. */
static void check_shared(fixture *x, fixture *alone, int64_t tiles, int pose_blocks) {
  fz_error err;
  memset(x->data.state, 0, sizeof x->data.state[0] * N);
  memset(alone->data.state, 0, sizeof alone->data.state[0] * N);
  fz_mpi_objective_set_pose_blocks(x->objective, pose_blocks);
  for (int64_t t = 0; t < x->f->n_tiles; t += tiles) {
    int64_t n = x->f->n_tiles - t < tiles ? x->f->n_tiles - t : tiles;
    CHECK(x->f->evaluate(x->f->self, x->w, x->tile + t, n, x->words, &err) == FZ_OK);
    CHECK(alone->f->evaluate(alone->f->self, alone->w, alone->tile + t, n, alone->words, &err) == FZ_OK);
    CHECK(memcmp(x->words, alone->words, sizeof *x->words * (size_t)x->f->n_words) == 0);
    CHECK(memcmp(x->data.state, alone->data.state, sizeof x->data.state[0] * N) == 0);
  }
  for (int i = 0; i < N; i++) CHECK(x->data.state[i].visited == 1);
}

static void ranks_and_threads_can_share_tiles(fz_mpi *comm) {
  fz_mpi *self = fz_mpi_split(comm, fz_mpi_size(comm));
  fixture alone, x;
  build(self, &alone);
  for (int threads = 1; threads <= 3; threads += 2) {
    build_with(comm, &x, threads);
    CHECK(x.f->n_words == alone.f->n_words && x.f->n_tiles == 8);
    check_shared(&x, &alone, 8, 0);
    for (int pose_blocks = 0; pose_blocks <= 4; pose_blocks++) check_shared(&x, &alone, 3, pose_blocks);
    check_shared(&x, &alone, 1, 0);
    drop(&x);
  }
  /* Ranks need not have as many threads as each other. */
  build_with(comm, &x, 1 + fz_mpi_rank(comm) % 3);
  for (int pose_blocks = 0; pose_blocks <= 2; pose_blocks++) check_shared(&x, &alone, 3, pose_blocks);
  drop(&x);
  drop(&alone);
  fz_mpi_release(&self);
}

/* All images show one object: the class that has it draws their shares to it, with gradients as with M-steps. */
static void shares_follow_in_gradient_methods(fz_mpi *comm) {
  static const char *const name[] = {"em", "gd", "sgd", "svrg"};
  fixture x, two;
  fz_error err;
  build(comm, &x);
  for (int pass = 0; pass < 4; pass++) {
    value(&x);
    x.f->moments(x.f->self, x.words, x.moments);
    CHECK(x.f->maximize(x.f->self, x.moments, N, 50, x.w, &err) == FZ_OK);
  }
  for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
    fz_optimizer *o;
    fz_optimizer_options options = fz_optimizer_options_default();
    options.batch_images = 16;
    build_classes(comm, &two, 1, 2);
    for (ptrdiff_t v = 0; v < two.f->dim; v++) two.w[v] = v < x.f->dim ? x.w[v] : 0;
    CHECK(fz_optimizer_create(fz_optimizer_find(name[i]), two.f, &options, two.w, &o, &err) == FZ_OK);
    CHECK(two.f->class_prior[0] == 0.5 && two.f->class_prior[1] == 0.5);
    while (fz_optimizer_passes(o) < 4) {
      fz_status st = fz_optimizer_step(o, &err);
      if (st != FZ_OK) fprintf(stderr, "%s: %s\n", name[i], err.text);
      CHECK(st == FZ_OK);
    }
    CHECK(two.f->class_prior[0] > 0.7 && fabs(two.f->class_prior[0] + two.f->class_prior[1] - 1) < 1e-12);
    fz_optimizer_destroy(&o);
    drop(&two);
  }
  drop(&x);
}

static fz_mpi_request always(void *context) {
  (void)context;
  return FZ_STOP;
}

/* A stop or a failure on one rank ends the evaluation on all of them, with one message, and leaves no trace. */
static void one_rank_ends_it_for_all(fz_mpi *comm) {
  fixture x;
  fz_error err;
  build(comm, &x);
  int last = fz_mpi_size(comm) - 1;
  char fault[32], name[32];
  snprintf(fault, sizeof fault, "tile:%d", last);
  snprintf(name, sizeof name, "(rank %d)", last);
  for (int pose_blocks = 0; pose_blocks <= 4; pose_blocks += 2) {
    fz_mpi_objective_set_pose_blocks(x.objective, pose_blocks);
    fz_image_state *before = fz_alloc(N, sizeof *before);
    memcpy(before, x.data.state, sizeof *before * N);
    CHECK(fz_mpi_fault_arm(comm, fault, &err) == FZ_OK);
    /* With tickets the rank that is to fail may find no tile left, unless all tiles are shared. */
    fz_status st = x.f->evaluate(x.f->self, x.w, x.tile, x.f->n_tiles, x.words, &err);
    CHECK(st == FZ_EIO || (st == FZ_OK && last > 0 && pose_blocks <= last));
    if (st == FZ_EIO) CHECK(strstr(err.text, "a tile cannot be read") && (last == 0 || strstr(err.text, name)));
    CHECK(fz_mpi_fault_arm(comm, NULL, &err) == FZ_OK);
    if (st != FZ_OK) CHECK(memcmp(before, x.data.state, sizeof *before * N) == 0);
    memcpy(before, x.data.state, sizeof *before * N);
    if (fz_mpi_rank(comm) == last) fz_mpi_objective_on_round(x.objective, (fz_mpi_pause){always, NULL}, NULL);
    st = x.f->evaluate(x.f->self, x.w, x.tile, x.f->n_tiles, x.words, &err);
    CHECK(st == FZ_ESTOPPED || (st == FZ_OK && last > 0 && pose_blocks <= last));
    if (st != FZ_OK) CHECK(memcmp(before, x.data.state, sizeof *before * N) == 0);
    fz_mpi_objective_on_round(x.objective, (fz_mpi_pause){0}, NULL);
    value(&x);
    fz_free(&before);
  }
  drop(&x);
}

/* A map that is out of all proportion is told of; it must not break the bounds of the sums. */
static void a_hopeless_map_is_refused(fz_mpi *comm) {
  fixture x;
  fz_error err;
  build(comm, &x);
  for (double scale = 1e2; scale < 1e9; scale *= 10) {
    for (ptrdiff_t i = 0; i < x.f->dim; i++) x.w[i] *= 10;
    fz_status st = x.f->evaluate(x.f->self, x.w, x.tile, x.f->n_tiles, x.words, &err);
    CHECK(st == FZ_EDIVERGED || (st == FZ_OK && scale < 1e6));
    if (st != FZ_OK) CHECK(strstr(err.text, "diverged") != NULL);
  }
  drop(&x);
}

typedef struct curvature_at {
  const fixture *x;
  const double *moments, *w;
} curvature_at;

static fz_status curvature_map(void *context, const double *v, double *out, fz_error *err) {
  const curvature_at *c = context;
  return c->x->f->curvature(c->x->f->self, c->moments, c->w, v, out, err);
}

static fz_status inverse_map(void *context, const double *g, double *out, fz_error *err) {
  const curvature_at *c = context;
  return c->x->f->precondition(c->x->f->self, c->moments, 3, g, out, err);
}

static double difference(ptrdiff_t n, const double *x, const double *y) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += (x[i] - y[i]) * (x[i] - y[i]);
  return sqrt(sum);
}

/* Its collective maps in its algebra: C d = b solved, and a pair (d, C d) met by a quasi-Newton matrix that starts from
 * the preconditioner. */
static void its_algebra_takes_its_maps(fz_mpi *comm) {
  fixture x;
  fz_error err;
  fz_quasi_newton *h;
  build(comm, &x);
  ptrdiff_t n = x.f->dim;
  const fz_algebra *a = x.f->algebra;
  double *d = fz_alloc(n, sizeof *d), *b = fz_alloc(n, sizeof *b), *image = fz_alloc(n, sizeof *image),
         *zero = fz_alloc(n, sizeof *zero);
  value(&x);
  x.f->moments(x.f->self, x.words, x.moments);
  CHECK(x.f->gradient(x.f->self, x.words, x.w, b, &err) == FZ_OK);
  curvature_at c = {&x, x.moments, x.w};
  CHECK(a->conjugate_gradients(a->self, n, curvature_map, &c, b, 500, 1e-8, d, &err) == FZ_OK);
  CHECK(curvature_map(&c, d, image, &err) == FZ_OK);
  CHECK(difference(n, image, b) <= 1e-7 * difference(n, b, zero));
  CHECK(a->quasi_newton_create(a->self, n, 3, false, &h, &err) == FZ_OK);
  CHECK(a->quasi_newton_set(a->self, h, 1, &(const double *){d}, &(const double *){image}, &err) == FZ_OK);
  CHECK(a->quasi_newton_apply(a->self, h, inverse_map, &c, image, b, &err) == FZ_OK);
  CHECK(difference(n, b, d) <= 1e-10 * difference(n, d, zero));
  memcpy(image, b, sizeof *b * (size_t)n);
  fz_mpi_broadcast(comm, image, sizeof *b * (size_t)n);
  CHECK(memcmp(image, b, sizeof *b * (size_t)n) == 0);
  a->quasi_newton_destroy(a->self, &h);
  fz_free(&zero);
  fz_free(&image);
  fz_free(&b);
  fz_free(&d);
  drop(&x);
}

int main(int argc, char **argv) {
  void (*const tests[])(fz_mpi *) = {gradient_is_the_slope,
                                     em_never_goes_uphill,
                                     ranks_and_threads_can_share_tiles,
                                     shares_follow_in_gradient_methods,
                                     one_rank_ends_it_for_all,
                                     a_hopeless_map_is_refused,
                                     its_algebra_takes_its_maps,
                                     NULL};
  return mpi_test_main(argc, argv, tests);
}
