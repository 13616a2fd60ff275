#include "model/image_transform.h"

#include <math.h>

#include "core/fft.h"
#include "core/memory.h"

struct fz_image_transform {
  int n;
  fz_fft *fft;
  double *real;         /* [n][n] */
  double complex *ramp; /* [n]: exp(2 pi i k (n/2) / n) / sqrt(n), k in the transform's order */
};

fz_image_transform *fz_image_transform_create(int n) {
  fz_image_transform *t = fz_alloc(1, sizeof *t);
  if (!t) return NULL;
  t->n = n;
  t->fft = fz_fft_create(2, (int[]){n, n}, 1, false);
  t->real = fz_alloc((ptrdiff_t)n * n, sizeof *t->real);
  t->ramp = fz_alloc(n, sizeof *t->ramp);
  if (!t->fft || !t->real || !t->ramp) {
    fz_image_transform_destroy(&t);
    return NULL;
  }
  for (int i = 0; i < n; i++) {
    int k = i <= n / 2 ? i : i - n;
    /* For even n the ramp is (-1)^k, exactly. */
    double complex turn = n % 2 == 0 ? (k & 1 ? -1.0 : 1.0) : cexp(I * (2 * 3.14159265358979323846 * (n / 2) / n * k));
    t->ramp[i] = turn / sqrt(n);
  }
  return t;
}

void fz_image_transform_destroy(fz_image_transform **t) {
  if (!*t) return;
  fz_fft_destroy(&(*t)->fft);
  fz_free(&(*t)->real);
  fz_free(&(*t)->ramp);
  fz_free(t);
}

ptrdiff_t fz_image_transform_size(const fz_image_transform *t) {
  return (ptrdiff_t)t->n * (t->n / 2 + 1);
}

/* The ramp of even boxes: (-1)^(x + y) / n. */
static void change_signs(const fz_image_transform *t, double complex *half) {
  int row = t->n / 2 + 1;
  double *to = (double *)half;
  for (int y = 0; y < t->n; y++)
    for (int x = 0; x < row; x++, to += 2) {
      double factor = (x + y) % 2 ? -1.0 / t->n : 1.0 / t->n;
      to[0] *= factor;
      to[1] *= factor;
    }
}

void fz_image_transform_of(const fz_image_transform *t, const double *pixels, double complex *half) {
  int n = t->n, row = n / 2 + 1;
  fz_fft_forward(t->fft, pixels, half);
  if (n % 2 == 0) {
    change_signs(t, half);
    return;
  }
  for (int y = 0; y < n; y++)
    for (int x = 0; x < row; x++) half[(ptrdiff_t)y * row + x] *= t->ramp[y] * t->ramp[x];
}

void fz_image_transform_forward(fz_image_transform *t, const float *pixels, double complex *half) {
  for (ptrdiff_t i = 0; i < (ptrdiff_t)t->n * t->n; i++) t->real[i] = (double)pixels[i];
  fz_image_transform_of(t, t->real, half);
}

void fz_image_transform_backward(fz_image_transform *t, double complex *half, double *pixels) {
  int n = t->n, row = n / 2 + 1;
  for (int y = 0; y < n; y++)
    for (int x = 0; x < row; x++) half[(ptrdiff_t)y * row + x] *= conj(t->ramp[y] * t->ramp[x]);
  fz_fft_backward(t->fft, half, pixels);
}
