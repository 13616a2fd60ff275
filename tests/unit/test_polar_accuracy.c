/* Polar scores against exact ones, and the polar engine against the direct one: they differ by interpolation alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <complex.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#ifndef FZ_DOUBLE
#define FZ_DOUBLE /* the double path */
#endif
#include "core/memory.h"
#include "core/random.h"
#include "estep/marginal.h"
#include "model/image_rings.h"
#include "model/image_transform.h"
#include "model/normal.h"
#include "model/phantom.h"
#include "model/preprocess.h"
#include "model/projector.h"

static const double PI = 3.14159265358979323846;

/* A particle of points with a CTF and blur, its noisy image, and both ways to score a pose. */
enum { BOX = 64, POSES = 24, NOISY_IMAGES = 2, TILE = 6 };
static const double SNR = 0.1, PIXEL_A = 5.0, RESOLUTION_A = 15;

typedef struct bench {
  int m, box;
  double pixel_A;
  fz_frequencies f;
  fz_rings rings;
  fz_projector *projector;
  fz_gaussians particle; /* in voxels of the work box, rounded to them */
  fz_ctf ctf;
  fz_optics optics;
  double slice_scale; /* 1 / noise, because images are normalized by it */
  fz_tile tile;       /* [TILE] */
  double *voxel;      /* [m][m][m] */
} bench;

/* Exact slice: the sum over the few voxels that are not zero. */
static double complex sparse_slice(const bench *b, const fz_rotation *a, double kx, double ky) {
  double complex sum = 0;
  double q[3];
  for (int c = 0; c < 3; c++) q[c] = 2 * PI / b->m * (kx * a->m[0][c] + ky * a->m[1][c]);
  for (ptrdiff_t j = 0; j < b->particle.n; j++) {
    const double *at = b->particle.item[j].at_A;
    sum += b->particle.item[j].weight * cexp(-I * (q[0] * at[0] + q[1] * at[1] + q[2] * at[2]));
  }
  return sum;
}

static double complex ramp(const bench *b, double kx, double ky, const double shift_px[2]) {
  return cexp(-I * 2 * PI / b->box * (kx * shift_px[0] + ky * shift_px[1]));
}

/* Double precision over the lattice, exact slices. */
static double exact_score(const bench *b, const fz_rotation *a, const double shift_px[2]) {
  double score = 0;
  for (int p = 0; p < b->f.count; p++) {
    double kx = b->f.kx[p], ky = b->f.ky[p];
    double complex s = b->slice_scale * sparse_slice(b, a, kx, ky);
    score += creal((b->tile.re[p] + I * b->tile.im[p]) * conj(s * ramp(b, kx, ky, shift_px)));
    score -= 0.5 * b->tile.c2[p] * creal(s * conj(s));
  }
  return score;
}

/* Over rings, interpolated slices; re, im are room for one. */
static double polar_score(const bench *b, const fz_rotation *a, const double shift_px[2], double *re, double *im) {
  double score = 0;
  const fz_rings *rings = &b->rings;
  fz_projector_rings(b->projector, rings, a, re, im);
  for (int ring = 0, i = 0; ring < rings->n_rings; ring++)
    for (int t = 0; t < rings->n_angles / 2; t++, i++) {
      double kx = rings->radius[ring] * rings->cosine[t], ky = rings->radius[ring] * rings->sine[t];
      double complex s = b->slice_scale * (re[i] + I * im[i]);
      score += 2 * creal((b->tile.ring_re[i] + I * b->tile.ring_im[i]) * conj(s * ramp(b, kx, ky, shift_px)));
    }
  fz_projector_rings(b->projector, rings->norm, a, re, im);
  for (int i = 0; i < rings->norm->n_rings * rings->n_angles / 2; i++)
    score -= b->tile.ring_c2[i] * b->slice_scale * b->slice_scale * (re[i] * re[i] + im[i] * im[i]);
  return score;
}

static void shift_at_random(const bench *b, fz_random *r, double shift_px[2]) {
  for (int c = 0; c < 2; c++) shift_px[c] = 0.1 / 3 * b->box * fz_random_normal(r); /* a range of 10 % of the box */
}

