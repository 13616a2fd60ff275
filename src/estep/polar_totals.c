#include <math.h>

#include "estep/polar_private.h"

enum { LANES = FZ_POLAR_LANES, CELL = FZ_POLAR_CELL };
static const fz_real NOTHING = (fz_real)-1e30; /* offset of a score that is not there */

#ifdef FZ_DOUBLE
static const double NEGLIGIBLE = 1e300; /* never skip */
#else
static const double NEGLIGIBLE = 32.0; /* exp(-32) of the largest term: below float's resolution of the sum */
#endif

const fz_real *fz_polar_get_spectra(const fz_polar *p, fz_polar_workspace *w, int level, ptrdiff_t packet) {
  const fz_polar_level *l = &p->level[level];
  if (l->kept) return l->kept + packet * l->packet_size;
  const fz_projector *projector = p->projector[l->packet[packet].class_index];
  fz_polar_level_spectra(l, p->kernels, projector, &l->packet[packet], w->samples, w->scratch, w->rows[level].spectra);
  return w->rows[level].spectra;
}

void fz_polar_norms(const fz_polar *p, fz_polar_workspace *w, int level, int image, const fz_real *spectra) {
  const fz_polar_level *l = &p->level[level];
  const fz_polar_rows *rows = &w->rows[level];
  fz_polar_layout layout = fz_polar_norm_layout(l, w);
  p->kernels->norms(&layout, rows->c2 + image * l->c2_stride, (fz_real)-0.5, spectra + l->slices.n_pairs * CELL,
                    rows->norm + image * l->norm_size);
}

void fz_polar_group_clear(const fz_polar *p, const fz_polar_workspace *w, int level, const fz_polar_packet *packet,
                          fz_polar_group *g) {
  const fz_polar_level *l = &p->level[level];
  const fz_polar_rows *rows = &w->rows[level];
  ptrdiff_t tile = p->setup.tile_capacity;
  g->n = 0;
  for (int i = 0; i < FZ_POLAR_ROWS; i++) {
    g->row[i] = rows->row + tile * l->shifts * l->row_stride;
    g->norm[i] = rows->norm + tile * l->norm_size;
    g->offset[i] = NOTHING;
  }
  for (int j = 0; j < LANES; j++) g->lane_offset[j] = j < packet->count ? 0 : NOTHING;
}

void fz_polar_group_add(const fz_polar *p, const fz_polar_workspace *w, int level, const fz_polar_packet *packet,
                        int index, fz_polar_group *g) {
  const fz_polar_level *l = &p->level[level];
  double log_pose = p->log_class[packet->class_index] - log((double)l->q->n_directions * l->q->n_psi);
  for (int row = index; row < index + 2; row++, g->n++) {
    int shift = row % l->shifts;
    g->index[g->n] = row;
    g->row[g->n] = w->rows[level].row + row * l->row_stride;
    g->norm[g->n] = w->rows[level].norm + row / l->shifts * l->norm_size;
    g->offset[g->n] = shift < l->q->n_shifts ? (fz_real)(log_pose + l->q->log_shift_weight[shift]) : NOTHING;
  }
}

static void add_row(const fz_polar *p, const fz_real *cells, int part, fz_real largest, fz_pose_total *total) {
  if (!(largest > total->largest - NEGLIGIBLE)) return;
  if (largest > total->largest) {
    total->sum *= exp(total->largest - largest);
    total->largest = largest;
  }
  total->sum += p->kernels->sum_exp(cells, fz_polar_finest(p)->rings->n_angles, part, (fz_real)total->largest);
}

static void score_group(const fz_polar *p, fz_polar_workspace *w, const fz_polar_group *g, const fz_real *spectra,
                        fz_real *largest, fz_pose_total *total) {
  const fz_polar_level *l = fz_polar_finest(p);
  fz_real *z = w->rows[p->n_levels - 1].z, top[2];
  double began = fz_profile_now(w->profile);
  p->kernels->products(&l->slices, g->row, g->norm, g->offset, g->lane_offset, spectra, z);
  began = fz_profile_add(w->profile, FZ_PHASE_PRODUCTS, began, fz_polar_product_flops(&l->slices, g->n));
  for (int i = 0; i < g->n; i += 2, z += (ptrdiff_t)l->rings->n_angles * CELL) {
    const fz_real *cells = p->kernels->transform(&l->fft, z, w->scratch[0], w->scratch[1], top);
    began = fz_profile_add(w->profile, FZ_PHASE_TRANSFORMS, began, 0);
    for (int part = 0; part < 2; part++) {
      int row = g->index[i + part];
      largest[row] = top[part];
      add_row(p, cells, part, top[part], &total[row / l->shifts]);
    }
    began = fz_profile_add(w->profile, FZ_PHASE_EPILOGUE, began, 0);
  }
}

static void score_packet(const fz_polar *p, fz_polar_workspace *w, const fz_tile *tile, ptrdiff_t k,
                         fz_pose_total *total) {
  const int level = p->n_levels - 1;
  const fz_polar_level *l = &p->level[level];
  const fz_polar_layout norms = fz_polar_norm_layout(l, w);
  const fz_real *spectra = NULL;
  fz_real *largest = w->largest + k * tile->n * l->shifts;
  int *pair = w->bound.pair, n_pairs = 0;
  for (int r = 0; r < tile->n * l->shifts; r++) largest[r] = NOTHING;
  for (int i = 0; i < tile->n; i++) {
    if (!fz_polar_select(p, w, level, k, i)) continue;
    if (!spectra) spectra = fz_polar_get_spectra(p, w, level, k);
    double began = fz_profile_now(w->profile);
    fz_polar_norms(p, w, level, i, spectra);
    fz_profile_add(w->profile, FZ_PHASE_PRODUCTS, began, fz_polar_product_flops(&norms, 1));
    for (int t = 0; t < l->shifts; t += 2)
      if (w->wanted[t] || w->wanted[t + 1]) pair[n_pairs++] = i * l->shifts + t;
  }
  if (n_pairs && fz_polar_bounded(p)) n_pairs = fz_polar_bound_filter(p, w, k, spectra, pair, n_pairs);
  for (int first = 0; first < n_pairs; first += FZ_POLAR_PAIRS) {
    fz_polar_group g;
    fz_polar_group_clear(p, w, level, &l->packet[k], &g);
    for (int i = first; i < n_pairs && i < first + FZ_POLAR_PAIRS; i++)
      fz_polar_group_add(p, w, level, &l->packet[k], pair[i], &g);
    score_group(p, w, &g, spectra, largest, total);
  }
}

void fz_polar_totals(void *self, int thread, const fz_tile *tile, int block, fz_pose_total *total) {
  const fz_polar *p = self;
  for (int i = 0; i < tile->n; i++) total[i] = (fz_pose_total){.largest = -1e30};
  for (ptrdiff_t k = p->first_packet[block]; k < p->first_packet[block + 1]; k++)
    score_packet(p, &p->work[thread], tile, k, total);
}
