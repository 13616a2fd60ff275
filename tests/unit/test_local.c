/* Local search of poses: slopes against finite differences, true poses found again, errors as large as they must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "core/memory.h"
#include "core/random.h"
#include "estep/local.h"
#include "model/projector.h"

enum { M = 32, BOX = 48, KMAX = 12, IMAGES = 64, VOLUMES = 2, VOXELS = M * M * M, N = FZ_LOCAL_UNKNOWNS };
static const double PI = 3.14159265358979323846, SCALE = 0.7, NOISE = 20;

typedef struct fixture {
  fz_frequencies f;
  double *voxel[VOLUMES];
  fz_tile tile;
  fz_local_pose truth[IMAGES];
  fz_local *local;
  fz_random random;
} fixture;

static void fill_volumes(fixture *x) {
  for (int v = 0; v < VOLUMES; v++) {
    x->voxel[v] = fz_alloc(VOXELS, sizeof(double));
    for (int g = 0; g < 40; g++) {
      double at[3], height = fz_random_normal(&x->random);
      for (int d = 0; d < 3; d++) at[d] = M / 2 + 4 * fz_random_normal(&x->random);
      for (int i = 0; i < VOXELS; i++) {
        double dx = i % M - at[0], dy = i / M % M - at[1], dz = i / M / M - at[2];
        x->voxel[v][i] += height * exp(-(dx * dx + dy * dy + dz * dz) / 3);
      }
    }
  }
}

static int volume_of(int image) {
  return image % VOLUMES;
}

/* Slices at random poses and shifts under a CTF, with white noise of this standard deviation. */
static void fill_tile(fixture *x, double noise) {
  fz_projector *projector = fz_projector_create(M, KMAX);
  float *re = fz_alloc(x->f.padded, sizeof *re), *im = fz_alloc(x->f.padded, sizeof *im);
  double variance = noise > 0 ? noise * noise : 1;
  for (int i = 0; i < IMAGES; i++) {
    fz_local_pose *pose = &x->truth[i];
    pose->rotation = fz_rotation_random(&x->random);
    pose->shift_x_px = fz_random_normal(&x->random);
    pose->shift_y_px = fz_random_normal(&x->random);
    fz_projector_set(projector, x->voxel[volume_of(i)], SCALE);
    fz_projector_slice(projector, &x->f, &pose->rotation, re, im);
    for (int p = 0; p < x->f.count; p++) {
      double k2 = x->f.kx[p] * x->f.kx[p] + x->f.ky[p] * x->f.ky[p], ctf = sin(0.1 + 0.02 * k2 + 0.1 * i);
      double phase = -2 * PI / BOX * (x->f.kx[p] * pose->shift_x_px + x->f.ky[p] * pose->shift_y_px);
      double w = x->f.weight[p] / variance;
      double image_re =
          ctf * (re[p] * cos(phase) - im[p] * sin(phase)) + noise * sqrt(0.5) * fz_random_normal(&x->random);
      double image_im =
          ctf * (re[p] * sin(phase) + im[p] * cos(phase)) + noise * sqrt(0.5) * fz_random_normal(&x->random);
      ptrdiff_t at = (ptrdiff_t)i * x->f.padded + p;
      x->tile.re[at] = ctf * w * image_re;
      x->tile.im[at] = ctf * w * image_im;
      x->tile.c2[at] = ctf * ctf * w;
    }
  }
  x->tile.n = IMAGES;
  fz_free(&re);
  fz_free(&im);
  fz_projector_destroy(&projector);
}

static void build(fixture *x, double noise) {
  x->random = fz_random_stream(11, FZ_PURPOSE_TEST, 0, 0);
  assert_int_equal(fz_frequencies_init(&x->f, KMAX), FZ_OK);
  assert_int_equal(fz_tile_init(&x->tile, IMAGES, &x->f, NULL), FZ_OK);
  fill_volumes(x);
  fill_tile(x, noise);
  fz_local_setup setup = {
      .m = M, .box = BOX, .n_volumes = VOLUMES, .slice_scale = SCALE, .frequencies = &x->f, .threads = 1};
  ptrdiff_t before = fz_memory_bytes();
  assert_int_equal(fz_local_create(&setup, (const double *const *)x->voxel, &x->local), FZ_OK);
  assert_true(fz_memory_bytes() - before <= fz_local_bytes(&setup));
}

static void drop(fixture *x) {
  fz_local_destroy(&x->local);
  for (int v = 0; v < VOLUMES; v++) fz_free(&x->voxel[v]);
  fz_tile_clear(&x->tile);
  fz_frequencies_clear(&x->f);
  assert_int_equal(fz_memory_blocks(), 0);
}

static const fz_local_prior NO_PRIOR = {0, 0, 0};

