#include <math.h>

#include "estep/polar_private.h"

enum { LANES = FZ_POLAR_LANES, CELL = FZ_POLAR_CELL };
static const fz_real NOTHING = (fz_real)-1e30; /* offset of a score that is not there */

#ifdef FZ_DOUBLE
static const double NEGLIGIBLE = 1e300; /* never skip */
#else
static const double NEGLIGIBLE = 32.0; /* exp(-32) of the largest term: below float's resolution of the sum */
#endif

void fz_polar_group_clear(const fz_polar *p, const fz_polar_workspace *w, const fz_polar_packet *packet,
                          fz_polar_group *g) {
  ptrdiff_t tile = p->setup.tile_capacity;
  g->n = 0;
  for (int i = 0; i < FZ_POLAR_ROWS; i++) {
    g->row[i] = w->row + tile * p->shifts * p->row_stride;
    g->norm[i] = w->norm + tile * p->norm_size;
    g->offset[i] = NOTHING;
  }
  for (int j = 0; j < LANES; j++) g->lane_offset[j] = j < packet->count ? 0 : NOTHING;
}

void fz_polar_group_add(const fz_polar *p, const fz_polar_workspace *w, const fz_polar_packet *packet, int index,
                        fz_polar_group *g) {
  double poses = (double)p->q->n_directions * p->q->n_psi;
  for (int row = index; row < index + 2; row++, g->n++) {
    int shift = row % p->shifts;
    g->index[g->n] = row;
    g->row[g->n] = w->row + row * p->row_stride;
    g->norm[g->n] = w->norm + row / p->shifts * p->norm_size;
    g->offset[g->n] = shift < p->q->n_shifts
                          ? (fz_real)(p->log_class[packet->class_index] - log(poses) + p->q->log_shift_weight[shift])
                          : NOTHING;
  }
}

static void add_row(const fz_polar *p, const fz_real *cells, int part, fz_real largest, fz_pose_total *total) {
  if (!(largest > total->largest - NEGLIGIBLE)) return;
  if (largest > total->largest) {
    total->sum *= exp(total->largest - largest);
    total->largest = largest;
  }
  total->sum += p->kernels->sum_exp(cells, p->rings->n_angles, part, (fz_real)total->largest);
}

static void score_group(const fz_polar *p, fz_polar_workspace *w, const fz_polar_group *g, const fz_real *spectra,
                        fz_real *largest, fz_pose_total *total) {
  double began = fz_profile_now(w->profile);
  p->kernels->products(&p->slices, g->row, g->norm, g->offset, g->lane_offset, spectra, w->z);
  began = fz_profile_add(w->profile, FZ_PHASE_PRODUCTS, began, fz_polar_product_flops(&p->slices, g->n));
  for (int i = 0; i < g->n; i += 2) {
    fz_real top[2];
    const fz_real *cells = p->kernels->transform(&p->fft, w->z + (ptrdiff_t)(i / 2) * p->rings->n_angles * CELL,
                                                 w->scratch[0], w->scratch[1], top);
    began = fz_profile_add(w->profile, FZ_PHASE_TRANSFORMS, began, 0);
    for (int part = 0; part < 2; part++) {
      int row = g->index[i + part];
      largest[row] = top[part];
      add_row(p, cells, part, top[part], &total[row / p->shifts]);
    }
    began = fz_profile_add(w->profile, FZ_PHASE_EPILOGUE, began, 0);
  }
}

void fz_polar_totals(void *self, int thread, const fz_tile *tile, int block, fz_pose_total *total) {
  const fz_polar *p = self;
  fz_polar_workspace *w = &p->work[thread];
  int rows = tile->n * p->shifts;
  for (int i = 0; i < tile->n; i++) total[i] = (fz_pose_total){.largest = -1e30};
  for (ptrdiff_t k = p->first_packet[block]; k < p->first_packet[block + 1]; k++) {
    const fz_polar_packet *packet = &p->packet[k];
    const fz_real *spectra = fz_polar_get_spectra(p, w, k), *squares = spectra + p->slices.n_pairs * CELL;
    double began = fz_profile_now(w->profile);
    for (int i = 0; i < tile->n; i++)
      p->kernels->norms(&p->squares, w->c2 + i * p->c2_stride, (fz_real)-0.5, squares, w->norm + i * p->norm_size);
    fz_profile_add(w->profile, FZ_PHASE_PRODUCTS, began, fz_polar_product_flops(&p->squares, tile->n));
    for (int first = 0; first < rows; first += FZ_POLAR_ROWS) {
      fz_polar_group g;
      fz_polar_group_clear(p, w, packet, &g);
      for (int r = first; r < rows && r < first + FZ_POLAR_ROWS; r += 2) fz_polar_group_add(p, w, packet, r, &g);
      score_group(p, w, &g, spectra, w->largest + k * rows, total);
    }
  }
}
