#include "metrics/align_spectrum.h"

#include <math.h>

#include "core/fft.h"
#include "core/memory.h"

static const double pi = 3.14159265358979323846;

/* Half-complex spectrum with the phase origin moved from voxel 0 to voxel n/2; NULL when there is no memory. */
static double complex *centred_spectrum(int n, const double *real) {
  fz_fft *fft = fz_fft_create(3, (const int[3]){n, n, n}, 1, false);
  double complex *f = fft ? fz_alloc(fz_fft_complex_size(fft), sizeof *f) : NULL;
  double complex *turn = fz_alloc(n, sizeof *turn);
  if (f && turn) {
    fz_fft_forward(fft, real, f);
    for (int k = 0; k < n; k++) turn[k] = cexp(2 * pi * I * ((double)k * (n / 2) / n));
    for (ptrdiff_t z = 0, i = 0; z < n; z++)
      for (ptrdiff_t y = 0; y < n; y++)
        for (ptrdiff_t x = 0; x < n / 2 + 1; x++, i++) f[i] *= turn[z] * turn[y] * turn[x];
  } else {
    fz_free(&f);
  }
  fz_free(&turn);
  fz_fft_destroy(&fft);
  return f;
}

ptrdiff_t fz_align_index(int n, int kx, int ky, int kz) {
  return ((ptrdiff_t)((kz + n) % n) * n + (ky + n) % n) * (n / 2 + 1) + kx;
}

/* The map on a grid of m^3 points that keeps the coefficients up to `kmax`, divided by the transform of the
 * trilinear kernel, in the middle of a zeroed cube of (2m)^3. */
static double *padded_map(const double complex *f, int n, int kmax, int m) {
  fz_fft *fft = fz_fft_create(3, (const int[3]){m, m, m}, 1, false);
  double complex *small = fft ? fz_alloc(fz_fft_complex_size(fft), sizeof *small) : NULL;
  double *real = fft ? fz_alloc(fz_fft_real_size(fft), sizeof *real) : NULL;
  double *envelope = fz_alloc(m, sizeof *envelope), *padded = fz_alloc(8 * (ptrdiff_t)m * m * m, sizeof *padded);
  if (!small || !real || !envelope || !padded) {
    fz_free(&padded);
    goto done;
  }
  for (int kz = -kmax; kz <= kmax; kz++)
    for (int ky = -kmax; ky <= kmax; ky++)
      for (int kx = 0; kx <= kmax; kx++)
        small[fz_align_index(m, kx, ky, kz)] =
            (kx + ky + kz) % 2 ? -f[fz_align_index(n, kx, ky, kz)] : f[fz_align_index(n, kx, ky, kz)];
  fz_fft_backward(fft, small, real);
  for (int i = 0; i < m; i++) {
    double u = pi * (i - m / 2) / (2.0 * m);
    envelope[i] = u == 0 ? 1 : pow(sin(u) / u, -2);
  }
  for (int z = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < m; x++)
        padded[((ptrdiff_t)(z + m / 2) * 2 * m + y + m / 2) * 2 * m + x + m / 2] =
            real[((ptrdiff_t)z * m + y) * m + x] * envelope[z] * envelope[y] * envelope[x];
done:
  fz_free(&envelope);
  fz_free(&real);
  fz_free(&small);
  fz_fft_destroy(&fft);
  return padded;
}

/* 1 inside the sphere of diameter n - 6 about `centre`, 0 beyond n - 2, a cosine between. */
static double soft_sphere(int n, const double centre[3], int x, int y, int z) {
  double dx = x - n / 2 - centre[0], dy = y - n / 2 - centre[1], dz = z - n / 2 - centre[2];
  double beyond = sqrt(dx * dx + dy * dy + dz * dz) - (n / 2 - 3);
  if (beyond <= 0) return 1;
  return beyond >= 2 ? 0 : 0.5 + 0.5 * cos(pi * beyond / 2);
}

/* Spectrum of the map, of its part near `centre` unless that is NULL. */
static double complex *masked_spectrum(const fz_map *map, const double *centre) {
  int n = map->n;
  double *real = fz_alloc((ptrdiff_t)n * n * n, sizeof *real);
  double complex *f = NULL;
  if (real) {
    for (ptrdiff_t z = 0, i = 0; z < n; z++)
      for (ptrdiff_t y = 0; y < n; y++)
        for (ptrdiff_t x = 0; x < n; x++, i++)
          real[i] = map->voxel[i] * (centre ? soft_sphere(n, centre, (int)x, (int)y, (int)z) : 1);
    f = centred_spectrum(n, real);
  }
  fz_free(&real);
  return f;
}

