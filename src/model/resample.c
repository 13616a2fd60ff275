#include "model/resample.h"

#include <complex.h>
#include <string.h>

#include "core/fft.h"
#include "core/memory.h"

/* Move the centre voxel to index 0 (or back): cyclic shift by `by` along each axis. */
static void roll(const double *in, double *out, int m, int by) {
  for (int z = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < m; x++)
        out[(((ptrdiff_t)(z + by) % m) * m + (y + by) % m) * m + (x + by) % m] = in[((ptrdiff_t)z * m + y) * m + x];
}

static void copy_frequencies(const double complex *in, int m_in, double complex *out, int m_out) {
  int reach = ((m_in < m_out ? m_in : m_out) - 1) / 2;
  double factor = 1.0 / ((double)m_in * m_in * m_in);
  for (int z = -reach; z <= reach; z++)
    for (int y = -reach; y <= reach; y++)
      for (int x = 0; x <= reach; x++) {
        ptrdiff_t from = ((ptrdiff_t)((z + m_in) % m_in) * m_in + (y + m_in) % m_in) * (m_in / 2 + 1) + x;
        ptrdiff_t to = ((ptrdiff_t)((z + m_out) % m_out) * m_out + (y + m_out) % m_out) * (m_out / 2 + 1) + x;
        out[to] = factor * in[from];
      }
}

fz_status fz_resample(const double *in, int m_in, double *out, int m_out) {
  ptrdiff_t n_in = (ptrdiff_t)m_in * m_in * m_in, n_out = (ptrdiff_t)m_out * m_out * m_out;
  fz_status st = FZ_ENOMEM;
  fz_fft *fft_in = fz_fft_create(3, (int[]){m_in, m_in, m_in}, 1, false);
  fz_fft *fft_out = fz_fft_create(3, (int[]){m_out, m_out, m_out}, 1, false);
  double *rolled = fz_alloc(n_in > n_out ? n_in : n_out, sizeof *rolled);
  double complex *half_in = fz_alloc((ptrdiff_t)m_in * m_in * (m_in / 2 + 1), sizeof *half_in);
  double complex *half_out = fz_alloc((ptrdiff_t)m_out * m_out * (m_out / 2 + 1), sizeof *half_out);
  if (!fft_in || !fft_out || !rolled || !half_in || !half_out) goto done;
  if (m_in == m_out) {
    memcpy(out, in, sizeof *in * (size_t)n_in);
  } else {
    roll(in, rolled, m_in, m_in - m_in / 2);
    fz_fft_forward(fft_in, rolled, half_in);
    copy_frequencies(half_in, m_in, half_out, m_out);
    fz_fft_backward(fft_out, half_out, rolled);
    roll(rolled, out, m_out, m_out / 2);
  }
  st = FZ_OK;
done:
  fz_fft_destroy(&fft_in);
  fz_fft_destroy(&fft_out);
  fz_free(&rolled);
  fz_free(&half_in);
  fz_free(&half_out);
  return st;
}