/* The other way to rings: the image's own transform there, in place of row 0's ring x. `half` is the image's. */
static void sample_image(bench *b, const double complex *half) {
  int n = b->box, angles = b->rings.n_angles / 2;
  fz_image_transform *transform = fz_image_transform_create(n);
  double complex *copy = fz_alloc(fz_image_transform_size(transform), sizeof *copy), *row = fz_alloc(n, sizeof *row);
  double *pixels = fz_alloc((ptrdiff_t)n * n, sizeof *pixels);
  memcpy(copy, half, sizeof *copy * (size_t)fz_image_transform_size(transform));
  fz_image_transform_backward(transform, copy, pixels);
  for (int ring = 0, i = 0; ring < b->rings.n_rings; ring++)
    for (int t = 0; t < angles; t++, i++) {
      double kx = b->rings.radius[ring] * b->rings.cosine[t], ky = b->rings.radius[ring] * b->rings.sine[t],
             turn = 2 * PI / n;
      double per_A = 1 / (n * b->pixel_A), c = fz_ctf_value(&b->ctf, &b->optics, kx * per_A, ky * per_A);
      double complex sum = 0;
      for (int x = 0; x < n; x++) row[x] = cexp(-I * turn * kx * (x - n / 2));
      for (int y = 0; y < n; y++) {
        double complex line = 0;
        for (int x = 0; x < n; x++) line += pixels[y * n + x] * row[x];
        sum += line * cexp(-I * turn * ky * (y - n / 2));
      }
      double radius = b->rings.radius[ring]; /* rings one apart; the one beyond kmax has no part in that rule */
      sum *= radius > b->rings.kmax ? 0 : c * 2 * PI * radius * fz_taper(radius, b->rings.kmax) / b->rings.n_angles / n;
      b->tile.ring_re[i] = creal(sum);
      b->tile.ring_im[i] = cimag(sum);
    }
  fz_free(&pixels);
  fz_free(&row);
  fz_free(&copy);
  fz_image_transform_destroy(&transform);
}

/* The particle at a random pose with noise, through the preprocessing into row i of the tile. */
static void make_image(bench *b, int i, fz_random *r, bool sampled) {
  int n = b->box, row = n / 2 + 1, band = 2 * (b->f.kmax + 1) < n / 2 ? 2 * (b->f.kmax + 1) : n / 2;
  fz_image_transform *transform = fz_image_transform_create(n);
  fz_preprocess *preprocess = fz_preprocess_create(n, 0.45 * n, 5);
  fz_image_rings *convert = fz_image_rings_create(&b->f, &b->rings, 0.5);
  double complex *half = fz_alloc((ptrdiff_t)n * row, sizeof *half);
  double *clean = fz_alloc((ptrdiff_t)n * n, sizeof *clean), *sigma2 = fz_alloc(row, sizeof *sigma2);
  float *pixels = fz_alloc((ptrdiff_t)n * n, sizeof *pixels);
  void *plane = fz_alloc(fz_preprocess_scratch_size(preprocess), 1);
  void *scratch = fz_alloc(fz_image_rings_scratch_size(convert), 1);
  fz_rotation pose = fz_rotation_random(r);
  double shift_px[2], power = 0, width_A = fz_resolution_width_A(RESOLUTION_A * b->pixel_A / PIXEL_A);
  shift_at_random(b, r, shift_px);
  b->ctf = (fz_ctf){.defocus_u_A = 10000 + 8000 * fz_random_uniform(r), .defocus_angle_deg = 30, .scale = 1};
  b->ctf.defocus_v_A = b->ctf.defocus_u_A - 500;
  b->ctf.b_factor_A2 = 8 * PI * PI * width_A * width_A; /* blurs the points */
  for (int s = 0; s < row; s++) sigma2[s] = 1;
  for (int y = 0; y < n; y++)
    for (int x = 0; x < row; x++) {
      int ky = y < n / 2 ? y : y - n;
      if (x * x + ky * ky >= band * band || (x == 0 && ky == 0)) continue;
      double c = fz_ctf_value(&b->ctf, &b->optics, x / (n * b->pixel_A), ky / (n * b->pixel_A));
      double complex v = c * sparse_slice(b, &pose, x, ky) * ramp(b, x, ky, shift_px);
      half[y * row + x] = v;
      power += (x == 0 ? 1 : 2) * creal(v * conj(v)) / ((double)n * n);
    }
  fz_image_transform_backward(transform, half, clean);
  if (b->slice_scale == 0) b->slice_scale = 1 / sqrt(power / SNR); /* the first image sets the noise of all */
  for (int p = 0; p < n * n; p++) pixels[p] = (float)(clean[p] + fz_random_normal(r) / b->slice_scale);
  assert_int_equal(fz_preprocess_image(preprocess, pixels, plane, half), FZ_IMAGE_GOOD);
  fz_tile_set_image(&b->tile, i, &b->f, half, n, &b->ctf, &b->optics, sigma2, 0, 0);
  fz_tile_set_rings(&b->tile, i, convert, scratch, n, &b->ctf, &b->optics, sigma2);
  if (sampled) sample_image(b, half);
  fz_free(&scratch);
  fz_free(&plane);
  fz_free(&pixels);
  fz_free(&sigma2);
  fz_free(&clean);
  fz_free(&half);
  fz_image_rings_destroy(&convert);
  fz_preprocess_destroy(&preprocess);
  fz_image_transform_destroy(&transform);
}

