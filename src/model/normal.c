#include "model/normal.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#include "core/fft.h"
#include "core/memory.h"

struct fz_normal {
  int m;
  double scale;
  const double *mask;
  fz_fft *kernel_fft, *fine_fft, *coarse_fft; /* 4m, 2m and m */
  double *kernel;                             /* [4m]^3 */
  double complex *kernel_half;                /* [4m][4m][2m+1] */
  double *fine;                               /* [2m]^3 */
  double complex *fine_half;                  /* [2m][2m][m+1] */
  double *eigenvalue;                         /* [2m][2m][m+1] of T + R, divided by (2m)^3 */
  double *coarse;                             /* [m]^3 */
  double complex *coarse_half;
  double *inverse; /* [m][m][m/2+1] preconditioner, divided by m^3 */
};

fz_normal *fz_normal_create(int m, double slice_scale, const double *mask) {
  fz_normal *op = fz_alloc(1, sizeof *op);
  if (!op) return NULL;
  *op = (fz_normal){.m = m, .scale = slice_scale, .mask = mask};
  ptrdiff_t fine = 8 * (ptrdiff_t)m * m * m, fine_half = 4 * (ptrdiff_t)m * m * (m + 1);
  op->kernel_fft = fz_fft_create(3, (int[]){4 * m, 4 * m, 4 * m}, 1, false);
  op->kernel = fz_alloc(8 * fine, sizeof(double));
  op->kernel_half = fz_alloc(16 * (ptrdiff_t)m * m * (2 * m + 1), sizeof(double complex));
  op->fine_fft = fz_fft_create(3, (int[]){2 * m, 2 * m, 2 * m}, 1, false);
  op->coarse_fft = fz_fft_create(3, (int[]){m, m, m}, 1, false);
  op->fine = fz_alloc(fine, sizeof(double));
  op->fine_half = fz_alloc(fine_half, sizeof(double complex));
  op->eigenvalue = fz_alloc(fine_half, sizeof(double));
  op->coarse = fz_alloc((ptrdiff_t)m * m * m, sizeof(double));
  op->coarse_half = fz_alloc((ptrdiff_t)m * m * (m / 2 + 1), sizeof(double complex));
  op->inverse = fz_alloc((ptrdiff_t)m * m * (m / 2 + 1), sizeof(double));
  if (!op->kernel_fft || !op->kernel || !op->kernel_half || !op->fine_fft || !op->coarse_fft || !op->fine ||
      !op->fine_half || !op->eigenvalue || !op->coarse || !op->coarse_half || !op->inverse)
    fz_normal_destroy(&op);
  return op;
}

int64_t fz_normal_bytes(int size) {
  int64_t m = size, reals = 64 * m * m * m + 32 * m * m * (2 * m + 1); /* kernel */
  reals += 8 * m * m * m + 3 * 4 * m * m * (m + 1);                    /* fine grid, its eigenvalues */
  reals += m * m * m + 3 * m * m * (m / 2 + 1);                        /* coarse grid, its preconditioner */
  return reals * (int64_t)sizeof(double);
}

void fz_normal_destroy(fz_normal **op) {
  if (!*op) return;
  fz_fft_destroy(&(*op)->kernel_fft);
  fz_free(&(*op)->kernel);
  fz_free(&(*op)->kernel_half);
  fz_fft_destroy(&(*op)->fine_fft);
  fz_fft_destroy(&(*op)->coarse_fft);
  fz_free(&(*op)->fine);
  fz_free(&(*op)->fine_half);
  fz_free(&(*op)->eigenvalue);
  fz_free(&(*op)->coarse);
  fz_free(&(*op)->coarse_half);
  fz_free(&(*op)->inverse);
  fz_free(op);
}

ptrdiff_t fz_normal_size(const fz_normal *op) {
  return (ptrdiff_t)op->m * op->m * op->m;
}

static int signed_frequency(int i, int n) {
  return i <= n / 2 ? i : i - n;
}

/* |k| in cycles per box of cell (z, y, x) of a half-complex grid of n^3 that is `over` times oversampled. */
static double radius(int z, int y, int x, int n, int over) {
  double a = signed_frequency(z, n), b = signed_frequency(y, n), c = x;
  return sqrt(a * a + b * b + c * c) / over;
}

static double at_shell(const double *value, int shells, double r) {
  int s = (int)r;
  if (s + 1 >= shells) return value[shells - 1];
  return value[s] + (r - s) * (value[s + 1] - value[s]);
}

