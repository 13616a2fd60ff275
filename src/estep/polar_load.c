#include <math.h>
#include <string.h>

#include "estep/polar_private.h"

enum { CELL = FZ_POLAR_CELL, LANES = FZ_POLAR_LANES };

/* x S_t^* of one ring for 16 shifts, conjugated, all around the circle. */
FZ_KERNEL static void shift_ring(int half, const double *re, const double *im, const fz_real *phase, fz_real *z) {
  for (int a = 0; a < half; a++) {
    fz_real xr = (fz_real)re[a], xi = (fz_real)im[a];
    const fz_real *c = phase + (ptrdiff_t)a * CELL, *s = c + LANES;
    fz_real *near = z + (ptrdiff_t)a * CELL, *far = near + (ptrdiff_t)half * CELL;
    for (int t = 0; t < LANES; t++) {
      fz_real r = xr * c[t] - xi * s[t], m = xr * s[t] + xi * c[t];
      near[t] = far[t] = r;
      near[LANES + t] = -m;
      far[LANES + t] = m;
    }
  }
}

/* The transform of the conjugate is the conjugate of the spectrum. */
static void store_rows(const fz_polar_layout *l, int ring, const fz_real *spectrum, int count, fz_real *row,
                       ptrdiff_t stride) {
  for (int q = 0; q <= l->top; q += l->step) {
    if (ring < l->lowest[q]) continue;
    const fz_real *cell = spectrum + (ptrdiff_t)q * CELL;
    fz_real *to = row + 2 * (l->first[q] + ring - l->lowest[q]);
    for (int t = 0; t < count; t++, to += stride) {
      to[0] = cell[t];
      to[1] = -cell[LANES + t];
    }
  }
}

static void load_image(const fz_polar *p, fz_polar_workspace *w, const fz_tile *tile, int i) {
  const fz_polar_level *l = fz_polar_finest(p);
  fz_polar_rows *rows = &w->rows[p->n_levels - 1];
  int half = l->rings->n_angles / 2, shifts = l->q->n_shifts;
  ptrdiff_t points = (ptrdiff_t)l->rings->n_rings * half;
  fz_real unused[2];
  for (int first = 0; first < shifts; first += LANES)
    for (int r = 0; r < l->rings->n_rings; r++) {
      ptrdiff_t at = i * points + (ptrdiff_t)r * half;
      const fz_real *phase = p->phase + (first / LANES * points + (ptrdiff_t)r * half) * CELL;
      shift_ring(half, tile->ring_re + at, tile->ring_im + at, phase, w->scratch[2]);
      const fz_real *spectrum = p->kernels->transform(&l->fft, w->scratch[2], w->scratch[0], w->scratch[1], unused);
      store_rows(&l->slices, r, spectrum, shifts - first < LANES ? shifts - first : LANES,
                 rows->row + ((ptrdiff_t)i * l->shifts + first) * l->row_stride, l->row_stride);
    }
  if (shifts < l->shifts)
    memset(rows->row + ((ptrdiff_t)i * l->shifts + shifts) * l->row_stride, 0, sizeof(fz_real) * (size_t)l->row_stride);
}

/* c^2 of up to 16 images at once. */
static void load_ctf(const fz_polar *p, fz_polar_workspace *w, const fz_tile *tile, int first) {
  const fz_polar_level *l = fz_polar_finest(p);
  int half = l->rings->n_angles / 2, count = tile->n - first < LANES ? tile->n - first : LANES;
  ptrdiff_t points = (ptrdiff_t)l->rings->norm->n_rings * half;
  fz_real unused[2], *z = w->scratch[2];
  for (int r = 0; r < l->rings->norm->n_rings; r++) {
    memset(z, 0, sizeof(fz_real) * (size_t)l->rings->n_angles * CELL);
    for (int i = 0; i < count; i++)
      for (int a = 0; a < half; a++) {
        double c2 = tile->ring_c2[(first + i) * points + (ptrdiff_t)r * half + a];
        z[(ptrdiff_t)a * CELL + i] = z[(ptrdiff_t)(a + half) * CELL + i] = (fz_real)c2;
      }
    const fz_real *spectrum = p->kernels->transform(&l->fft, z, w->scratch[0], w->scratch[1], unused);
    store_rows(&l->squares, r, spectrum, count, w->rows[p->n_levels - 1].c2 + first * l->c2_stride, l->c2_stride);
  }
}

/* Rounding of the largest is all that is left beyond. */
static const double NOTHING_LEFT = 1e-6;

static double largest_at(const fz_polar_level *l, const fz_polar_rows *rows, int n_images, int q) {
  double largest = 0;
  for (int i = 0; i < n_images; i++)
    for (ptrdiff_t p = 2 * l->squares.first[q]; p < 2 * l->squares.first[q + 1]; p++)
      largest = fmax(largest, fabs((double)rows->c2[i * l->c2_stride + p]));
  return largest;
}

/* Norms are made up to norm_top; what an earlier tile left beyond it goes. */
static void find_norm_top(const fz_polar *p, fz_polar_workspace *w, int n_images) {
  const fz_polar_level *l = fz_polar_finest(p);
  const fz_polar_rows *finest = &w->rows[p->n_levels - 1];
  double least = NOTHING_LEFT * largest_at(l, finest, n_images, 0);
  int top = l->squares.top;
  while (top > 0 && largest_at(l, finest, n_images, top) <= least) top -= 2;
  for (int i = 0; i < p->n_levels && top != w->norm_top; i++)
    memset(w->rows[i].norm, 0, sizeof(fz_real) * (size_t)((p->setup.tile_capacity + 1) * p->level[i].norm_size));
  w->norm_top = top;
}

void fz_polar_load(void *self, int thread, const fz_tile *tile) {
  const fz_polar *p = self;
  fz_polar_workspace *w = &p->work[thread];
  const fz_polar_rows *finest = &w->rows[p->n_levels - 1];
  double began = fz_profile_now(w->profile);
  for (int i = 0; i < tile->n; i++) load_image(p, w, tile, i);
  for (int i = 0; i < tile->n; i += LANES) load_ctf(p, w, tile, i);
  find_norm_top(p, w, tile->n);
  for (int level = 0; level < p->n_levels - 1; level++)
    fz_polar_rows_derive(&p->level[level], &w->rows[level], fz_polar_finest(p), finest, tile->n);
  fz_profile_add(w->profile, FZ_PHASE_LOAD, began, 0);
  fz_polar_search(p, w, tile);
  if (fz_polar_bounded(p)) fz_polar_bound_load(p, w, tile);
}
