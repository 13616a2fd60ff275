/* Adaptive search of the polar engine: what it leaves out is what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "estep/coarse.h"
#include "estep/marginal.h"
#include "model/projector.h"

enum {
  M = 24,
  KMAX = 10,
  ANGLES = 64,
  IMAGES = 12,
  VOXELS = M * M * M,
  POINTS = (KMAX + 1) * ANGLES / 2,
  NORM_POINTS = (2 * KMAX + 1) * ANGLES / 2
};
static const double SUPPORT = 0.42;

typedef struct fixture {
  fz_frequencies f;
  fz_rings rings;
  fz_quadrature q;
  fz_tile tile;
  double *voxel;
  fz_statistics_layout layout;
  fz_fine_sampling fine;
  fz_coarse_level coarse[FZ_LEVELS_MOST];
  int n_coarse;
} fixture;

/* Noisy images of the map at poses off the grid, with noise of variance 1. */
static void fill_images(fixture *x, fz_random *r, double signal) {
  const fz_rings *norm = x->rings.norm;
  fz_projector *projector = fz_projector_create(M, KMAX);
  float re[POINTS], im[POINTS];
  fz_projector_set(projector, x->voxel, 1.0);
  for (int i = 0; i < IMAGES; i++) {
    fz_rotation a = fz_rotation_random(r);
    fz_projector_rings(projector, &x->rings, &a, re, im);
    for (ptrdiff_t p = 0; p < POINTS; p++) {
      double radius = x->rings.radius[p / (ANGLES / 2)], w = 6.2831853 * radius / ANGLES * fz_taper(radius, KMAX);
      double c = cos(0.05 * radius * radius + 0.1 * i), noise = sqrt(0.5 / w);
      x->tile.ring_re[i * POINTS + p] = c * w * (c * signal * re[p] + fz_random_normal(r) * noise);
      x->tile.ring_im[i * POINTS + p] = c * w * (c * signal * im[p] + fz_random_normal(r) * noise);
    }
    for (ptrdiff_t p = 0; p < NORM_POINTS; p++) {
      double radius = norm->radius[p / (ANGLES / 2)], c = cos(0.05 * radius * radius + 0.1 * i);
      x->tile.ring_c2[i * NORM_POINTS + p] = c * c * norm->weight[p / (ANGLES / 2)];
    }
  }
  for (int v = 0; v < VOXELS; v++) x->voxel[v] *= signal;
  fz_projector_destroy(&projector);
}

static void build(fixture *x, double signal) {
  fz_random r = fz_random_stream(9, FZ_PURPOSE_TEST, 0, 0);
  fz_rotation turn = fz_rotation_random(&r);
  x->fine = (fz_fine_sampling){.kmax = KMAX,
                               .n_directions = 12 * 7 * 7,
                               .shift_step_px = 0.6,
                               .shift_radius_px = 1.9,
                               .shift_sd_px = 1.0,
                               .turn = turn};
  assert_int_equal(fz_frequencies_init(&x->f, KMAX), FZ_OK);
  assert_int_equal(fz_rings_init(&x->rings, KMAX, ANGLES), FZ_OK);
  assert_int_equal(
      fz_quadrature_init(&x->q, (fz_direction_grid){FZ_DIRECTIONS_HEALPIX, 7}, ANGLES, &turn, 0.6, 1.9, 1.0), FZ_OK);
  assert_int_equal(fz_coarse_levels_init(x->coarse, &x->n_coarse, &x->fine), FZ_OK);
  assert_int_equal(x->n_coarse, 1);
  x->tile = (fz_tile){.n = IMAGES};
  x->tile.ring_re = fz_alloc(IMAGES * POINTS, sizeof(double));
  x->tile.ring_im = fz_alloc(IMAGES * POINTS, sizeof(double));
  x->tile.ring_c2 = fz_alloc(IMAGES * NORM_POINTS, sizeof(double));
  x->tile.power = fz_alloc((ptrdiff_t)IMAGES * x->f.n_shells, sizeof(double));
  x->voxel = fz_alloc(VOXELS, sizeof(double));
  for (int g = 0; g < 60; g++) {
    double at[3], height = fz_random_normal(&r);
    for (int d = 0; d < 3; d++) at[d] = M / 2 + M * 0.25 * fz_random_normal(&r);
    for (int v = 0; v < VOXELS; v++) {
      double dx = v % M - at[0], dy = v / M % M - at[1], dz = v / M / M - at[2];
      double radius = hypot(hypot(v % M - M / 2, v / M % M - M / 2), v / M / M - M / 2);
      if (radius < SUPPORT * M) x->voxel[v] += height * exp(-(dx * dx + dy * dy + dz * dz) / 4);
    }
  }
  fill_images(x, &r, signal);
  x->layout =
      fz_statistics_layout_make(M, KMAX, 1, 1, x->q.n_directions, x->q.n_shifts, FZ_WANT_MOMENTS, 100, 2, IMAGES);
}

