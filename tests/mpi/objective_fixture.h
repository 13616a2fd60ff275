/* A small particle set and its distributed objective, for tests. */
#ifndef FZ_TESTS_OBJECTIVE_FIXTURE_H
#define FZ_TESTS_OBJECTIVE_FIXTURE_H
#include <math.h>
#include <string.h>

#include "core/random.h"
#include "mpi/dataset.h"
#include "mpi/objective.h"
#include "mpi_test.h"

enum { N = 60, BOX = 16, KMAX = 4, TILE = 8 };

/* A displaced blob under white noise. */
static inline fz_status read_images(void *self, const int64_t *particle, int n, float *pixels, fz_error *err) {
  (void)self;
  (void)err;
  for (int i = 0; i < n; i++) {
    fz_random r = fz_random_stream(9, FZ_PURPOSE_TEST, 0, (uint64_t)particle[i]);
    double x0 = BOX / 2 + fz_random_normal(&r), y0 = BOX / 2 + 2 * fz_random_normal(&r);
    for (int y = 0, p = 0; y < BOX; y++)
      for (int x = 0; x < BOX; x++, p++)
        pixels[(ptrdiff_t)i * BOX * BOX + p] =
            (float)(fz_random_normal(&r) + 2 * exp(-((x - x0) * (x - x0) + (y - y0) * (y - y0) / 4) / 4));
  }
  return FZ_OK;
}

typedef struct fixture {
  fz_particle particle[N];
  fz_optics optics;
  fz_particles table;
  uint8_t fault[N];
  fz_dataset data;
  double inverse_tau2[KMAX + 2];
  fz_mpi_objective *objective;
  const fz_objective *f;
  int64_t *words, *tile;
  double *w, *moments;
} fixture;

static inline void build_classes(fz_mpi *comm, fixture *x, int threads, int classes) {
  fz_error err;
  *x = (fixture){.optics = {.pixel_A = 4, .box = BOX}};
  for (int i = 0; i < N; i++) x->particle[i] = (fz_particle){.ctf.scale = 1, .slice = i};
  x->table = (fz_particles){.n = N, .particle = x->particle, .n_optics = 1, .optics = &x->optics};
  fz_images images = {.n = N, .box = BOX, .read = read_images};
  CHECK(fz_mpi_dataset_open(comm, &x->table, &images, 6, TILE, 1, &x->data, x->fault, &err) == FZ_OK);
  fz_stage_spec spec = {.engine = FZ_ENGINE_DIRECT,
                        .kmax = KMAX,
                        .directions = {FZ_DIRECTIONS_HEALPIX, 2},
                        .n_psi = 8,
                        .shift_step_px = 1,
                        .shift_radius_px = 1,
                        .shift_sd_px = 1,
                        .turn = fz_rotation_identity(),
                        .n_classes = classes,
                        .want = FZ_WANT_MOMENTS | FZ_WANT_GRADIENT,
                        .double_precision = true,
                        .threads = threads,
                        .cache_bytes = 1 << 28};
  for (int s = 0; s < KMAX + 2; s++) x->inverse_tau2[s] = 1 / x->data.signal_tau2[s];
  fz_volume_prior prior = {.inverse_tau2 = x->inverse_tau2, .mask_radius_px = 5};
  CHECK(fz_mpi_objective_open(comm, &x->data, &spec, &prior, &x->objective, &err) == FZ_OK);
  x->f = fz_mpi_objective_view(x->objective);
  x->words = fz_alloc(x->f->n_words, sizeof *x->words);
  x->tile = fz_alloc(x->f->n_tiles, sizeof *x->tile);
  x->w = fz_alloc(x->f->dim, sizeof *x->w);
  x->moments = fz_alloc(x->f->n_moments, sizeof *x->moments);
  for (int64_t t = 0; t < x->f->n_tiles; t++) x->tile[t] = t;
  fz_random r = fz_random_stream(10, FZ_PURPOSE_TEST, 0, 0);
  for (ptrdiff_t i = 0; i < x->f->dim; i++) x->w[i] = 0.02 * fz_random_normal(&r); /* also outside the support */
}

static inline void build_with(fz_mpi *comm, fixture *x, int threads) {
  build_classes(comm, x, threads, 1);
}

static inline void build(fz_mpi *comm, fixture *x) {
  build_with(comm, x, 1);
}

static inline void drop(fixture *x) {
  fz_free(&x->words);
  fz_free(&x->tile);
  fz_free(&x->w);
  fz_free(&x->moments);
  fz_mpi_objective_close(&x->objective);
  fz_dataset_clear(&x->data);
}

static inline double value(fixture *x) {
  fz_error err;
  CHECK(x->f->evaluate(x->f->self, x->w, x->tile, x->f->n_tiles, x->words, &err) == FZ_OK);
  CHECK(x->f->images(x->f->self, x->words) == N);
  return -x->f->gain(x->f->self, x->words) / N + x->f->prior(x->f->self, x->w);
}

#endif
