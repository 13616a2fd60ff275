/* Slices of Gaussians against their closed form, and adjointness of slice and insertion. */
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
#include "model/kaiser_bessel.h"
#include "model/projector.h"

static const double PI = 3.14159265358979323846;

/* Density exp(-|r - r0|^2 / 2s^2) (2 pi s^2)^-3/2 has the transform exp(-2 pi^2 s^2 |k|^2/m^2) exp(-2 pi i k.r0/m). */
static void fill_gaussian(int m, double s, const double *at, double *voxel) {
  for (int z = 0, i = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < m; x++, i++) {
        double dx = x - m / 2 - at[0], dy = y - m / 2 - at[1], dz = z - m / 2 - at[2];
        voxel[i] = exp(-(dx * dx + dy * dy + dz * dz) / (2 * s * s)) / pow(2 * PI * s * s, 1.5);
      }
}

static double complex gaussian_at(const fz_frequencies *f, int i, const fz_rotation *a, int m, double s,
                                  const double *at) {
  double phase = 0, k2 = f->kx[i] * f->kx[i] + f->ky[i] * f->ky[i];
  for (int c = 0; c < 3; c++) phase -= 2 * PI * (f->kx[i] * a->m[0][c] + f->ky[i] * a->m[1][c]) * at[c] / m;
  return exp(-2 * PI * PI * s * s * k2 / (m * m)) * cexp(I * phase);
}

