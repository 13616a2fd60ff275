/* Rings: their angles and weights, slices on them, insertion from them, and how accurate scores on them are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <complex.h>
#include <math.h>

#ifndef FZ_DOUBLE
#define FZ_DOUBLE /* the double path */
#endif
#include "core/memory.h"
#include "core/random.h"
#include "estep/tile.h"
#include "model/image_rings.h"
#include "model/image_transform.h"
#include "model/kaiser_bessel.h"
#include "model/phantom.h"
#include "model/preprocess.h"
#include "model/projector.h"
#include "model/rings.h"

static const double PI = 3.14159265358979323846;

static void angles_do_not_alias(void **state) {
  (void)state;
  const int expected[][2] = {{1, 24}, {3, 24}, {4, 32}, {8, 60}, {16, 108}, {32, 216}, {64, 432}};
  fz_rings rings;
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    assert_int_equal(fz_rings_angles(expected[i][0]), expected[i][1]);
    assert_int_equal(fz_rings_init(&rings, expected[i][0], expected[i][1]), FZ_OK);
    fz_rings_clear(&rings);
  }
  const int refused[] = {0,   100, 96,  102,
                         104, 110, 112, 109}; /* too few for 2 pi 16 = 100.5, no multiple of 4, 13, 7 */
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    assert_int_equal(fz_rings_init(&rings, 16, refused[i]), FZ_EINVAL);
  assert_int_equal(fz_rings_init(&rings, 0, 24), FZ_EINVAL);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* White voxels inside the sphere of a map, the hardest case for the interpolation. */
static double *white_sphere(int m, double radius) {
  double *voxel = fz_alloc((ptrdiff_t)m * m * m, sizeof *voxel);
  fz_random r = fz_random_stream(2, FZ_PURPOSE_TEST, 0, 0);
  for (int z = 0, i = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < m; x++, i++)
        if (pow(x - m / 2, 2) + pow(y - m / 2, 2) + pow(z - m / 2, 2) < radius * radius)
          voxel[i] = fz_random_normal(&r);
  return voxel;
}

static double complex plain_slice(const double *voxel, int m, const fz_rotation *a, double kx, double ky) {
  double complex sum = 0;
  double q[3];
  for (int c = 0; c < 3; c++) q[c] = 2 * PI / m * (kx * a->m[0][c] + ky * a->m[1][c]);
  for (int z = 0, i = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < m; x++, i++)
        if (voxel[i] != 0) sum += voxel[i] * cexp(-I * (q[0] * (x - m / 2) + q[1] * (y - m / 2) + q[2] * (z - m / 2)));
  return sum;
}

static void slices_on_rings_are_voxel_sums(void **state) {
  (void)state;
  enum { M = 20, KMAX = 8 };
  double *voxel = white_sphere(M, 0.45 * M);
  fz_rings rings;
  assert_int_equal(fz_rings_init(&rings, KMAX, fz_rings_angles(KMAX)), FZ_OK);
  int half = rings.n_angles / 2, size = rings.n_rings * half;
  double *re = fz_alloc(size, sizeof *re), *im = fz_alloc(size, sizeof *im);
  fz_projector *p = fz_projector_create(M, KMAX);
  assert_int_equal(fz_projector_set(p, voxel, 0.37), FZ_OK);
  fz_random r = fz_random_stream(1, FZ_PURPOSE_TEST, 1, 0);
  fz_rotation a = fz_rotation_random(&r);
  fz_projector_rings(p, &rings, &a, re, im);
  double error = 0, norm = 0;
  for (int ring = 0, i = 0; ring < rings.n_rings; ring++)
    for (int t = 0; t < half; t++, i++) {
      double angle = 2 * PI * t / rings.n_angles, k = rings.radius[ring];
      double complex plain = 0.37 * plain_slice(voxel, M, &a, k * cos(angle), k * sin(angle));
      error += pow(cabs(re[i] + I * im[i] - plain), 2);
      norm += pow(cabs(plain), 2);
    }
  assert_true(sqrt(error / norm) < 5e-3); /* kernel of width 4, voxels up to the edge: see test_projector.c */
  fz_projector_destroy(&p);
  fz_free(&re);
  fz_free(&im);
  fz_rings_clear(&rings);
  fz_free(&voxel);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* <slices(u), b> = <u, insertion(b)> to rounding, and the real insertion is the complex one's real part. */
static void insertion_from_rings_is_adjoint(void **state) {
  (void)state;
  enum { M = 20, KMAX = 8 };
  fz_rings rings;
  assert_int_equal(fz_rings_init(&rings, KMAX, fz_rings_angles(KMAX)), FZ_OK);
  int size = rings.n_rings * rings.n_angles / 2;
  fz_cube cube = fz_cube_make(M, 2, KMAX);
  double *u = white_sphere(M, M), *back = fz_alloc(M * M * M, sizeof *back);
  double *re = fz_alloc(size, sizeof *re), *im = fz_alloc(size, sizeof *im), *none = fz_alloc(size, sizeof *none);
  double *b_re = fz_alloc(size, sizeof *re), *b_im = fz_alloc(size, sizeof *im);
  double *table = fz_alloc(4 * (FZ_KB_TABLE + 1), sizeof *table), *cell = fz_alloc(2 * cube.cells, sizeof *cell);
  double *real = fz_alloc(cube.cells, sizeof *real), *pair = fz_alloc(2 * cube.cells, sizeof *pair);
  fz_kb_fill_table_f64(table);
  fz_projector *p = fz_projector_create(M, KMAX);
  assert_int_equal(fz_projector_set(p, u, 0.37), FZ_OK);
  fz_random r = fz_random_stream(1, FZ_PURPOSE_TEST, 2, 0);
  double left = 0, right = 0;
  for (int j = 0; j < 20; j++) {
    fz_rotation a = fz_rotation_random(&r);
    fz_projector_rings(p, &rings, &a, re, im);
    for (int i = 0; i < size; i++) {
      b_re[i] = fz_random_normal(&r);
      b_im[i] = fz_random_normal(&r);
      left += re[i] * b_re[i] + im[i] * b_im[i];
    }
    fz_insert_rings_complex(&cube, table, &rings, &a, b_re, b_im, cell);
    fz_insert_rings_complex(&cube, table, &rings, &a, b_re, none, pair);
    fz_insert_rings_real(&cube, table, &rings, &a, b_re, real);
  }
  assert_int_equal(fz_cube_to_voxels(&cube, cell, 2, M, back), FZ_OK);
  for (int i = 0; i < M * M * M; i++) right += 0.37 * u[i] * back[i];
  assert_true(fabs(left - right) < 1e-9 * fabs(left));
  for (ptrdiff_t i = 0; i < cube.cells; i++) assert_true(fabs(real[i] - pair[2 * i]) < 1e-12);
  fz_projector_destroy(&p);
  double **block[] = {&u, &back, &re, &im, &none, &b_re, &b_im, &table, &cell, &real, &pair};
  for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) fz_free(block[i]);
  fz_rings_clear(&rings);
  assert_int_equal(fz_memory_blocks(), 0);
}

