#include <string.h>

#include "estep/polar_private.h"

enum { CELL = FZ_POLAR_CELL, LANES = FZ_POLAR_LANES };

/* Spectrum (1/n) sum_theta f exp(-i q theta) of one ring: the transform of the conjugate is its conjugate. */
static void store_ring(const fz_polar_layout *l, int ring, const fz_real *spectrum, fz_real *to) {
  fz_real scale = (fz_real)1 / (fz_real)l->n_angles;
  for (int q = 0; q <= l->top; q += l->step) {
    if (ring < l->lowest[q]) continue;
    const fz_real *from = spectrum + (ptrdiff_t)q * CELL;
    fz_real *cell = to + (l->first[q] + ring - l->lowest[q]) * CELL;
    for (int j = 0; j < LANES; j++) {
      cell[j] = from[j] * scale;
      cell[LANES + j] = -from[LANES + j] * scale;
    }
  }
}

void fz_polar_make_spectra(const fz_polar *p, const fz_polar_packet *packet, fz_real *samples[2], fz_real *scratch[3],
                           fz_real *to) {
  int half = fz_polar_half(p), n = p->rings->n_angles;
  ptrdiff_t points = (ptrdiff_t)p->rings->n_rings * half;
  fz_real *z = scratch[0], unused[2];
  for (int j = 0; j < packet->count; j++) {
    fz_rotation a = fz_quadrature_rotation(p->q, packet->first + j, 0);
    fz_projector_rings(p->projector[packet->class_index], p->rings, &a, samples[0] + j * points,
                       samples[1] + j * points);
  }
  for (int r = 0; r < p->rings->n_rings; r++) {
    memset(z, 0, sizeof(fz_real) * (size_t)n * CELL);
    for (int j = 0; j < packet->count; j++) {
      const fz_real *re = samples[0] + j * points + (ptrdiff_t)r * half,
                    *im = samples[1] + j * points + (ptrdiff_t)r * half;
      for (int t = 0; t < half; t++) {
        fz_real *near = z + (ptrdiff_t)t * CELL + j, *far = near + (ptrdiff_t)half * CELL;
        near[0] = far[0] = re[t];
        near[LANES] = -im[t];
        far[LANES] = im[t];
      }
    }
    store_ring(&p->slices, r, p->kernels->transform(&p->fft, z, scratch[1], scratch[2], unused), to);
    for (int t = 0; t < n; t++)
      for (int j = 0; j < LANES; j++) {
        fz_real *cell = z + (ptrdiff_t)t * CELL + j;
        cell[0] = cell[0] * cell[0] + cell[LANES] * cell[LANES];
        cell[LANES] = 0;
      }
    store_ring(&p->squares, r, p->kernels->transform(&p->fft, z, scratch[1], scratch[2], unused),
               to + p->slices.n_pairs * CELL);
  }
}

const fz_real *fz_polar_get_spectra(const fz_polar *p, fz_polar_workspace *w, ptrdiff_t packet) {
  if (p->kept) return p->kept + packet * p->packet_size;
  fz_polar_make_spectra(p, &p->packet[packet], w->samples, w->scratch, w->spectra);
  return w->spectra;
}
