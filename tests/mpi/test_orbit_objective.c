/* A shared orbit model gives the bits of one rank: words, Hessian products, stored shares, and optimizers on top; and
 * a rank that fails takes the others along. */
#include <math.h>
#include <string.h>

#include "core/random.h"
#include "mpi/fault.h"
#include "mpi/orbit_objective.h"
#include "mpi_test.h"
#include "optim/dense_algebra.h"
#include "optim/optimizer.h"
#include "orbit/mra.h"

enum { DIM = 32, N = 330 };

typedef struct fixture {
  fz_orbit_model *model;
  fz_mpi_orbit_objective *shared;
  const fz_objective *f;
  double w[DIM];
  int64_t tile[64];
} fixture;

static fixture build(fz_mpi *comm, int threads) {
  fixture x;
  fz_error err;
  double signal[16], density[16];
  fz_mra_spec mra = fz_mra_thesis(signal, density, 4);
  mra.n = N;
  CHECK(fz_mra_open(&mra, true, 16, threads, &x.model, &err) == FZ_OK);
  CHECK(fz_mpi_orbit_objective_open(comm, x.model, fz_dense_algebra(), &x.shared, &err) == FZ_OK);
  x.f = fz_mpi_orbit_objective_view(x.shared);
  CHECK(x.f->n_tiles == 21 && x.f->dim == DIM && x.f->algebra == fz_dense_algebra());
  fz_mra_start(16, 2, true, x.w);
  for (int t = 0; t < x.f->n_tiles; t++) x.tile[t] = (5 * t) % x.f->n_tiles;
  return x;
}

static void drop(fixture *x) {
  fz_mpi_orbit_objective_close(&x->shared);
  fz_orbit_model_destroy(&x->model);
}

/* Lists so short and odd that ranks get unequal parts and none. */
static const int64_t lengths[] = {0, 1, 2, 3, 7, 21};

static void words_are_those_of_one_rank(fz_mpi *comm) {
  fixture x = build(comm, 1), more = build(comm, 2);
  const fz_objective *local = fz_orbit_model_view(x.model, fz_dense_algebra());
  size_t bytes = sizeof(int64_t) * (size_t)local->n_words;
  int64_t *one = fz_alloc(local->n_words, sizeof *one), *all = fz_alloc(local->n_words, sizeof *all);
  double u[DIM], product[2][DIM];
  fz_error err;
  fz_random r = fz_random_stream(3, FZ_PURPOSE_TEST, 0, 0);
  for (int i = 0; i < DIM; i++) u[i] = fz_random_normal(&r);
  for (int k = 0; k < 6; k++) {
    int64_t n = lengths[k];
    CHECK(local->evaluate(local->self, x.w, x.tile, n, one, &err) == FZ_OK);
    for (int threads = 1; threads <= 2; threads++) {
      const fz_objective *f = threads == 1 ? x.f : more.f;
      CHECK(f->evaluate(f->self, x.w, x.tile, n, all, &err) == FZ_OK);
      CHECK(memcmp(one, all, bytes) == 0);
      if (n == 0) continue;
      CHECK(local->hessian(local->self, x.w, x.tile, n, u, product[0], &err) == FZ_OK);
      CHECK(f->hessian(f->self, x.w, x.tile, n, u, product[1], &err) == FZ_OK);
      CHECK(memcmp(product[0], product[1], sizeof product[0]) == 0);
    }
  }
  ptrdiff_t first, count;
  x.f->share(x.f->self, &first, &count);
  memset(all, 0, bytes);
  CHECK(x.f->collect(x.f->self, one + first, all, &err) == FZ_OK);
  CHECK(memcmp(one, all, bytes) == 0);
  fz_free(&one);
  fz_free(&all);
  drop(&x);
  drop(&more);
}

/* Every optimizer, some steps, next to the same one on this rank alone. */
static void optimizers_take_the_same_path(fz_mpi *comm) {
  fixture x = build(comm, 2);
  const fz_objective *local = fz_orbit_model_view(x.model, fz_dense_algebra());
  fz_optimizer_options options = fz_optimizer_options_default();
  options.batch_images = 64;
  options.seed = 3;
  for (int k = 0; fz_optimizer_at(k); k++) {
    fz_error err;
    fz_optimizer *o[2];
    CHECK(fz_optimizer_create(fz_optimizer_at(k), local, &options, x.w, &o[0], &err) == FZ_OK);
    CHECK(fz_optimizer_create(fz_optimizer_at(k), x.f, &options, x.w, &o[1], &err) == FZ_OK);
    for (int step = 0; step < 6; step++)
      for (int i = 0; i < 2; i++) CHECK(fz_optimizer_step(o[i], &err) == FZ_OK);
    CHECK(memcmp(o[0]->w, o[1]->w, sizeof x.w) == 0);
    CHECK(memcmp(o[0]->w, x.w, sizeof x.w) != 0);
    CHECK(fz_mpi_same(comm, o[1]->w, sizeof x.w));
    for (int i = 0; i < 2; i++) fz_optimizer_destroy(&o[i]);
  }
  drop(&x);
}

static void one_failure_is_everybodys(fz_mpi *comm) {
  fixture x = build(comm, 1);
  int64_t *words = fz_alloc(x.f->n_words, sizeof *words);
  fz_error err;
  char fault[32];
  snprintf(fault, sizeof fault, "e-step:%d", fz_mpi_size(comm) - 1);
  CHECK(fz_mpi_fault_arm(comm, fault, &err) == FZ_OK);
  CHECK(x.f->evaluate(x.f->self, x.w, x.tile, 5, words, &err) == FZ_ENOMEM);
  CHECK(fz_mpi_fault_arm(comm, NULL, &err) == FZ_OK);
  CHECK(x.f->evaluate(x.f->self, x.w, x.tile, 5, words, &err) == FZ_OK);
  x.w[0] = NAN;
  CHECK(x.f->evaluate(x.f->self, x.w, x.tile, 5, words, &err) == FZ_EDIVERGED);
  fz_free(&words);
  drop(&x);
}

int main(int argc, char **argv) {
  static void (*const tests[])(fz_mpi *) = {words_are_those_of_one_rank, optimizers_take_the_same_path,
                                            one_failure_is_everybodys, NULL};
  return mpi_test_main(argc, argv, tests);
}
