#include "model/start.h"

#include <complex.h>
#include <math.h>

#include "core/fft.h"
#include "core/memory.h"
#include "core/random.h"

static const double PI = 3.14159265358979323846;

fz_status fz_start_volume(uint64_t seed, int start, int class_index, int m, int shells, const double *tau2,
                          double slice_scale, double radius, double *voxel) {
  ptrdiff_t half_size = (ptrdiff_t)m * m * (m / 2 + 1);
  fz_fft *fft = fz_fft_create(3, (int[]){m, m, m}, 1, false);
  double complex *half = fz_alloc(half_size, sizeof *half);
  fz_status st = fft && half ? FZ_OK : FZ_ENOMEM;
  if (st != FZ_OK) goto done;
  fz_random r = fz_random_stream(seed, FZ_PURPOSE_START_VOLUME, (uint32_t)start, (uint64_t)class_index);
  /* Drawn in an order that does not depend on m: the same field on every grid. */
  for (int z = -shells; z <= shells; z++)
    for (int y = -shells; y <= shells; y++)
      for (int x = 0; x <= shells; x++) {
        double k = sqrt((double)(x * x + y * y + z * z)), a = fz_random_normal(&r), b = fz_random_normal(&r);
        if (k < 0.5 || k > shells + 0.5 || (x == 0 && (y < 0 || (y == 0 && z < 0)))) continue;
        int s = (int)lrint(k);
        double size = sqrt(0.5 * tau2[s <= shells ? s : shells]) / (slice_scale * (double)m * m * m);
        double complex v = size * (a + I * b) * cexp(2 * PI * I * (x + y + z) * -(m / 2) / m);
        half[((ptrdiff_t)((z + m) % m) * m + (y + m) % m) * (m / 2 + 1) + x] = v;
        if (x == 0) half[((ptrdiff_t)((m - z) % m) * m + (m - y) % m) * (m / 2 + 1)] = conj(v);
      }
  fz_fft_backward(fft, half, voxel);
  ptrdiff_t at = 0;
  for (int z = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < m; x++, at++) {
        double d = sqrt(pow(x - m / 2, 2) + pow(y - m / 2, 2) + pow(z - m / 2, 2)), t = (d - radius) / 2.0;
        voxel[at] *= t <= 0 ? 1.0 : t >= 1 ? 0.0 : 0.5 + 0.5 * cos(PI * t);
      }
done:
  fz_fft_destroy(&fft);
  fz_free(&half);
  return st;
}