static fz_status fill_preconditioner(fz_normal *op) {
  int m = op->m, shells = m;
  double *sum = fz_alloc(shells + 1, sizeof *sum), *count = fz_alloc(shells + 1, sizeof *count);
  if (!sum || !count) {
    fz_free(&sum);
    fz_free(&count);
    return FZ_ENOMEM;
  }
  ptrdiff_t at = 0;
  for (int z = 0; z < 2 * m; z++)
    for (int y = 0; y < 2 * m; y++)
      for (int x = 0; x <= m; x++, at++) {
        int s = (int)lrint(radius(z, y, x, 2 * m, 2));
        if (s > shells) s = shells;
        sum[s] += op->eigenvalue[at];
        count[s]++;
      }
  double volume = 8.0 * m * m * m, largest = 0;
  for (int s = 0; s <= shells; s++) {
    sum[s] = count[s] > 0 ? sum[s] / count[s] * volume : 0;
    largest = fmax(largest, sum[s]);
  }
  for (int s = 0; s <= shells; s++) sum[s] = fmax(sum[s], 1e-6 * largest);
  at = 0;
  for (int z = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x <= m / 2; x++, at++)
        op->inverse[at] = 1.0 / (at_shell(sum, shells + 1, radius(z, y, x, m, 1)) * m * m * m);
  fz_free(&sum);
  fz_free(&count);
  return FZ_OK;
}

fz_status fz_normal_set(fz_normal *op, const fz_cube *a_cube, const double *a_cell, double factor,
                        const double *inverse_tau2, int shells) {
  int m = op->m, n = 2 * m;
  FZ_ASSERT(a_cube->over == 4 && a_cube->m == m);
  fz_cube_to_half(a_cube, a_cell, 1, op->kernel_half);
  fz_fft_backward(op->kernel_fft, op->kernel_half, op->kernel);
  fz_status st = fz_cube_crop(4 * m, op->kernel, n, false, op->fine);
  if (st != FZ_OK) return st;
  fz_fft_forward(op->fine_fft, op->fine, op->fine_half);
  double volume = 8.0 * m * m * m, c2 = op->scale * op->scale;
  ptrdiff_t at = 0;
  for (int z = 0; z < n; z++)
    for (int y = 0; y < n; y++)
      for (int x = 0; x <= m; x++, at++) {
        double prior = at_shell(inverse_tau2, shells, radius(z, y, x, n, 2)) * m * m * m;
        double data = factor * creal(op->fine_half[at]);
        op->eigenvalue[at] = c2 * (data + prior) / volume;
      }
  return fill_preconditioner(op);
}

void fz_normal_apply(fz_normal *op, const double *x, double *y) {
  int m = op->m, n = 2 * m;
  memset(op->fine, 0, sizeof(double) * (size_t)n * (size_t)n * (size_t)n);
  for (ptrdiff_t row = 0; row < (ptrdiff_t)m * m; row++) {
    double *to = op->fine + (row / m * n + row % m) * n;
    for (int i = 0; i < m; i++) to[i] = x[row * m + i] * op->mask[row * m + i];
  }
  fz_fft_forward(op->fine_fft, op->fine, op->fine_half);
  ptrdiff_t half = 4 * (ptrdiff_t)m * m * (m + 1);
  for (ptrdiff_t i = 0; i < half; i++) op->fine_half[i] *= op->eigenvalue[i];
  fz_fft_backward(op->fine_fft, op->fine_half, op->fine);
  for (ptrdiff_t row = 0; row < (ptrdiff_t)m * m; row++) {
    const double *from = op->fine + (row / m * n + row % m) * n;
    for (int i = 0; i < m; i++) y[row * m + i] = from[i] * op->mask[row * m + i];
  }
}

void fz_normal_precondition(fz_normal *op, const double *r, double *z) {
  ptrdiff_t size = fz_normal_size(op), half = (ptrdiff_t)op->m * op->m * (op->m / 2 + 1);
  for (ptrdiff_t i = 0; i < size; i++) op->coarse[i] = r[i] * op->mask[i];
  fz_fft_forward(op->coarse_fft, op->coarse, op->coarse_half);
  for (ptrdiff_t i = 0; i < half; i++) op->coarse_half[i] *= op->inverse[i];
  fz_fft_backward(op->coarse_fft, op->coarse_half, op->coarse);
  for (ptrdiff_t i = 0; i < size; i++) z[i] = op->coarse[i] * op->mask[i];
}

fz_status fz_normal_right_side(fz_normal *op, const fz_cube *b_cube, const double *b_cell, double factor, double *b) {
  FZ_ASSERT(b_cube->over == 2 && b_cube->m == op->m);
  fz_cube_to_half(b_cube, b_cell, 2, op->fine_half);
  fz_fft_backward(op->fine_fft, op->fine_half, op->fine);
  fz_status st = fz_cube_crop(2 * op->m, op->fine, op->m, true, b);
  for (ptrdiff_t i = 0; st == FZ_OK && i < fz_normal_size(op); i++) b[i] *= factor * op->scale * op->mask[i];
  return st;
}
