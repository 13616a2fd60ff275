/* The Toeplitz operator against slices and insertions made one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#define FZ_DOUBLE
#include "core/memory.h"
#include "core/random.h"
#include "model/kaiser_bessel.h"
#include "model/normal.h"
#include "model/projector.h"

enum { M = 20, KMAX = 8, VOXELS = M * M * M, POSES = 40 };

static void toeplitz_is_sum_of_slices(void **state) {
  (void)state;
  fz_frequencies f;
  assert_int_equal(fz_frequencies_init(&f, KMAX), FZ_OK);
  fz_cube b_cube = fz_cube_make(M, 2, KMAX), a_cube = fz_cube_make(M, 4, KMAX);
  double *u = fz_alloc(VOXELS, sizeof *u), *direct = fz_alloc(VOXELS, sizeof *u), *fast = fz_alloc(VOXELS, sizeof *u);
  double *mask = fz_alloc(VOXELS, sizeof *mask), *table = fz_alloc(4 * (FZ_KB_TABLE + 1), sizeof *table);
  double *re = fz_alloc(f.padded, sizeof *re), *im = fz_alloc(f.padded, sizeof *im);
  double *weight = fz_alloc(f.padded, sizeof *weight);
  double *b_cell = fz_alloc(2 * b_cube.cells, sizeof *b_cell), *a_cell = fz_alloc(a_cube.cells, sizeof *a_cell);
  fz_kb_fill_table_f64(table);
  fz_random r = fz_random_stream(3, FZ_PURPOSE_TEST, 0, 0);
  for (int z = 0, i = 0; z < M; z++)
    for (int y = 0; y < M; y++)
      for (int x = 0; x < M; x++, i++) {
        double d = sqrt(pow(x - M / 2, 2) + pow(y - M / 2, 2) + pow(z - M / 2, 2));
        mask[i] = d < 0.45 * M ? 1 : 0;
        u[i] = mask[i] * fz_random_normal(&r);
      }
  double scale = 0.3;
  fz_projector *p = fz_projector_create(M, KMAX);
  fz_projector_set(p, u, scale);
  for (int j = 0; j < POSES; j++) {
    fz_rotation a = fz_rotation_random(&r);
    fz_projector_slice(p, &f, &a, re, im);
    for (int i = 0; i < f.count; i++) {
      weight[i] = f.weight[i] * (0.5 + fz_random_uniform(&r));
      re[i] *= weight[i];
      im[i] *= weight[i];
    }
    fz_insert_complex(&b_cube, table, &f, &a, re, im, b_cell);
    fz_insert_real(&a_cube, table, &f, &a, weight, a_cell);
  }
  fz_normal *op = fz_normal_create(M, scale, mask);
  double no_prior[1] = {0};
  assert_int_equal(fz_normal_right_side(op, &b_cube, b_cell, 1.0, direct), FZ_OK);
  assert_int_equal(fz_normal_set(op, &a_cube, a_cell, 1.0, no_prior, 1), FZ_OK);
  fz_normal_apply(op, u, fast);
  double error = 0, norm = 0;
  for (int i = 0; i < VOXELS; i++) {
    error += pow(fast[i] - direct[i], 2);
    norm += direct[i] * direct[i];
  }
  assert_true(sqrt(error / norm) < 1e-3); /* two gridding errors, which average out over the voxels */
  fz_normal_destroy(&op);
  fz_projector_destroy(&p);
  double **all[] = {&u, &direct, &fast, &mask, &table, &re, &im, &weight, &b_cell, &a_cell};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) fz_free(all[i]);
  fz_frequencies_clear(&f);
  assert_int_equal(fz_memory_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(toeplitz_is_sum_of_slices)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