enum { RULES = 3 };

/* Sums of exp(-r^2/(2 s^2)) over the lattice and by weights: the rings', 2 pi r taper, and lattice points by shell. */
static void rule_errors(const fz_frequencies *f, const fz_rings *rings, double s, double error[RULES]) {
  double lattice = 0, sum[RULES] = {0};
  for (int p = 0; p < f->count; p++) {
    double k2 = f->kx[p] * f->kx[p] + f->ky[p] * f->ky[p];
    lattice += f->weight[p] * exp(-0.5 * k2 / (s * s));
    sum[2] += f->weight[p] * exp(-0.5 * f->shell[p] * f->shell[p] / (s * s));
  }
  for (int i = 0; i < rings->n_rings; i++) {
    double r = rings->radius[i], value = exp(-0.5 * pow(r / s, 2));
    sum[0] += rings->weight[i] * rings->n_angles * value;
    if (i < rings->kmax) sum[1] += 2 * PI * r * fz_taper(r, rings->kmax) * value;
  }
  for (int k = 0; k < RULES; k++) error[k] = fabs(sum[k] - lattice) / lattice;
}

static void weights_count_the_lattice(void **state) {
  (void)state;
  fz_rings rings;
  fz_frequencies f;
  for (int kmax = 2; kmax <= 64; kmax *= 2) {
    assert_int_equal(fz_rings_init(&rings, kmax, fz_rings_angles(kmax)), FZ_OK);
    assert_int_equal(fz_frequencies_init(&f, kmax), FZ_OK);
    double *points = fz_alloc(f.n_shells, sizeof *points), all = 0, sum = 0, error[RULES];
    for (int p = 0; p < f.count; p++) {
      points[f.shell[p]] += f.weight[p];
      all += f.weight[p];
    }
    for (int i = 0; i < rings.n_rings; i++) {
      double count = rings.weight[i] * rings.n_angles;
      sum += count;
      /* Lattice points of a shell fluctuate by a few times the root of its radius (Gauss's circle problem). */
      if (rings.radius[i] < kmax - 1) assert_true(fabs(count - points[i + 1]) < 4 * sqrt(rings.radius[i]));
    }
    assert_true(fabs(sum - all) < 1); /* less than one coefficient */
    /* Smooth over a ring's width, dead at the band edge: the end correction leaves the sixth derivative at r = 0,
     * which falls as s^-8; the others miss the sum by its order of 0.5 and 0.3 f(0). */
    for (double s = 1.9; s < 0.35 * kmax; s *= 1.3) {
      rule_errors(&f, &rings, s, error);
      assert_true(error[0] < 3e-4);
      assert_true(error[0] < 0.1 * error[1]);
      assert_true(error[0] < 0.1 * error[2]);
    }
    fz_free(&points);
    fz_frequencies_clear(&f);
    fz_rings_clear(&rings);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* A particle of points with a CTF and blur, its noisy image, and both ways to score a pose. */
enum { BOX = 64, POSES = 24, NOISY_IMAGES = 2 };
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
  double slice_scale;
  fz_tile tile;
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
      score -= b->tile.ring_c2[i] * creal(s * conj(s));
    }
  return score;
}