static void drop(fixture *x) {
  fz_free(&x->tile.ring_re);
  fz_free(&x->tile.ring_im);
  fz_free(&x->tile.ring_c2);
  fz_free(&x->tile.power);
  fz_free(&x->voxel);
  fz_coarse_levels_clear(x->coarse, x->n_coarse);
  fz_quadrature_clear(&x->q);
  fz_rings_clear(&x->rings);
  fz_frequencies_clear(&x->f);
  assert_int_equal(fz_memory_blocks(), 0);
}

typedef struct outcome {
  fz_image_posterior posterior[IMAGES];
  double captured[IMAGES], flops;
  int64_t *words;
} outcome;

static void run(const fixture *x, double share, outcome *out) {
  fz_engine_profile profile = {{0}, {0}};
  fz_engine_setup setup = {.m = M,
                           .box = M,
                           .n_classes = 1,
                           .slice_scale = 1.0,
                           .frequencies = &x->f,
                           .quadrature = &x->q,
                           .rings = &x->rings,
                           .support = SUPPORT,
                           .n_coarse = share > 0 ? x->n_coarse : 0,
                           .coarse = x->coarse,
                           .captured = share,
                           .tile_capacity = IMAGES,
                           .threads = 1,
                           .cutoff = log((double)x->q.n_directions * ANGLES * x->q.n_shifts) + 7,
                           .cache_bytes = 1 << 30,
                           .profile = &profile};
  fz_engine engine;
  double prior = 1;
  const double *voxel = x->voxel;
  out->words = fz_alloc(x->layout.total, sizeof *out->words);
  assert_int_equal(fz_engine_polar_f32(&setup, &engine), FZ_OK);
  assert_int_equal(engine.set_volumes(engine.self, &voxel, &prior, 0, engine.n_pose_blocks), FZ_OK);
  assert_int_equal(fz_marginal_tile(&engine, 0, &x->tile, &x->layout, out->words, out->posterior), FZ_OK);
  fz_marginal_release(&engine, 0, &x->layout, out->words);
  memcpy(out->captured, engine.captured(engine.self, 0), sizeof out->captured);
  out->flops = profile.flops[FZ_PHASE_PRODUCTS];
  engine.destroy(&engine);
}

/* At every contrast: close to the exhaustive likelihood, never above it, and cheaper the sharper the posterior. */
static void likelihood_is_nearly_that_of_all_poses(void **state) {
  (void)state;
  static const double signals[] = {0.003, 0.01, 0.03, 0.1, 0.3};
  double before = 1.1;
  for (size_t s = 0; s < sizeof signals / sizeof signals[0]; s++) {
    fixture x;
    outcome all, some;
    build(&x, signals[s]);
    run(&x, 0, &all);
    run(&x, 0.999, &some);
    double lost = 0;
    for (int i = 0; i < IMAGES; i++) {
      assert_true(all.captured[i] == 1 && some.captured[i] >= 0.999 && some.captured[i] <= 1 + 1e-9);
      assert_true(some.posterior[i].gain < all.posterior[i].gain + 1e-3);
      lost += (all.posterior[i].gain - some.posterior[i].gain) / IMAGES;
    }
    print_message("signal %g: lost %.2g nats an image, products %.3f of all, entropy %.2f\n", signals[s], lost,
                  some.flops / all.flops, all.posterior[0].entropy);
    assert_true(lost < 2e-3);
    assert_true(some.flops / all.flops < before);
    before = some.flops / all.flops;
    fz_free(&all.words);
    fz_free(&some.words);
    drop(&x);
  }
  assert_true(before < 0.6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(likelihood_is_nearly_that_of_all_poses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
