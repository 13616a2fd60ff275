#include "model/noise.h"

#include <math.h>
#include <string.h>

#include "core/fft.h"
#include "core/memory.h"
#include "model/simulation.h"

static const double FLOOR = 0.2;

struct fz_noise {
  int n;
  double pixel_A, falloff_A, scale; /* scale: c */
  fz_fft *fft;                      /* NULL: white */
  double *white;                    /* [n][n] */
  double *gain;                     /* [n][n/2+1] of white noise's transform, with the backward one's scale */
  double complex *half;             /* [n][n/2+1] */
};

double fz_noise_power(const fz_noise *noise, double k_per_A) {
  double x = k_per_A * noise->falloff_A;
  return noise->scale * (1 / (1 + x * x) + FLOOR);
}

static double power_at(const fz_noise *noise, int row, int column) {
  int ky = row <= noise->n / 2 ? row : row - noise->n;
  return fz_noise_power(noise, hypot(column, ky) / (noise->n * noise->pixel_A));
}

/* Mean over the whole plane; the half-plane leaves one of each pair of conjugates out. */
static double mean_power(const fz_noise *noise) {
  int n = noise->n;
  double sum = 0;
  for (int y = 0; y < n; y++)
    for (int x = 0; x <= n / 2; x++) sum += (x == 0 || 2 * x == n ? 1 : 2) * power_at(noise, y, x);
  return sum / ((double)n * n);
}

fz_noise *fz_noise_create(int n, double pixel_A, double falloff_A) {
  fz_noise *noise = fz_alloc(1, sizeof *noise);
  if (!noise) return NULL;
  *noise = (fz_noise){.n = n, .pixel_A = pixel_A, .falloff_A = falloff_A, .scale = 1};
  noise->scale = 1 / mean_power(noise);
  if (falloff_A == 0) return noise;
  noise->fft = fz_fft_create(2, (const int[]){n, n}, 1, false);
  noise->white = fz_alloc((ptrdiff_t)n * n, sizeof *noise->white);
  noise->half = fz_alloc((ptrdiff_t)n * (n / 2 + 1), sizeof *noise->half);
  noise->gain = fz_alloc((ptrdiff_t)n * (n / 2 + 1), sizeof *noise->gain);
  if (!noise->fft || !noise->white || !noise->half || !noise->gain) {
    fz_noise_destroy(&noise);
    return NULL;
  }
  for (int y = 0; y < n; y++)
    for (int x = 0; x <= n / 2; x++)
      noise->gain[(ptrdiff_t)y * (n / 2 + 1) + x] = sqrt(power_at(noise, y, x)) / ((double)n * n);
  return noise;
}

void fz_noise_destroy(fz_noise **noise) {
  if (!*noise) return;
  fz_fft_destroy(&(*noise)->fft);
  fz_free(&(*noise)->white);
  fz_free(&(*noise)->half);
  fz_free(&(*noise)->gain);
  fz_free(noise);
}

void fz_noise_add(fz_noise *noise, uint64_t seed, int64_t i, double deviation, double *pixels) {
  int n = noise->n;
  ptrdiff_t size = (ptrdiff_t)n * n;
  if (!noise->fft) {
    fz_simulation_add_noise(seed, i, deviation, size, pixels);
    return;
  }
  memset(noise->white, 0, (size_t)size * sizeof *noise->white);
  fz_simulation_add_noise(seed, i, deviation, size, noise->white);
  fz_fft_forward(noise->fft, noise->white, noise->half);
  for (ptrdiff_t k = 0; k < (ptrdiff_t)n * (n / 2 + 1); k++) noise->half[k] *= noise->gain[k];
  fz_fft_backward(noise->fft, noise->half, noise->white);
  for (ptrdiff_t r = 0; r < size; r++) pixels[r] += noise->white[r];
}