fz_status fz_align_spectrum_create(const fz_map *map, const double *mask_centre, int kmax, fz_align_spectrum *spectrum,
                                   fz_error *err) {
  int n = map->n, m = 2 * (kmax + 2), r = 2 * kmax + 2;
  fz_status st = FZ_OK;
  double *padded = NULL;
  double complex *f = masked_spectrum(map, mask_centre), *fine = NULL;
  *spectrum = (fz_align_spectrum){.n = n, .r = r};
  spectrum->value = fz_alloc((ptrdiff_t)(2 * r + 1) * (2 * r + 1) * (r + 1), sizeof *spectrum->value);
  if (f) padded = padded_map(f, n, kmax, m);
  if (padded) fine = centred_spectrum(2 * m, padded);
  if (!fine || !spectrum->value) {
    st = fz_fail(err, FZ_ENOMEM, "no memory to align maps of %d^3 voxels", n);
    goto done;
  }
  ptrdiff_t i = 0;
  for (int kz = -r; kz <= r; kz++)
    for (int ky = -r; ky <= r; ky++)
      for (int kx = 0; kx <= r; kx++) spectrum->value[i++] = (float complex)fine[fz_align_index(2 * m, kx, ky, kz)];
done:
  if (st != FZ_OK) fz_align_spectrum_clear(spectrum);
  fz_free(&padded);
  fz_free(&f);
  fz_free(&fine);
  return st;
}

void fz_align_spectrum_clear(fz_align_spectrum *spectrum) {
  fz_free(&spectrum->value);
  *spectrum = (fz_align_spectrum){0};
}

static double low_pass(double radius, double cutoff) {
  if (radius < cutoff - 1) return 1;
  return radius > cutoff + 1 ? 0 : 0.5 + 0.5 * cos(pi * (radius - cutoff + 1) / 2);
}

void fz_align_ball_clear(fz_align_ball *b) {
  fz_free(&b->k);
  fz_free(&b->value);
  fz_free(&b->weight);
  *b = (fz_align_ball){0};
}

static fz_status ball_fill(const double complex *f, int n, double cutoff, fz_align_ball *b, fz_error *err) {
  int most = (int)ceil(cutoff + 1);
  ptrdiff_t room = (ptrdiff_t)(most + 1) * (2 * most + 1) * (2 * most + 1);
  b->k = fz_alloc(room, sizeof *b->k);
  b->value = fz_alloc(room, sizeof *b->value);
  b->weight = fz_alloc(room, sizeof *b->weight);
  if (!b->k || !b->value || !b->weight) return fz_fail(err, FZ_ENOMEM, "no memory to align maps of %d^3 voxels", n);
  double power = 0;
  for (int kz = -most; kz <= most; kz++)
    for (int ky = -most; ky <= most; ky++)
      for (int kx = 0; kx <= most; kx++) {
        bool half = kx > 0 || ky > 0 || (ky == 0 && kz > 0);
        double h = low_pass(sqrt((double)kx * kx + (double)ky * ky + (double)kz * kz), cutoff);
        if (!half || h <= 0) continue;
        double complex value = f[fz_align_index(n, kx, ky, kz)] * h;
        b->k[b->count][0] = kx;
        b->k[b->count][1] = ky;
        b->k[b->count][2] = kz;
        b->value[b->count] = (float complex)(value * h);
        b->weight[b->count++] = (float)(h * h);
        power += creal(value) * creal(value) + cimag(value) * cimag(value);
      }
  b->norm = sqrt(power);
  return power > 0 ? FZ_OK : fz_fail(err, FZ_EINPUT, "the reference map is constant inside its sphere");
}

fz_status fz_align_balls_create(const fz_map *map, int n_balls, const double *cutoff, fz_align_ball *ball,
                                fz_error *err) {
  double complex *f = masked_spectrum(map, (double[3]){0, 0, 0});
  if (!f) return fz_fail(err, FZ_ENOMEM, "no memory to align maps of %d^3 voxels", map->n);
  fz_status st = FZ_OK;
  for (int i = 0; i < n_balls && st == FZ_OK; i++) st = ball_fill(f, map->n, cutoff[i], &ball[i], err);
  fz_free(&f);
  return st;
}

float complex fz_align_spectrum_at(const fz_align_spectrum *map, const double q[3]) {
  double sign = q[0] < 0 ? -2 : 2;
  float p[3] = {(float)(sign * q[0]), (float)(sign * q[1]), (float)(sign * q[2])};
  int base[3];
  for (int d = 0; d < 3; d++) {
    base[d] = (int)floorf(p[d]);
    p[d] -= (float)base[d];
  }
  ptrdiff_t row = map->r + 1, plane = row * (2 * map->r + 1);
  const float complex *v = map->value + (base[2] + map->r) * plane + (base[1] + map->r) * row + base[0];
  float complex c00 = v[0] + p[0] * (v[1] - v[0]), c01 = v[row] + p[0] * (v[row + 1] - v[row]);
  const float complex *w = v + plane;
  float complex c10 = w[0] + p[0] * (w[1] - w[0]), c11 = w[row] + p[0] * (w[row + 1] - w[row]);
  float complex c0 = c00 + p[1] * (c01 - c00), c1 = c10 + p[1] * (c11 - c10), c = c0 + p[2] * (c1 - c0);
  return sign < 0 ? conjf(c) : c;
}