static void gaussian_slices(void **state) {
  (void)state;
  enum { M = 32, KMAX = 12 };
  double s = 1.6, at[3] = {2.3, -3.1, 4.7};
  double *voxel = fz_alloc(M * M * M, sizeof *voxel);
  fill_gaussian(M, s, at, voxel);
  fz_frequencies f;
  assert_int_equal(fz_frequencies_init(&f, KMAX), FZ_OK);
  fz_projector *p = fz_projector_create(M, KMAX);
  assert_int_equal(fz_projector_set(p, voxel, 1.0), FZ_OK);
  double *re = fz_alloc(f.padded, sizeof *re), *im = fz_alloc(f.padded, sizeof *im);
  fz_random r = fz_random_stream(1, FZ_PURPOSE_TEST, 0, 0);
  for (int trial = 0; trial < 20; trial++) {
    fz_rotation a = fz_rotation_random(&r);
    fz_projector_slice(p, &f, &a, re, im);
    double error = 0, norm = 0;
    for (int i = 0; i < f.count; i++) {
      double complex expected = gaussian_at(&f, i, &a, M, s, at);
      error += pow(re[i] - creal(expected), 2) + pow(im[i] - cimag(expected), 2);
      norm += pow(cabs(expected), 2);
    }
    assert_true(sqrt(error / norm) < 3e-3); /* width 4 at twofold oversampling: about 1e-3 */
  }
  fz_free(&re);
  fz_free(&im);
  fz_projector_destroy(&p);
  fz_frequencies_clear(&f);
  fz_free(&voxel);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* Its slope when the pose turns, too: the transform at A^T k where A(v) = exp([v]x) A.  Images of the spectrum that the
 * kernel leaves at 1e-3 are far out, and a slope weighs them by their distance: ten times less exact. */
static void gaussian_tangents(void **state) {
  (void)state;
  enum { M = 32, KMAX = 12 };
  double s = 1.6, at[3] = {2.3, -3.1, 4.7};
  double *voxel = fz_alloc(M * M * M, sizeof *voxel), *row[6], *re, *im;
  fill_gaussian(M, s, at, voxel);
  fz_frequencies f;
  assert_int_equal(fz_frequencies_init(&f, KMAX), FZ_OK);
  fz_projector *p = fz_projector_create(M, KMAX);
  assert_int_equal(fz_projector_set(p, voxel, 1.0), FZ_OK);
  for (int i = 0; i < 6; i++) row[i] = fz_alloc(f.padded, sizeof(double));
  fz_tangents t = {row[0], row[1], row[2], row[3], row[4], row[5]};
  re = fz_alloc(f.padded, sizeof *re);
  im = fz_alloc(f.padded, sizeof *im);
  fz_random r = fz_random_stream(1, FZ_PURPOSE_TEST, 2, 0);
  for (int trial = 0; trial < 20; trial++) {
    fz_rotation a = fz_rotation_random(&r);
    double error = 0, norm = 0;
    fz_projector_slice(p, &f, &a, re, im);
    fz_projector_tangents(p, &f, &a, &t);
    assert_memory_equal(re, t.re, sizeof *re * (size_t)f.padded);
    assert_memory_equal(im, t.im, sizeof *im * (size_t)f.padded);
    for (int i = 0; i < f.count; i++) {
      double kx = f.kx[i], ky = f.ky[i];
      double complex g = gaussian_at(&f, i, &a, M, s, at);
      double by_re[3] = {-ky * t.out_re[i], kx * t.out_re[i], t.spin_re[i]};
      double by_im[3] = {-ky * t.out_im[i], kx * t.out_im[i], t.spin_im[i]};
      for (int v = 0; v < 3; v++) {
        double step[3] = {0}, h = 1e-5;
        step[v] = h;
        fz_rotation turn = fz_rotation_from_vector(step), near = fz_rotation_multiply(&turn, &a);
        double complex expected = (gaussian_at(&f, i, &near, M, s, at) - g) / h;
        error += pow(by_re[v] - creal(expected), 2) + pow(by_im[v] - cimag(expected), 2);
        norm += pow(cabs(expected), 2);
      }
    }
    assert_true(sqrt(error / norm) < 2e-2);
  }
  for (int i = 0; i < 6; i++) fz_free(&row[i]);
  fz_free(&re);
  fz_free(&im);
  fz_projector_destroy(&p);
  fz_frequencies_clear(&f);
  fz_free(&voxel);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* <slice(u), b> over the half-plane = <u, adjoint(b)> to rounding. */
static void slice_and_insertion_are_adjoint(void **state) {
  (void)state;
  enum { M = 20, KMAX = 8 };
  fz_frequencies f;
  assert_int_equal(fz_frequencies_init(&f, KMAX), FZ_OK);
  fz_projector *p = fz_projector_create(M, KMAX);
  double *u = fz_alloc(M * M * M, sizeof *u), *back = fz_alloc(M * M * M, sizeof *back);
  double *re = fz_alloc(f.padded, sizeof *re), *im = fz_alloc(f.padded, sizeof *im);
  double *b_re = fz_alloc(f.padded, sizeof *re), *b_im = fz_alloc(f.padded, sizeof *im);
  double *table = fz_alloc(4 * (FZ_KB_TABLE + 1), sizeof *table);
  fz_kb_fill_table_f64(table);
  fz_cube cube = fz_cube_make(M, 2, KMAX);
  double *cell = fz_alloc(2 * cube.cells, sizeof *cell);
  fz_random r = fz_random_stream(1, FZ_PURPOSE_TEST, 1, 0);
  for (int i = 0; i < M * M * M; i++) u[i] = fz_random_normal(&r);
  assert_int_equal(fz_projector_set(p, u, 0.37), FZ_OK);
  double left = 0, right = 0;
  for (int j = 0; j < 30; j++) {
    fz_rotation a = fz_rotation_random(&r);
    fz_projector_slice(p, &f, &a, re, im);
    for (int i = 0; i < f.count; i++) {
      b_re[i] = fz_random_normal(&r);
      b_im[i] = fz_random_normal(&r);
      left += re[i] * b_re[i] + im[i] * b_im[i];
    }
    fz_insert_complex(&cube, table, &f, &a, b_re, b_im, cell);
  }
  assert_int_equal(fz_cube_to_voxels(&cube, cell, 2, M, back), FZ_OK);
  for (int i = 0; i < M * M * M; i++) right += 0.37 * u[i] * back[i];
  assert_true(fabs(left - right) < 1e-9 * fabs(left));
  fz_free(&cell);
  fz_free(&table);
  fz_free(&b_im);
  fz_free(&b_re);
  fz_free(&im);
  fz_free(&re);
  fz_free(&back);
  fz_free(&u);
  fz_projector_destroy(&p);
  fz_frequencies_clear(&f);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* q - floor(q) is 1 for q = -1e-20: the point's taps are those of q = 0, and nothing beyond the table is looked at. */
static void a_point_just_below_the_grid(void **state) {
  (void)state;
  enum { M = 20, KMAX = 8, ROWS = FZ_KB_TABLE + 1 };
  fz_frequencies f;
  assert_int_equal(fz_frequencies_init(&f, KMAX), FZ_OK);
  fz_cube cube = fz_cube_make(M, 2, KMAX);
  double *table = fz_alloc(4 * (ROWS + 1), sizeof *table), *one = fz_alloc(f.padded, sizeof *one);
  double *at = fz_alloc(2 * cube.cells, sizeof *at), *below = fz_alloc(2 * cube.cells, sizeof *below);
  fz_kb_fill_table_f64(table);
  for (int k = 0; k < 4; k++) table[4 * ROWS + k] = NAN;
  for (int i = 0; i < f.count; i++) one[i] = 1;
  fz_rotation a = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  fz_insert_complex(&cube, table, &f, &a, one, one, at);
  a.m[0][2] = a.m[1][2] = -1e-20;
  fz_insert_complex(&cube, table, &f, &a, one, one, below);
  for (ptrdiff_t i = 0; i < 2 * cube.cells; i++)
    if (!(fabs(below[i] - at[i]) < 1e-2)) fail_msg("cell %td: %g, not %g", i, below[i], at[i]);
  fz_free(&below);
  fz_free(&at);
  fz_free(&one);
  fz_free(&table);
  fz_frequencies_clear(&f);
  assert_int_equal(fz_memory_blocks(), 0);
}

/* The slice at psi + 90 degrees is the slice at psi read at the turned points. */
static void quarter_turns_permute(void **state) {
  (void)state;
  enum { M = 20, KMAX = 8 };
  fz_frequencies f;
  assert_int_equal(fz_frequencies_init(&f, KMAX), FZ_OK);
  for (int i = 0; i < f.count; i++) {
    int x = f.ky[i], y = -f.kx[i], t = f.turned[i], sign = f.turned_conjugate[i] ? -1 : 1;
    assert_int_equal(f.kx[t], sign * x);
    assert_int_equal(f.ky[t], sign * y);
  }
  fz_frequencies_clear(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(gaussian_slices), cmocka_unit_test(gaussian_tangents),
                                     cmocka_unit_test(slice_and_insertion_are_adjoint),
                                     cmocka_unit_test(a_point_just_below_the_grid),
                                     cmocka_unit_test(quarter_turns_permute)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