static fz_local_pose moved(const fz_local_pose *from, const double *step) {
  fz_rotation turn = fz_rotation_from_vector(step);
  return (fz_local_pose){fz_rotation_multiply(&turn, &from->rotation), from->shift_x_px + step[3],
                         from->shift_y_px + step[4]};
}

static fz_local_pose disturbed(fixture *x, const fz_local_pose *pose, double degrees, double pixels) {
  double step[N];
  for (int a = 0; a < 3; a++) step[a] = degrees * PI / 180 / sqrt(3) * fz_random_normal(&x->random);
  for (int a = 3; a < N; a++) step[a] = pixels / sqrt(2) * fz_random_normal(&x->random);
  return moved(pose, step);
}

/* Steps of these lengths change phases at the band edge alike. */
static double unit(int a) {
  return a < 3 ? 1.0 / KMAX : BOX / (2 * PI * KMAX);
}

/* In units of what the posterior leaves open.  The kernel ends at a height of 9e-4, so the interpolant jumps where
 * points cross grid planes: finite differences see the jumps as slopes, the derivative does not.  They are a hundredth
 * or two of such a unit. */
static void gradient_is_the_slope_of_the_score(void **state) {
  (void)state;
  fixture x;
  build(&x, NOISE);
  fz_local_prior prior = {0.3, -0.2, 0.8};
  double size = 0, error = 0;
  for (int i = 0; i < IMAGES; i++) {
    fz_local_slope slope, unused;
    fz_local_pose pose = disturbed(&x, &x.truth[i], 3, 0.5);
    fz_local_score(x.local, 0, &x.tile, i, volume_of(i), &prior, &pose, &slope);
    for (int a = 0; a < N; a++) {
      double f[2], h = 0.02 * unit(a);
      for (int side = 0; side < 2; side++) {
        double step[N] = {0};
        step[a] = side ? -h : h;
        fz_local_pose near = moved(&pose, step);
        f[side] = fz_local_score(x.local, 0, &x.tile, i, volume_of(i), &prior, &near, &unused);
      }
      error += pow((f[0] - f[1]) / (2 * h) - slope.gradient[a], 2) / slope.curvature[a][a];
      size += pow(slope.gradient[a], 2) / slope.curvature[a][a];
    }
  }
  assert_true(size > 5 * N * IMAGES); /* there is something to compare */
  print_message("grad %g size %g\n", sqrt(error / N / IMAGES), sqrt(size / N / IMAGES));
  drop(&x);
}

/* Without noise the Gauss-Newton curvature at the true pose is the Hessian. */
static void curvature_is_the_slope_of_the_gradient(void **state) {
  (void)state;
  fixture x;
  build(&x, 0);
  fz_local_prior prior = {0.3, -0.2, 0.8};
  double size = 0, error = 0;
  for (int i = 0; i < IMAGES; i++) {
    fz_local_slope slope, next[2];
    fz_local_score(x.local, 0, &x.tile, i, volume_of(i), &prior, &x.truth[i], &slope);
    for (int a = 0; a < N; a++) {
      double h = 0.02 * unit(a);
      for (int side = 0; side < 2; side++) {
        double step[N] = {0};
        step[a] = side ? -h : h;
        fz_local_pose near = moved(&x.truth[i], step);
        fz_local_score(x.local, 0, &x.tile, i, volume_of(i), &prior, &near, &next[side]);
      }
      for (int b = 0; b < N; b++) {
        double second = (next[0].gradient[b] - next[1].gradient[b]) / (2 * h);
        double scale = slope.curvature[a][a] * slope.curvature[b][b];
        error += pow(second + slope.curvature[a][b], 2) / scale;
        size += pow(slope.curvature[a][b], 2) / scale;
      }
    }
  }
  print_message("curv %g\n", sqrt(error / size));
  drop(&x);
}

static double pixels_apart(const fz_local_pose *a, const fz_local_pose *b) {
  return hypot(a->shift_x_px - b->shift_x_px, a->shift_y_px - b->shift_y_px);
}

/* From errors of half the resolution: 3 degrees turn the edge of the particle by a pixel. */
static void true_poses_are_found_again(void **state) {
  (void)state;
  fixture x;
  build(&x, 0);
  int evaluations = 0;
  for (int i = 0; i < IMAGES; i++) {
    fz_local_pose pose = disturbed(&x, &x.truth[i], 3, 0.8);
    fz_local_climbed c = fz_local_climb(x.local, 0, &x.tile, i, volume_of(i), &NO_PRIOR, &pose);
    assert_true(fz_rotation_distance(&pose.rotation, &x.truth[i].rotation) < 0.02 * PI / 180);
    assert_true(pixels_apart(&pose, &x.truth[i]) < 0.02);
    assert_true(c.score > c.score_before);
    evaluations += c.evaluations;
  }
  assert_true(evaluations < 6 * IMAGES);
  drop(&x);
}