static void shift_at_random(const bench *b, fz_random *r, double shift_px[2]) {
  for (int c = 0; c < 2; c++) shift_px[c] = 0.1 / 3 * b->box * fz_random_normal(r); /* a range of 10 % of the box */
}

/* The particle at a random pose with noise, through the preprocessing into the tile. */
static void make_image(bench *b, fz_random *r) {
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
  double noise = sqrt(power / SNR);
  b->slice_scale = 1 / noise; /* images are normalized by the noise */
  for (int i = 0; i < n * n; i++) pixels[i] = (float)(clean[i] + noise * fz_random_normal(r));
  assert_int_equal(fz_preprocess_image(preprocess, pixels, plane, half), FZ_IMAGE_GOOD);
  fz_tile_set_image(&b->tile, 0, &b->f, half, n, &b->ctf, &b->optics, sigma2, 0, 0);
  fz_tile_set_rings(&b->tile, 0, convert, scratch, n, &b->ctf, &b->optics, sigma2);
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

static void open_bench(bench *b, int kmax) {
  *b = (bench){.m = fz_work_box(kmax), .box = kmax > 16 ? 2 * BOX : BOX};
  b->pixel_A = PIXEL_A * BOX / b->box;
  b->optics = (fz_optics){.voltage_kV = 300,
                          .cs_mm = 2.7,
                          .amplitude_contrast = 0.1,
                          .pixel_A = b->pixel_A,
                          .box = b->box,
                          .has_ctf = true};
  assert_int_equal(fz_frequencies_init(&b->f, kmax), FZ_OK);
  assert_int_equal(fz_rings_init(&b->rings, kmax, fz_rings_angles(kmax)), FZ_OK);
  assert_int_equal(fz_tile_init(&b->tile, 1, &b->f, &b->rings), FZ_OK);
  assert_int_equal(fz_phantom_make("asymmetric", b->m, 1, &b->particle, NULL), FZ_OK);
  double *voxel = fz_alloc((ptrdiff_t)b->m * b->m * b->m, sizeof *voxel);
  for (ptrdiff_t j = 0; j < b->particle.n; j++) {
    double *at = b->particle.item[j].at_A;
    for (int c = 0; c < 3; c++) at[c] = rint(at[c]);
    ptrdiff_t z = (ptrdiff_t)at[2] + b->m / 2, y = (ptrdiff_t)at[1] + b->m / 2, x = (ptrdiff_t)at[0] + b->m / 2;
    voxel[(z * b->m + y) * b->m + x] += b->particle.item[j].weight;
  }
  b->projector = fz_projector_create(b->m, kmax);
  assert_int_equal(fz_projector_set(b->projector, voxel, 1.0), FZ_OK);
  fz_free(&voxel);
}

static void close_bench(bench *b) {
  fz_projector_destroy(&b->projector);
  fz_gaussians_clear(&b->particle);
  fz_tile_clear(&b->tile);
  fz_rings_clear(&b->rings);
  fz_frequencies_clear(&b->f);
}

/* Error of polar scores over random poses, about its mean (a constant changes no posterior), over that of the scores.
 */
static double score_error(int kmax, double *offset) {
  bench b;
  open_bench(&b, kmax);
  int size = b.rings.n_rings * b.rings.n_angles / 2;
  double *re = fz_alloc(size, sizeof *re), *im = fz_alloc(size, sizeof *im), worst = 0;
  *offset = 0;
  for (int image = 0; image < NOISY_IMAGES; image++) {
    fz_random r = fz_random_stream(4, FZ_PURPOSE_TEST, (uint32_t)kmax, (uint64_t)image);
    double s1 = 0, s2 = 0, e1 = 0, e2 = 0;
    make_image(&b, &r);
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
    double most;
  } run[] = {{8, 6e-3}, {16, 3e-3}, {32, 3e-3}};
  for (int i = 0; i < 3; i++) {
    double offset, error = score_error(run[i].kmax, &offset);
    print_message("kmax %d: error of scores about its mean %.1e, mean %.1e of their spread\n", run[i].kmax, error,
                  offset);
    assert_true(error < run[i].most);
    assert_true(offset < run[i].most);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(angles_do_not_alias), cmocka_unit_test(slices_on_rings_are_voxel_sums),
      cmocka_unit_test(insertion_from_rings_is_adjoint), cmocka_unit_test(weights_count_the_lattice),
      cmocka_unit_test(polar_scores_are_the_lattice_scores)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
