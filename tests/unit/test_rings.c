/* Rings: their angles and weights, slices on them, insertion from them, images on them. */
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
#include "model/image_rings.h"
#include "model/kaiser_bessel.h"
#include "model/projector.h"
#include "model/rings.h"

static const double PI = 3.14159265358979323846;

static void angles_do_not_alias(void **state) {
  (void)state;
  const int expected[][2] = {{1, 24}, {3, 24}, {4, 32}, {8, 64}, {16, 108}, {32, 216}, {64, 432}};
  fz_rings rings;
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    assert_int_equal(fz_rings_angles(expected[i][0], 0), expected[i][1]);
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
  assert_int_equal(fz_rings_init(&rings, KMAX, fz_rings_angles(KMAX, 0)), FZ_OK);
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
  assert_int_equal(fz_rings_init(&rings, KMAX, fz_rings_angles(KMAX, 0)), FZ_OK);
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
static void rule_errors(const fz_frequencies *f, const fz_rings *norm, double s, double error[RULES]) {
  double lattice = 0, sum[RULES] = {0};
  for (int p = 0; p < f->count; p++) {
    double k2 = f->kx[p] * f->kx[p] + f->ky[p] * f->ky[p];
    lattice += f->weight[p] * exp(-0.5 * k2 / (s * s));
    sum[2] += f->weight[p] * exp(-0.5 * f->shell[p] * f->shell[p] / (s * s));
  }
  for (int i = 0; i < norm->n_rings; i++) {
    double r = norm->radius[i], value = exp(-0.5 * pow(r / s, 2));
    sum[0] += norm->weight[i] * norm->n_angles * value;
    sum[1] += PI * r * fz_taper(r, norm->kmax) * value;
  }
  for (int k = 0; k < RULES; k++) error[k] = fabs(sum[k] - lattice) / lattice;
}

static void weights_count_the_lattice(void **state) {
  (void)state;
  fz_rings rings;
  fz_frequencies f;
  for (int kmax = 2; kmax <= 64; kmax *= 2) {
    assert_int_equal(fz_rings_init(&rings, kmax, fz_rings_angles(kmax, 0)), FZ_OK);
    assert_int_equal(fz_frequencies_init(&f, kmax), FZ_OK);
    const fz_rings *norm = rings.norm;
    double *points = fz_alloc(f.n_shells, sizeof *points), *counted = fz_alloc(f.n_shells, sizeof *counted);
    double all = 0, sum = 0, error[RULES];
    for (int p = 0; p < f.count; p++) {
      points[f.shell[p]] += f.weight[p];
      all += f.weight[p];
    }
    for (int i = 0; i < norm->n_rings; i++) {
      double count = norm->weight[i] * norm->n_angles;
      assert_true(norm->weight[i] > 0);
      sum += count;
      counted[(int)floor(norm->radius[i])] += 0.5 * count;
      counted[(int)ceil(norm->radius[i])] += 0.5 * count;
    }
    /* Lattice points of a shell fluctuate by a few times the root of its radius (Gauss's circle problem). */
    for (int k = 2; k < kmax - 1; k++) assert_true(fabs(counted[k] - points[k]) < 4 * sqrt(k));
    assert_true(fabs(sum - all) < 1); /* less than one coefficient */
    /* Smooth over a ring's width, dead at the band edge. */
    for (double s = 1.9; s < 0.35 * kmax; s *= 1.3) {
      rule_errors(&f, norm, s, error);
      assert_true(error[0] < 3e-4);
      assert_true(error[0] < 0.1 * error[1]);
      assert_true(error[0] < 0.1 * error[2]);
    }
    fz_free(&points);
    fz_free(&counted);
    fz_frequencies_clear(&f);
    fz_rings_clear(&rings);
  }
  assert_int_equal(fz_memory_blocks(), 0);
}

/* A wave from a point of the disc pairs on the rings as on the lattice, with random coefficients. */
static void image_rings_pair_as_the_lattice(void **state) {
  (void)state;
  enum { KMAX = 12, POINTS = 40 };
  fz_frequencies f;
  fz_rings rings;
  assert_int_equal(fz_frequencies_init(&f, KMAX), FZ_OK);
  assert_int_equal(fz_rings_init(&rings, KMAX, fz_rings_angles(KMAX, 0)), FZ_OK);
  int half = rings.n_angles / 2, size = rings.n_rings * half;
  ptrdiff_t before = fz_memory_bytes();
  fz_image_rings *convert = fz_image_rings_create(&f, &rings, 0.5);
  ptrdiff_t bytes = fz_memory_bytes() - before, estimate = (ptrdiff_t)fz_image_rings_bytes(&f, &rings);
  assert_true(bytes >= estimate && bytes < estimate + 20000); /* fits, beside tables per point and ring */
  void *scratch = fz_alloc(fz_image_rings_scratch_size(convert), 1);
  double *re = fz_alloc(f.padded, sizeof *re), *im = fz_alloc(f.padded, sizeof *im);
  double *ring_re = fz_alloc(size, sizeof *re), *ring_im = fz_alloc(size, sizeof *im), error = 0, spread = 0;
  fz_random r = fz_random_stream(3, FZ_PURPOSE_TEST, 0, 0);
  for (int p = 0; p < f.count; p++) {
    re[p] = f.weight[p] * fz_random_normal(&r);
    im[p] = f.weight[p] * fz_random_normal(&r);
  }
  fz_image_rings_make(convert, re, im, scratch, ring_re, ring_im);
  for (int j = 0; j < POINTS; j++) {
    double reach = 2 * PI * 0.35 * sqrt(fz_random_uniform(&r)), angle = 2 * PI * fz_random_uniform(&r);
    double x = reach * cos(angle), y = reach * sin(angle), lattice = 0, circles = 0;
    for (int p = 0; p < f.count; p++) {
      double phase = f.kx[p] * x + f.ky[p] * y;
      lattice += re[p] * cos(phase) + im[p] * sin(phase);
    }
    for (int i = 0; i < size; i++) {
      double phase = rings.radius[i / half] * (rings.cosine[i % half] * x + rings.sine[i % half] * y);
      circles += 2 * (ring_re[i] * cos(phase) + ring_im[i] * sin(phase));
    }
    error += (circles - lattice) * (circles - lattice);
    spread += lattice * lattice;
  }
  assert_true(sqrt(error / spread) < 1e-2); /* waves of full strength up to the edge: the worst there is */
  double **block[] = {&re, &im, &ring_re, &ring_im};
  for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) fz_free(block[i]);
  fz_free(&scratch);
  fz_image_rings_destroy(&convert);
  fz_rings_clear(&rings);
  fz_frequencies_clear(&f);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(angles_do_not_alias), cmocka_unit_test(slices_on_rings_are_voxel_sums),
      cmocka_unit_test(insertion_from_rings_is_adjoint), cmocka_unit_test(weights_count_the_lattice),
      cmocka_unit_test(image_rings_pair_as_the_lattice)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
