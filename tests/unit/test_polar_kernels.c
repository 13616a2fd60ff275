/* The polar engine's kernels: transforms against plain sums, the adjoint, and every instruction set against the
 * compiler's default. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <complex.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "estep/polar_kernels.h"

enum { CELL = FZ_POLAR_CELL, LANES = FZ_POLAR_LANES, ROWS = FZ_POLAR_ROWS, RINGS = 7, ANGLES = 60 };
static const double PI = 3.14159265358979323846;

extern const fz_polar_kernels fz_polar_set_base_f32;

static void fill(float *x, ptrdiff_t n, uint64_t stream) {
  fz_random r = fz_random_stream(11, FZ_PURPOSE_TEST, stream, 0);
  for (ptrdiff_t i = 0; i < n; i++) x[i] = (float)fz_random_normal(&r);
}

static void transforms_are_sums(void **state) {
  (void)state;
  static const int lengths[] = {4, 24, 32, 36, 48, 80, 96, 40, 60, 64, 72, 100, 108, 120, 128, 216, 250, 256, 400};
  const fz_polar_kernels *k = fz_polar_kernels_best();
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    int n = lengths[i];
    fz_polar_fft fft;
    float *in = fz_alloc(n * CELL, sizeof *in), *work = fz_alloc(n * CELL, sizeof *in),
          *out = fz_alloc(n * CELL, sizeof *in), largest[2], top[2] = {-1e30F, -1e30F};
    fill(in, n * CELL, 1);
    assert_int_equal(fz_polar_fft_init(&fft, n), FZ_OK);
    const float *result = k->transform(&fft, in, work, out, largest);
    for (int p = 0; p < n; p++)
      for (int j = 0; j < LANES; j++) {
        double complex sum = 0;
        for (int q = 0; q < n; q++)
          sum += (in[q * CELL + j] + I * in[q * CELL + LANES + j]) * cexp(2 * PI * I * p * q / n);
        assert_true(cabs(result[p * CELL + j] + I * result[p * CELL + LANES + j] - sum) < 2e-6 * sqrt(n) * 4);
        top[0] = fmaxf(top[0], result[p * CELL + j]);
        top[1] = fmaxf(top[1], result[p * CELL + LANES + j]);
      }
    assert_true(largest[0] == top[0] && largest[1] == top[1]);
    fz_polar_fft_clear(&fft);
    fz_free(&in);
    fz_free(&work);
    fz_free(&out);
  }
  fz_polar_fft fft;
  assert_int_equal(fz_polar_fft_init(&fft, 14), FZ_EINVAL);
  assert_int_equal(fz_memory_blocks(), 0);
}

typedef struct problem {
  fz_polar_layout l;
  float *rows, *slices, *norm, *z, *gamma, *sum;
  const float *row[ROWS], *norms[ROWS];
  float offset[ROWS], lane_offset[LANES];
} problem;

static void build(problem *x) {
  fz_rings rings;
  assert_int_equal(fz_rings_init(&rings, RINGS, ANGLES), FZ_OK);
  assert_int_equal(fz_polar_layout_slices(&x->l, &rings, 0.45), FZ_OK);
  fz_rings_clear(&rings);
  x->rows = fz_alloc(ROWS * 2 * x->l.n_pairs, sizeof(float));
  x->slices = fz_alloc(x->l.n_pairs * CELL, sizeof(float));
  x->norm = fz_alloc((ptrdiff_t)ROWS * ANGLES * CELL, sizeof(float));
  x->z = fz_alloc((ptrdiff_t)ROWS * ANGLES * CELL, sizeof(float));
  x->gamma = fz_alloc((ptrdiff_t)(x->l.top + 1) * ROWS * CELL, sizeof(float));
  x->sum = fz_alloc(x->l.n_pairs * CELL, sizeof(float));
  fill(x->rows, ROWS * 2 * x->l.n_pairs, 2);
  fill(x->slices, x->l.n_pairs * CELL, 3);
  fill(x->norm, (ptrdiff_t)ROWS * ANGLES * CELL, 4);
  fill(x->gamma, (ptrdiff_t)(x->l.top + 1) * ROWS * CELL, 5);
  fill(x->offset, ROWS, 6);
  fill(x->lane_offset, LANES, 7);
  for (int i = 0; i < ROWS; i++) {
    x->row[i] = x->rows + i * 2 * x->l.n_pairs;
    x->norms[i] = x->norm + (ptrdiff_t)i * ANGLES * CELL;
  }
}

static void drop(problem *x) {
  fz_free(&x->rows);
  fz_free(&x->slices);
  fz_free(&x->norm);
  fz_free(&x->z);
  fz_free(&x->gamma);
  fz_free(&x->sum);
  fz_polar_layout_clear(&x->l);
  assert_int_equal(fz_memory_blocks(), 0);
}

static void products_and_their_adjoint_are_sums(void **state) {
  (void)state;
  problem x;
  build(&x);
  const fz_polar_kernels *k = fz_polar_kernels_best();
  k->products(&x.l, x.row, x.norms, x.offset, x.lane_offset, x.slices, x.z);
  k->accumulate(&x.l, ROWS, x.row, x.gamma, x.sum);
  for (int q = 0; q <= x.l.top; q++)
    for (int j = 0; j < LANES; j++) {
      double complex g[ROWS];
      for (int i = 0; i < ROWS; i++) {
        g[i] = q % 2 ? 0 : x.norms[i][q / 2 * CELL + j] + I * x.norms[i][q / 2 * CELL + LANES + j];
        if (!q) g[i] += x.offset[i] + x.lane_offset[j];
        for (ptrdiff_t p = x.l.first[q]; p < x.l.first[q + 1]; p++)
          g[i] += (x.row[i][2 * p] - I * x.row[i][2 * p + 1]) *
                  (x.slices[p * CELL + j] + I * x.slices[p * CELL + LANES + j]);
      }
      for (int i = 0; q && i < ROWS; i += 2) {
        const float *up = x.z + ((ptrdiff_t)(i / 2) * ANGLES + q) * CELL + j, *down = up + (ANGLES - 2 * q) * CELL;
        assert_true(cabs(up[0] + I * up[LANES] - g[i] - I * g[i + 1]) < 2e-5);
        assert_true(cabs(down[0] + I * down[LANES] - conj(g[i]) - I * conj(g[i + 1])) < 2e-5);
      }
      for (ptrdiff_t p = x.l.first[q]; p < x.l.first[q + 1]; p++) {
        double complex sum = 0;
        for (int i = 0; i < ROWS; i++) {
          const float *gamma = x.gamma + ((ptrdiff_t)q * ROWS + i) * CELL + j;
          sum += (x.row[i][2 * p] + I * x.row[i][2 * p + 1]) * (gamma[0] - I * gamma[LANES]);
        }
        assert_true(cabs(x.sum[p * CELL + j] + I * x.sum[p * CELL + LANES + j] - sum) < 2e-5);
      }
    }
  drop(&x);
}

static void untangled_spectra_are_those_of_each_row(void **state) {
  (void)state;
  enum { TOP = 13 };
  fz_polar_fft fft;
  float *in = fz_alloc(ANGLES * CELL, sizeof *in), *work = fz_alloc(ANGLES * CELL, sizeof *in),
        *out = fz_alloc(ANGLES * CELL, sizeof *in), *both = fz_alloc(2 * (TOP + 1) * CELL, sizeof *in), unused[2];
  fill(in, ANGLES * CELL, 8);
  assert_int_equal(fz_polar_fft_init(&fft, ANGLES), FZ_OK);
  const fz_polar_kernels *k = fz_polar_kernels_best();
  k->untangle(k->transform(&fft, in, work, out, unused), ANGLES, TOP, both, both + CELL, 2 * CELL);
  for (int part = 0; part < 2; part++)
    for (int q = 0; q <= TOP; q++)
      for (int j = 0; j < LANES; j++) {
        double complex sum = 0;
        for (int p = 0; p < ANGLES; p++) sum += in[p * CELL + part * LANES + j] * cexp(2 * PI * I * p * q / ANGLES);
        const float *got = both + (2 * q + part) * CELL + j;
        assert_true(cabs(got[0] + I * got[LANES] - sum) < 5e-5);
      }
  fz_polar_fft_clear(&fft);
  fz_free(&in);
  fz_free(&work);
  fz_free(&out);
  fz_free(&both);
}

/* Scores of two rows, weights and their sums, against the maths library. */
static void weights_are_exponentials(void **state) {
  (void)state;
  const fz_polar_kernels *k = fz_polar_kernels_best();
  float cells[ANGLES * CELL], before[ANGLES * CELL], lanes[LANES] = {0};
  fill(cells, ANGLES * CELL, 9);
  for (int i = 0; i < ANGLES * CELL; i++) cells[i] = 40 * cells[i] - 100;
  memcpy(before, cells, sizeof cells);
  for (int part = 0; part < 2; part++) {
    double sum = 0, kept = 0, first = 0, moment = 0, by_lane = 0;
    float top = -1e30F;
    for (int p = 0; p < ANGLES; p++)
      for (int j = 0; j < LANES; j++) top = fmaxf(top, before[p * CELL + part * LANES + j]);
    for (int p = 0; p < ANGLES; p++)
      for (int j = 0; j < LANES; j++) {
        double score = before[p * CELL + part * LANES + j], e = exp(score - top);
        sum += e;
        if (e > 1e-4) {
          kept += e;
          first += e * score;
        }
      }
    assert_true(fabs(k->sum_exp(cells, ANGLES, part, top) - sum) < 1e-5 * sum);
    memset(lanes, 0, sizeof lanes);
    double mass = k->weights(cells, ANGLES, part, top, 1e-4F, &moment, lanes);
    for (int j = 0; j < LANES; j++) by_lane += lanes[j];
    assert_true(fabs(mass - kept) < 1e-5 * kept && fabs(by_lane - kept) < 1e-5 * kept);
    assert_true(fabs(moment - first) < 1e-4 * fabs(first));
  }
}