static void open_bench(bench *b, int kmax, double size) {
  *b = (bench){.m = fz_work_box(kmax), .box = kmax > 16 ? 2 * BOX : BOX};
  b->pixel_A = PIXEL_A * BOX / b->box;
  b->optics = (fz_optics){.voltage_kV = 300,
                          .cs_mm = 2.7,
                          .amplitude_contrast = 0.1,
                          .pixel_A = b->pixel_A,
                          .box = b->box,
                          .has_ctf = true};
  assert_int_equal(fz_frequencies_init(&b->f, kmax), FZ_OK);
  assert_int_equal(fz_rings_init(&b->rings, kmax, fz_rings_angles(kmax, 0)), FZ_OK);
  assert_int_equal(fz_tile_init(&b->tile, TILE, &b->f, &b->rings), FZ_OK);
  assert_int_equal(fz_phantom_make("asymmetric", b->m, 1, &b->particle, NULL), FZ_OK);
  b->voxel = fz_alloc((ptrdiff_t)b->m * b->m * b->m, sizeof *b->voxel);
  for (ptrdiff_t j = 0; j < b->particle.n; j++) {
    double *at = b->particle.item[j].at_A;
    for (int c = 0; c < 3; c++) at[c] = rint(size * at[c]);
    ptrdiff_t z = (ptrdiff_t)at[2] + b->m / 2, y = (ptrdiff_t)at[1] + b->m / 2, x = (ptrdiff_t)at[0] + b->m / 2;
    b->voxel[(z * b->m + y) * b->m + x] += b->particle.item[j].weight;
  }
  b->projector = fz_projector_create(b->m, kmax);
  assert_int_equal(fz_projector_set(b->projector, b->voxel, 1.0), FZ_OK);
}

static void close_bench(bench *b) {
  fz_free(&b->voxel);
  fz_projector_destroy(&b->projector);
  fz_gaussians_clear(&b->particle);
  fz_tile_clear(&b->tile);
  fz_rings_clear(&b->rings);
  fz_frequencies_clear(&b->f);
}

/* Error of polar scores over random poses, about its mean (a constant changes no posterior), over that of the scores.
 */
