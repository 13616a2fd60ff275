#include <math.h>
#include <string.h>

#include "estep/polar_private.h"

enum { LANES = FZ_POLAR_LANES, CELL = FZ_POLAR_CELL };

/* One ring of a spectrum back to its angles.  sign: f_{-q} = sign^q conj f_q, -1 for images, +1 for real rings. */
static const fz_real *ring_samples(const fz_polar *p, fz_polar_workspace *w, const fz_polar_layout *l, int ring,
                                   const fz_real *spectrum) {
  fz_real *z = w->scratch[0], unused[2];
  memset(z, 0, sizeof(fz_real) * (size_t)l->n_angles * CELL);
  for (int q = 0; q <= l->top; q += l->step) {
    if (ring < l->lowest[q]) continue;
    const fz_real *from = spectrum + (l->first[q] + ring - l->lowest[q]) * CELL;
    fz_real *up = z + (ptrdiff_t)q * CELL, *down = z + (ptrdiff_t)(l->n_angles - q) * CELL;
    fz_real sign = q % 2 ? -1 : 1;
    memcpy(up, from, sizeof(fz_real) * CELL);
    for (int j = 0; q && j < LANES; j++) {
      down[j] = sign * from[j];
      down[LANES + j] = -sign * from[LANES + j];
    }
  }
  return p->kernels->transform(&fz_polar_finest(p)->fft, z, w->scratch[1], w->scratch[2], unused);
}

/* By lane: samples for theta in [0, pi), each for itself and its conjugate. */
static void store_samples(const fz_polar *p, int ring, const fz_real *cells, fz_real scale, fz_real *re, fz_real *im) {
  const fz_rings *rings = fz_polar_finest(p)->rings;
  int half = rings->n_angles / 2;
  ptrdiff_t points = (ptrdiff_t)rings->n_rings * half;
  for (int j = 0; j < LANES; j++)
    for (int t = 0; t < half; t++) {
      ptrdiff_t to = j * points + (ptrdiff_t)ring * half + t;
      re[to] = scale * cells[(ptrdiff_t)t * CELL + j];
      if (im) im[to] = scale * cells[(ptrdiff_t)t * CELL + LANES + j];
    }
}

/* sum_j A |slice|^2 - 2 Re B slice^* of one ring, from the spectra (Parseval). */
static double model_power(const fz_polar *p, const fz_polar_workspace *w, int ring, const fz_real *spectra) {
  const fz_polar_layout *l = &fz_polar_finest(p)->slices, *m = &fz_polar_finest(p)->squares;
  const fz_real *squares = spectra + l->n_pairs * CELL;
  double cross = 0, model = 0;
  for (int q = 0; q <= l->top; q++) {
    if (ring < l->lowest[q]) continue;
    ptrdiff_t at = (l->first[q] + ring - l->lowest[q]) * CELL;
    double sum = 0;
    for (int j = 0; j < CELL; j++) sum += (double)w->b[at + j] * spectra[at + j];
    cross += q ? 2 * sum : sum;
  }
  for (int q = 0; q <= m->top; q += 2) {
    ptrdiff_t at = (m->first[q] + ring - m->lowest[q]) * CELL;
    double sum = 0;
    for (int j = 0; j < CELL; j++) sum += (double)w->a[at + j] * squares[at + j];
    model += q ? 2 * sum : sum;
  }
  return model - 2 * cross;
}

static void insert_lane(const fz_polar *p, fz_polar_workspace *w, const fz_polar_packet *packet, int lane, int want) {
  const fz_rings *rings = fz_polar_finest(p)->rings;
  ptrdiff_t points = (ptrdiff_t)rings->n_rings * (rings->n_angles / 2), k = packet->class_index;
  fz_partial_sums *s = &w->sums;
  fz_rotation a = fz_quadrature_rotation(fz_polar_finest(p)->q, packet->first + lane, 0);
  fz_real *re = w->samples[0] + lane * points, *im = w->samples[1] + lane * points, *av = w->samples[2] + lane * points;
  if (want & FZ_WANT_MOMENTS) {
    fz_insert_rings_complex(&s->b_cube, p->table, rings, &a, re, im, s->b_cell + 2 * k * s->b_cube.cells);
    fz_insert_rings_real(&s->a_cube, p->table, rings, &a, av, s->a_cell + k * s->a_cube.cells);
  }
  if (want & FZ_WANT_GRADIENT) {
    const fz_real *s_re = w->slice[0] + lane * points, *s_im = w->slice[1] + lane * points;
    for (ptrdiff_t i = 0; i < points; i++) {
      re[i] = av[i] * s_re[i] - re[i];
      im[i] = av[i] * s_im[i] - im[i];
    }
    fz_insert_rings_complex(&s->b_cube, p->table, rings, &a, re, im, s->g_cell + 2 * k * s->b_cube.cells);
  }
}

void fz_polar_insert(const fz_polar *p, fz_polar_workspace *w, const fz_polar_packet *packet, const fz_real *spectra,
                     const fz_real *lane_mass, double least, int want) {
  const fz_polar_level *l = fz_polar_finest(p);
  int any = 0;
  for (int j = 0; j < packet->count; j++) any |= lane_mass[j] > least;
  for (int r = 0; r < l->rings->n_rings; r++) {
    w->sums.residual[lround(l->rings->radius[r])] += model_power(p, w, r, spectra);
    if (!any) continue;
    fz_real scale = (fz_real)2 / (fz_real)l->rings->n_angles; /* spectra of rows are sums over the circle */
    store_samples(p, r, ring_samples(p, w, &l->slices, r, w->b), scale, w->samples[0], w->samples[1]);
    store_samples(p, r, ring_samples(p, w, &l->squares, r, w->a), scale, w->samples[2], NULL);
    if (want & FZ_WANT_GRADIENT)
      store_samples(p, r, ring_samples(p, w, &l->slices, r, spectra), 1, w->slice[0], w->slice[1]);
  }
  for (int j = 0; j < packet->count; j++)
    if (lane_mass[j] > least) insert_lane(p, w, packet, j, want);
}
