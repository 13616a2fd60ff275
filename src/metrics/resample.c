#include "metrics/resample.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/fft.h"
#include "core/memory.h"

enum { WIDTH = 6 };
static const double shape_parameter = 0.976 * 3.14159265358979323846 * WIDTH * (1 - 1 / (2 * 1.5));

static double kernel(double x) {
  double u = 1 - 4 * x * x / (WIDTH * WIDTH);
  return u > 0 ? exp(shape_parameter * (sqrt(u) - 1)) : 0;
}

/* Fourier transform of the kernel at frequency xi (cycles per sample of the fine grid), by the midpoint rule. */
static double kernel_transform(double xi) {
  enum { POINTS = 600 };
  double sum = 0, h = (double)WIDTH / POINTS;
  for (int i = 0; i < POINTS; i++) {
    double x = (i + 0.5) * h - WIDTH / 2.0;
    sum += kernel(x) * cos(2 * 3.14159265358979323846 * xi * x) * h;
  }
  return sum;
}

/* Even and a product of 2, 3 and 5, which FFTW likes. */
static int fine_size(int n) {
  for (int m = (3 * n + 1) / 2 + WIDTH;; m++) {
    int rest = m;
    while (rest % 2 == 0) rest /= 2;
    while (rest % 3 == 0) rest /= 3;
    while (rest % 5 == 0) rest /= 5;
    if (rest == 1 && m % 2 == 0) return m;
  }
}

/* Copy the spectrum of n^3 into that of m^3 with the deconvolution factor of every axis; Nyquist is shared between
 * +n/2 and -n/2 when n is even. */
static void spread(int n, const float complex *in, int m, const double *factor, float complex *out) {
  int half_n = n / 2 + 1, half_m = m / 2 + 1;
  for (int kz = -(n / 2); kz <= n / 2; kz++)
    for (int ky = -(n / 2); ky <= n / 2; ky++) {
      double gain = factor[abs(kz)] * factor[abs(ky)];
      if (n % 2 == 0 && abs(kz) == n / 2) gain /= 2;
      if (n % 2 == 0 && abs(ky) == n / 2) gain /= 2;
      const float complex *from = in + ((ptrdiff_t)((kz + n) % n) * n + (ky + n) % n) * half_n;
      float complex *to = out + ((ptrdiff_t)((kz + m) % m) * m + (ky + m) % m) * half_m;
      for (int kx = 0; kx < half_n; kx++) {
        double g = gain * factor[kx] * (n % 2 == 0 && kx == n / 2 ? 0.5 : 1);
        to[kx] = from[kx] * (float)g;
      }
    }
}

/* Coefficients c on the m^3 grid with  map(y) = sum_j c_j kernel(y m/n - j). */
static float *coefficients(const fz_map *map, int m) {
  int n = map->n;
  fz_fft *coarse = fz_fft_create(3, (const int[3]){n, n, n}, 1, true);
  fz_fft *fine = fz_fft_create(3, (const int[3]){m, m, m}, 1, true);
  float complex *in = coarse ? fz_alloc(fz_fft_complex_size(coarse), sizeof *in) : NULL;
  float complex *out = fine ? fz_alloc(fz_fft_complex_size(fine), sizeof *out) : NULL;
  double *factor = fz_alloc(n / 2 + 1, sizeof *factor);
  float *c = NULL;
  if (!in || !out || !factor) goto done;
  for (int k = 0; k <= n / 2; k++) factor[k] = 1 / (n * kernel_transform((double)k / m));
  fz_fft_forward_float(coarse, map->voxel, in);
  spread(n, in, m, factor, out);
  fz_free(&in);
  c = fz_alloc(fz_fft_real_size(fine), sizeof *c);
  if (c) fz_fft_backward_float(fine, out, c);
done:
  fz_free(&factor);
  fz_free(&in);
  fz_free(&out);
  fz_fft_destroy(&coarse);
  fz_fft_destroy(&fine);
  return c;
}

static int wrap(int i, int m) {
  i %= m;
  return i < 0 ? i + m : i;
}

/* Value at the position y, counted in samples of the fine grid from sample 0. */
static double evaluate(const float *c, int m, const double y[3]) {
  double weight[3][WIDTH];
  int index[3][WIDTH];
  for (int d = 0; d < 3; d++) {
    int first = (int)floor(y[d]) - WIDTH / 2 + 1;
    for (int i = 0; i < WIDTH; i++) {
      weight[d][i] = kernel(y[d] - (first + i));
      index[d][i] = wrap(first + i, m);
    }
  }
  double value = 0;
  for (int z = 0; z < WIDTH; z++)
    for (int line = 0; line < WIDTH; line++) {
      const float *row = c + ((ptrdiff_t)index[2][z] * m + index[1][line]) * m;
      double sum = 0;
      for (int x = 0; x < WIDTH; x++) sum += weight[0][x] * row[index[0][x]];
      value += weight[2][z] * weight[1][line] * sum;
    }
  return value;
}

fz_status fz_resample_rigid(const fz_map *map, const fz_rigid *motion, fz_map *moved, fz_error *err) {
  int n = map->n, m = fine_size(n), c = n / 2;
  float *coefficient = coefficients(map, m);
  float *voxel = fz_alloc((ptrdiff_t)n * n * n, sizeof *voxel);
  if (!coefficient || !voxel) {
    fz_free(&coefficient);
    fz_free(&voxel);
    return fz_fail(err, FZ_ENOMEM, "no memory to resample a map of %d^3 voxels", n);
  }
#pragma omp parallel for schedule(static)
  for (int z = 0; z < n; z++)
    for (int y = 0; y < n; y++)
      for (int x = 0; x < n; x++) {
        double p[3] = {x - c, y - c, z - c};
        fz_rotation_apply(&motion->rotation, p, p);
        bool inside = true;
        for (int d = 0; d < 3; d++) {
          p[d] += motion->shift[d];
          inside = inside && p[d] > -c - 0.5 && p[d] < n - c - 0.5;
        }
        if (!inside) continue; /* the block came zeroed */
        if (motion->mirrored) p[0] = -p[0];
        for (int d = 0; d < 3; d++) p[d] = (p[d] + c) * m / n;
        voxel[((ptrdiff_t)z * n + y) * n + x] = (float)evaluate(coefficient, m, p);
      }
  fz_free(&coefficient);
  fz_map_clear(moved);
  *moved = (fz_map){.n = n, .voxel_A = map->voxel_A, .voxel = voxel};
  return FZ_OK;
}