static double score_error(int kmax, double size, bool sampled, double *offset) {
  bench b;
  open_bench(&b, kmax, size);
  int points = b.rings.norm->n_rings * b.rings.n_angles / 2;
  double *re = fz_alloc(points, sizeof *re), *im = fz_alloc(points, sizeof *im), worst = 0;
  *offset = 0;
  for (int image = 0; image < NOISY_IMAGES; image++) {
    fz_random r = fz_random_stream(4, FZ_PURPOSE_TEST, (uint32_t)kmax, (uint64_t)image);
    double s1 = 0, s2 = 0, e1 = 0, e2 = 0;
    b.slice_scale = 0;
    make_image(&b, 0, &r, sampled);
    for (int j = 0; j < POSES; j++) {
      fz_rotation a = fz_rotation_random(&r);
      double shift_px[2];
      shift_at_random(&b, &r, shift_px);
      double score = exact_score(&b, &a, shift_px), error = polar_score(&b, &a, shift_px, re, im) - score;
      s1 += score / POSES;
      s2 += score * score / POSES;
      e1 += error / POSES;
      e2 += error * error / POSES;
    }
    worst = fmax(worst, sqrt((e2 - e1 * e1) / (s2 - s1 * s1)));
    *offset = fmax(*offset, fabs(e1) / sqrt(s2 - s1 * s1));
  }
  fz_free(&re);
  fz_free(&im);
  close_bench(&b);
  return worst;
}

