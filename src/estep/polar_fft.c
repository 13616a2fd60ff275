#include <math.h>

#include "core/memory.h"
#include "estep/polar_kernels.h"

/* Large radices first touch memory least; 8 and 4 before 2. */
static const int RADICES[] = {8, 5, 4, 3, 2};

fz_status fz_polar_fft_init(fz_polar_fft *fft, int n) {
  *fft = (fz_polar_fft){.n = n};
  int rest = n;
  for (size_t i = 0; i < sizeof RADICES / sizeof RADICES[0]; i++)
    while (rest % RADICES[i] == 0) {
      fft->radix[fft->passes++] = RADICES[i];
      rest /= RADICES[i];
    }
  if (rest != 1 || n < 4) return FZ_EINVAL;
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