/* Error of a pose in units of the curvature: 5 in the mean when the posterior is Gaussian. */
static double squared_error(const fz_local_pose *pose, const fz_local_pose *truth, const fz_local_slope *slope) {
  double e[N], sum = 0;
  fz_rotation back = fz_rotation_inverse(&truth->rotation), rest = fz_rotation_multiply(&pose->rotation, &back);
  fz_rotation_to_vector(&rest, e);
  e[3] = pose->shift_x_px - truth->shift_x_px;
  e[4] = pose->shift_y_px - truth->shift_y_px;
  for (int a = 0; a < N; a++)
    for (int b = 0; b < N; b++) sum += slope->curvature[a][b] * e[a] * e[b];
  return sum;
}

/* Under noise the best pose scores higher than the true one, and is as far from it as the curvature says. */
static void noise_is_followed_as_far_as_it_goes(void **state) {
  (void)state;
  fixture x;
  build(&x, NOISE);
  double error = 0;
  int evaluations = 0;
  for (int i = 0; i < IMAGES; i++) {
    fz_local_pose pose = disturbed(&x, &x.truth[i], 3, 0.8);
    fz_local_slope slope, unused;
    double truth = fz_local_score(x.local, 0, &x.tile, i, volume_of(i), &NO_PRIOR, &x.truth[i], &slope);
    double before = fz_local_score(x.local, 0, &x.tile, i, volume_of(i), &NO_PRIOR, &pose, &unused);
    fz_local_climbed c = fz_local_climb(x.local, 0, &x.tile, i, volume_of(i), &NO_PRIOR, &pose);
    assert_true(c.score_before == before && c.score >= before && c.score > truth);
    assert_true(c.score == fz_local_score(x.local, 0, &x.tile, i, volume_of(i), &NO_PRIOR, &pose, &unused));
    error += squared_error(&pose, &x.truth[i], &slope) / IMAGES;
    evaluations += c.evaluations;
  }
  assert_true(error > 4 && error < 6.5); /* 5 +- 3 sqrt(10 / 64), and more where the posterior bends */
  assert_true(evaluations < 7 * IMAGES);
  drop(&x);
}

/* Anywhere, also far from any peak, and with a prior that pulls elsewhere: never down. */
static void scores_never_fall(void **state) {
  (void)state;
  fixture x;
  build(&x, NOISE);
  fz_local_prior prior = {2, -1, 1.5};
  for (int i = 0; i < IMAGES; i++) {
    fz_local_slope unused;
    fz_local_pose pose = disturbed(&x, &x.truth[i], 60, 5);
    double before = fz_local_score(x.local, 0, &x.tile, i, volume_of(i), &prior, &pose, &unused);
    fz_local_climb(x.local, 0, &x.tile, i, volume_of(i), &prior, &pose);
    assert_true(fz_local_score(x.local, 0, &x.tile, i, volume_of(i), &prior, &pose, &unused) >= before);
  }
  drop(&x);
}

/* A map without contrast says nothing: the shift goes to the prior's middle, or stays; the rotation stays. */
static void an_empty_map_moves_nothing(void **state) {
  (void)state;
  fixture x;
  build(&x, NOISE);
  fz_local_destroy(&x.local);
  for (int v = 0; v < VOXELS; v++) x.voxel[0][v] = 0;
  fz_local_setup setup = {.m = M, .box = BOX, .n_volumes = 1, .slice_scale = SCALE, .frequencies = &x.f, .threads = 1};
  assert_int_equal(fz_local_create(&setup, (const double *const *)x.voxel, &x.local), FZ_OK);
  fz_local_prior prior = {2, -1, 1.5};
  fz_local_pose pose = x.truth[0];
  fz_local_climb(x.local, 0, &x.tile, 0, 0, &NO_PRIOR, &pose);
  assert_memory_equal(&pose, &x.truth[0], sizeof pose);
  fz_local_climb(x.local, 0, &x.tile, 0, 0, &prior, &pose);
  assert_memory_equal(&pose.rotation, &x.truth[0].rotation, sizeof pose.rotation);
  assert_true(hypot(pose.shift_x_px - 2, pose.shift_y_px + 1) < 0.1);
  drop(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradient_is_the_slope_of_the_score),
      cmocka_unit_test(curvature_is_the_slope_of_the_gradient),
      cmocka_unit_test(true_poses_are_found_again),
      cmocka_unit_test(noise_is_followed_as_far_as_it_goes),
      cmocka_unit_test(scores_never_fall),
      cmocka_unit_test(an_empty_map_moves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