static void instruction_sets_agree(void **state) {
  (void)state;
  problem x;
  build(&x);
  const fz_polar_kernels *k = fz_polar_kernels_best(), *base = &fz_polar_set_base_f32;
  ptrdiff_t size = (ptrdiff_t)ROWS * ANGLES * CELL;
  float *other = fz_alloc(size, sizeof *other);
  k->products(&x.l, x.row, x.norms, x.offset, x.lane_offset, x.slices, x.z);
  base->products(&x.l, x.row, x.norms, x.offset, x.lane_offset, x.slices, other);
  for (ptrdiff_t i = 0; i < size; i++) assert_true(fabsf(other[i] - x.z[i]) < 3e-5F);
  fz_free(&other);
  drop(&x);
}

/* What the layout leaves out of a ball of radius rho is below 1e-4: Bessel functions beyond their turning point. */
static void pairs_left_out_are_small(void **state) {
  (void)state;
  fz_polar_layout l;
  const double rho = 0.45;
  fz_rings rings;
  assert_int_equal(fz_rings_init(&rings, 32, 256), FZ_OK);
  assert_int_equal(fz_polar_layout_slices(&l, &rings, rho), FZ_OK);
  fz_rings_clear(&rings);
  assert_true(l.n_pairs < 32 * (l.top + 1) * 3 / 4);
  for (int q = 0; q <= l.top; q++)
    for (int r = 0; r < l.lowest[q]; r++) assert_true(fabs(jn(q, 2 * PI * (r + 1) * rho)) < 2e-4);
  assert_true(fabs(jn(l.top + 1, 2 * PI * 32 * rho)) < 2e-4);
  fz_polar_layout_clear(&l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(transforms_are_sums),
      cmocka_unit_test(products_and_their_adjoint_are_sums),
      cmocka_unit_test(untangled_spectra_are_those_of_each_row),
      cmocka_unit_test(weights_are_exponentials),
      cmocka_unit_test(instruction_sets_agree),
      cmocka_unit_test(pairs_left_out_are_small),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
