/* The distributed objective: its gradient is the slope of its value, its M-step solves for the volume that is scored
 * (a soft support once broke both: EM went uphill), and its sums and states are those of one rank, on all ranks,
 * however many of them share a tile. */
#include <math.h>
#include <string.h>

#include "core/random.h"
#include "mpi/dataset.h"
#include "mpi/fault.h"
#include "mpi/objective.h"
#include "mpi_test.h"

enum { N = 60, BOX = 16, KMAX = 4, TILE = 8 };

/* A displaced blob under white noise. */
static fz_status read_images(void *self, const int64_t *particle, int n, float *pixels, fz_error *err) {
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

static void build_with(fz_mpi *comm, fixture *x, int threads) {
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
                        .n_classes = 1,
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

static void build(fz_mpi *comm, fixture *x) {
  build_with(comm, x, 1);
}

static void drop(fixture *x) {
  fz_free(&x->words);
  fz_free(&x->tile);
  fz_free(&x->w);
  fz_free(&x->moments);
  fz_mpi_objective_close(&x->objective);
  fz_dataset_clear(&x->data);
}

static double value(fixture *x) {
  fz_error err;
  CHECK(x->f->evaluate(x->f->self, x->w, x->tile, x->f->n_tiles, x->words, &err) == FZ_OK);
  CHECK(x->f->images(x->f->self, x->words) == N);
  return -x->f->gain(x->f->self, x->words) / N + x->f->prior(x->f->self, x->w);
}

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

static bool always(void *context) {
  (void)context;
  return true;
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
    if (fz_mpi_rank(comm) == last) fz_mpi_objective_on_round(x.objective, always, NULL);
    st = x.f->evaluate(x.f->self, x.w, x.tile, x.f->n_tiles, x.words, &err);
    CHECK(st == FZ_ESTOPPED || (st == FZ_OK && last > 0 && pose_blocks <= last));
    if (st != FZ_OK) CHECK(memcmp(before, x.data.state, sizeof *before * N) == 0);
    fz_mpi_objective_on_round(x.objective, NULL, NULL);
    value(&x);
    fz_free(&before);
  }
  drop(&x);
}

int main(int argc, char **argv) {
  void (*const tests[])(fz_mpi *) = {gradient_is_the_slope, em_never_goes_uphill, ranks_and_threads_can_share_tiles,
                                     one_rank_ends_it_for_all, NULL};
  return mpi_test_main(argc, argv, tests);
}