static void polar_scores_are_the_lattice_scores(void **state) {
  (void)state;
  const struct {
    int kmax;
    double size, most;
  } run[] = {{8, 1, 6e-3}, {16, 1, 3e-3}, {32, 1, 3e-3}, {16, 1.3, 1e-2}};
  for (int i = 0; i < 4; i++) {
    double offset, error = score_error(run[i].kmax, run[i].size, false, &offset);
    print_message("kmax %d, size x %.1f: error of scores about its mean %.1e, mean %.1e of their spread\n", run[i].kmax,
                  run[i].size, error, offset);
    assert_true(error < run[i].most);
    assert_true(offset < 2 * run[i].most);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Why images are not simply sampled on rings. */
static void sampling_is_less_accurate(void **state) {
  (void)state;
  for (int kmax = 8; kmax <= 16; kmax *= 2) {
    double offset, sampled = score_error(kmax, 1, true, &offset), predicted = score_error(kmax, 1, false, &offset);
    print_message("kmax %d: sampled %.1e, predicted %.1e\n", kmax, sampled, predicted);
    assert_true(predicted < 0.4 * sampled);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* What one engine says of the tile. */
typedef struct outcome {
  fz_image_posterior posterior[TILE];
  double *b, *normal, *gradient; /* [m][m][m] inside the mask: B, A applied to the map, gradient */
} outcome;

typedef fz_status (*make_engine)(const fz_engine_setup *, fz_engine *);

static void evaluate(const bench *b, const fz_quadrature *q, make_engine make, const double *mask, outcome *out) {
  ptrdiff_t voxels = (ptrdiff_t)b->m * b->m * b->m;
  fz_statistics_layout layout = fz_statistics_layout_make(b->m, b->f.kmax, 1, 1, q->n_directions, q->n_shifts,
                                                          FZ_WANT_MOMENTS | FZ_WANT_GRADIENT, 20, 2, TILE);
  fz_engine_setup setup = {.m = b->m,
                           .box = b->box,
                           .n_classes = 1,
                           .slice_scale = b->slice_scale,
                           .frequencies = &b->f,
                           .quadrature = q,
                           .rings = &b->rings,
                           .support = 0.45,
                           .tile_capacity = TILE,
                           .threads = 1};
  fz_engine engine;
  double prior = 1, none[1] = {0};
  const double *voxel = b->voxel;
  int64_t *words = fz_alloc(layout.total, sizeof *words);
  assert_int_equal(make(&setup, &engine), FZ_OK);
  assert_int_equal(engine.set_volumes(engine.self, &voxel, &prior, 0, engine.n_pose_blocks), FZ_OK);
  assert_int_equal(fz_marginal_tile(&engine, 0, &b->tile, &layout, words, out->posterior), FZ_OK);
  fz_marginal_release(&engine, 0, &layout, words);
  engine.destroy(&engine);
  double *cell = fz_alloc(layout.length[FZ_SECTION_A], sizeof *cell);
  fz_normal *normal = fz_normal_create(b->m, b->slice_scale, mask);
  out->b = fz_alloc(voxels, sizeof(double));
  out->normal = fz_alloc(voxels, sizeof(double));
  out->gradient = fz_alloc(voxels, sizeof(double));
  fz_statistics_read(&layout, words, FZ_SECTION_B, cell);
  assert_int_equal(fz_normal_right_side(normal, &layout.b_cube, cell, 1, out->b), FZ_OK);
  fz_statistics_read(&layout, words, FZ_SECTION_GRADIENT, cell);
  assert_int_equal(fz_normal_right_side(normal, &layout.b_cube, cell, 1, out->gradient), FZ_OK);
  fz_statistics_read(&layout, words, FZ_SECTION_A, cell);
  assert_int_equal(fz_normal_set(normal, &layout.a_cube, cell, 1, none, 1), FZ_OK);
  fz_normal_apply(normal, b->voxel, out->normal);
  fz_normal_destroy(&normal);
  fz_free(&cell);
  fz_free(&words);
}

static double relative_difference(const double *x, const double *y, ptrdiff_t n) {
  double difference = 0, size = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    difference += (x[i] - y[i]) * (x[i] - y[i]);
    size += y[i] * y[i];
  }
  return sqrt(difference / size);
}

static void compare_engines(int kmax) {
  bench b;
  fz_quadrature q;
  open_bench(&b, kmax, 1);
  fz_random r = fz_random_stream(5, FZ_PURPOSE_TEST, (uint32_t)kmax, 0);
  fz_rotation turn = fz_rotation_random(&r);
  assert_int_equal(
      fz_quadrature_init(&q, (fz_direction_grid){FZ_DIRECTIONS_HEALPIX, 3}, b.rings.n_angles, &turn, 3.0, 3.0, 2.0),
      FZ_OK);
  b.tile.n = TILE;
  for (int i = 0; i < TILE; i++) make_image(&b, i, &r, false);
  ptrdiff_t voxels = (ptrdiff_t)b.m * b.m * b.m;
  double *mask = fz_alloc(voxels, sizeof *mask);
  for (ptrdiff_t v = 0; v < voxels; v++) {
    double x = (double)(v % b.m - b.m / 2), y = (double)(v / b.m % b.m - b.m / 2),
           z = (double)(v / b.m / b.m - b.m / 2);
    mask[v] = x * x + y * y + z * z < pow(0.45 * b.m, 2);
  }
  outcome direct, polar;
  evaluate(&b, &q, fz_engine_direct_f64, mask, &direct);
  evaluate(&b, &q, fz_engine_polar_f64, mask, &polar);
  for (int i = 0; i < TILE; i++) {
    /* The scores' error, 3e-3 of a spread of some 40, about its mean and in its mean. */
    assert_true(fabs(polar.posterior[i].gain - direct.posterior[i].gain) < 0.2);
    assert_int_equal(polar.posterior[i].direction, direct.posterior[i].direction);
    assert_int_equal(polar.posterior[i].psi, direct.posterior[i].psi);
    assert_int_equal(polar.posterior[i].shift, direct.posterior[i].shift);
  }
  /* Voxel by voxel, up to the mask's edge, and with posteriors that differ a little themselves. */
  assert_true(relative_difference(polar.b, direct.b, voxels) < 5e-2);
  assert_true(relative_difference(polar.normal, direct.normal, voxels) < 5e-2);
  assert_true(relative_difference(polar.gradient, direct.gradient, voxels) < 5e-2);
  outcome *both[] = {&direct, &polar};
  for (int k = 0; k < 2; k++) {
    fz_free(&both[k]->b);
    fz_free(&both[k]->normal);
    fz_free(&both[k]->gradient);
  }
  fz_free(&mask);
  fz_quadrature_clear(&q);
  close_bench(&b);
}

static void polar_and_direct_engines_agree(void **state) {
  (void)state;
  compare_engines(8);
  compare_engines(16);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(polar_scores_are_the_lattice_scores),
                                     cmocka_unit_test(sampling_is_less_accurate),
                                     cmocka_unit_test(polar_and_direct_engines_agree)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
