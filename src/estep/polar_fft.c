#include <math.h>

#include "core/memory.h"
#include "estep/polar_kernels.h"

/* In the order that measures fastest: large radices touch memory least, and the last passes run over the longest rows.
 */
static const int RADICES[] = {5, 3, 8, 4, 2};

/* A pass of radix 2 costs almost as much as one of 4. */
static void pair_up(fz_polar_fft *fft) {
  int last = fft->passes - 1;
  for (int i = 0; i < last && fft->radix[last] == 2; i++)
    if (fft->radix[i] == 8) fft->radix[i] = fft->radix[last] = 4;
}

fz_status fz_polar_fft_init(fz_polar_fft *fft, int n) {
  *fft = (fz_polar_fft){.n = n};
  int rest = n;
  for (size_t i = 0; i < sizeof RADICES / sizeof RADICES[0]; i++)
    while (rest % RADICES[i] == 0) {
      fft->radix[fft->passes++] = RADICES[i];
      rest /= RADICES[i];
    }
  if (rest != 1 || n < 4) return FZ_EINVAL;
  pair_up(fft);
  ptrdiff_t count = 0;
  for (int i = 0, m = n; i < fft->passes; i++) {
    m /= fft->radix[i];
    count += 2 * (ptrdiff_t)m * (fft->radix[i] - 1);
  }
  fz_real *w = fft->twiddle = fz_alloc(count, sizeof *fft->twiddle);
  if (!w) return FZ_ENOMEM;
  for (int i = 0, length = n; i < fft->passes; i++) {
    int radix = fft->radix[i], m = length / radix;
    for (int p = 0; p < m; p++)
      for (int t = 1; t < radix; t++) {
        double angle = 2 * 3.14159265358979323846 * p * t / length;
        *w++ = (fz_real)cos(angle);
        *w++ = (fz_real)sin(angle);
      }
    length = m;
  }
  return FZ_OK;
}

void fz_polar_fft_clear(fz_polar_fft *fft) {
  fz_free(&fft->twiddle);
  *fft = (fz_polar_fft){0};
}
