#include "model/centring.h"

#include <complex.h>
#include <math.h>

#include "core/fft.h"
#include "core/memory.h"

void fz_centring_find(int m, const double *voxel, double centre[3]) {
  double mass = 0, sum[3] = {0};
  ptrdiff_t i = 0;
  for (int z = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < m; x++, i++) {
        double square = voxel[i] * voxel[i];
        mass += square;
        sum[0] += square * (x - m / 2);
        sum[1] += square * (y - m / 2);
        sum[2] += square * (z - m / 2);
      }
  for (int c = 0; c < 3; c++) centre[c] = mass > 0 ? sum[c] / mass : 0;
}

/* exp(2 pi i k shift / m), for the frequencies in the transform's order; real at Nyquist's, so that the map stays so.
 */
static void fill_phases(int m, double shift, double complex *phase) {
  for (int i = 0; i < m; i++) {
    int k = i <= m / 2 ? i : i - m;
    double angle = 2 * 3.14159265358979323846 * k * shift / m;
    phase[i] = 2 * i == m ? cos(angle) : cexp(I * angle);
  }
}

fz_status fz_centring_shift(int m, const double centre[3], double *voxel) {
  int row = m / 2 + 1;
  fz_fft *fft = fz_fft_create(3, (int[]){m, m, m}, 1, false);
  double complex *half = fz_alloc((ptrdiff_t)m * m * row, sizeof *half);
  double complex *phase = fz_alloc(3 * (ptrdiff_t)m, sizeof *phase); /* x, y, z */
  fz_status st = fft && half && phase ? FZ_OK : FZ_ENOMEM;
  if (st != FZ_OK) goto done;
  for (int c = 0; c < 3; c++) fill_phases(m, centre[c], phase + (ptrdiff_t)c * m);
  fz_fft_forward(fft, voxel, half);
  ptrdiff_t i = 0;
  for (int z = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < row; x++, i++) half[i] *= phase[2 * m + z] * phase[m + y] * phase[x] / ((double)m * m * m);
  fz_fft_backward(fft, half, voxel);
done:
  fz_fft_destroy(&fft);
  fz_free(&half);
  fz_free(&phase);
  return st;
}
