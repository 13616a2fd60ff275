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
static void store_samples(const fz_rings *rings, int ring, const fz_real *cells, fz_real scale, fz_real *re,
                          fz_real *im) {
  int half = rings->n_angles / 2;
  ptrdiff_t points = (ptrdiff_t)rings->n_rings * half;
  for (int j = 0; j < LANES; j++)
    for (int t = 0; t < half; t++) {
      ptrdiff_t to = j * points + (ptrdiff_t)ring * half + t;
      re[to] = scale * cells[(ptrdiff_t)t * CELL + j];
      if (im) im[to] = scale * cells[(ptrdiff_t)t * CELL + LANES + j];
    }
}

/* Sum over lanes and frequencies of Re sum conj model, for one ring (Parseval). */
FZ_KERNEL static double pairing(const fz_polar_layout *l, int ring, const fz_real *sum, const fz_real *model) {
  double lane[LANES] = {0}, total = 0;
  for (int q = 0; q <= l->top; q += l->step) {
    if (ring < l->lowest[q]) continue;
    ptrdiff_t at = (l->first[q] + ring - l->lowest[q]) * CELL;
    const fz_real *x = sum + at, *y = model + at;
    double twice = q ? 2 : 1;
    for (int j = 0; j < LANES; j++)
      lane[j] += twice * ((double)x[j] * (double)y[j] + (double)x[LANES + j] * (double)y[LANES + j]);
  }
  for (int j = 0; j < LANES; j++) total += lane[j];
  return total;
}

void fz_polar_add_residual(const fz_polar_level *l, fz_polar_workspace *w, const fz_real *spectra) {
  for (int norm = 0; norm < 2; norm++) {
    const fz_rings *rings = norm ? l->rings->norm : l->rings;
    for (int r = 0; r < rings->n_rings; r++) {
      double power = norm ? pairing(&l->squares, r, w->a, spectra + l->slices.n_pairs * CELL)
                          : -2 * pairing(&l->slices, r, w->b, spectra);
      w->sums.residual[(int)floor(rings->radius[r])] += 0.5 * power;
      w->sums.residual[(int)ceil(rings->radius[r])] += 0.5 * power;
    }
  }
}

/* A slice - B, each on its own rings. */
static void insert_gradient(const fz_polar *p, fz_polar_workspace *w, const fz_polar_packet *packet,
                            const fz_rotation *a, fz_real *re, fz_real *im, const fz_real *av) {
  const fz_rings *rings = fz_polar_finest(p)->rings, *norm = rings->norm;
  fz_partial_sums *s = &w->sums;
  fz_real *cell = s->g_cell + 2 * packet->class_index * s->b_cube.cells;
  ptrdiff_t half = rings->n_angles / 2;
  fz_projector_rings(p->projector[packet->class_index], norm, a, w->slice[0], w->slice[1]);
  for (ptrdiff_t i = 0; i < norm->n_rings * half; i++) {
    w->slice[0][i] *= av[i];
    w->slice[1][i] *= av[i];
  }
  fz_insert_rings_complex(&s->b_cube, p->table, norm, a, w->slice[0], w->slice[1], cell);
  for (ptrdiff_t i = 0; i < rings->n_rings * half; i++) {
    re[i] = -re[i];
    im[i] = -im[i];
  }
  fz_insert_rings_complex(&s->b_cube, p->table, rings, a, re, im, cell);
}

static void insert_lane(const fz_polar *p, fz_polar_workspace *w, const fz_polar_packet *packet, int lane, int want) {
  const fz_rings *rings = fz_polar_finest(p)->rings;
  ptrdiff_t half = rings->n_angles / 2, k = packet->class_index, points = rings->n_rings * half;
  fz_partial_sums *s = &w->sums;
  fz_rotation a = fz_quadrature_rotation(fz_polar_finest(p)->q, packet->first + lane, 0);
  fz_real *re = w->samples[0] + lane * points, *im = w->samples[1] + lane * points;
  fz_real *av = w->samples[2] + lane * rings->norm->n_rings * half;
  if (want & FZ_WANT_MOMENTS) {
    fz_insert_rings_complex(&s->b_cube, p->table, rings, &a, re, im, s->b_cell + 2 * k * s->b_cube.cells);
    fz_insert_rings_real(&s->a_cube, p->table, rings->norm, &a, av, s->a_cell + k * s->a_cube.cells);
  }
  if (want & FZ_WANT_GRADIENT) insert_gradient(p, w, packet, &a, re, im, av);
}

void fz_polar_insert(const fz_polar *p, fz_polar_workspace *w, const fz_polar_packet *packet, const fz_real *lane_mass,
                     double least, int want) {
  const fz_polar_level *l = fz_polar_finest(p);
  const fz_rings *rings = l->rings, *norm = rings->norm;
  int any = 0;
  for (int j = 0; j < packet->count; j++) any |= lane_mass[j] > least;
  if (!any) return;
  fz_real scale = (fz_real)2 / (fz_real)rings->n_angles; /* spectra of rows are sums over the circle */
  for (int r = 0; r < rings->n_rings; r++)
    store_samples(rings, r, ring_samples(p, w, &l->slices, r, w->b), scale, w->samples[0], w->samples[1]);
  for (int r = 0; r < norm->n_rings; r++)
    store_samples(norm, r, ring_samples(p, w, &l->squares, r, w->a), scale, w->samples[2], NULL);
  for (int j = 0; j < packet->count; j++)
    if (lane_mass[j] > least) insert_lane(p, w, packet, j, want);
}
