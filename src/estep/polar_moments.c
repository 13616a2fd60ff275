#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "estep/polar_private.h"

enum { LANES = FZ_POLAR_LANES, CELL = FZ_POLAR_CELL, ROWS = FZ_POLAR_ROWS };

typedef struct sweep {
  const fz_polar *p;
  const fz_polar_level *l; /* the finest */
  int level;
  fz_polar_workspace *w;
  const fz_tile *tile;
  const double *gain;
  double cutoff;
  fz_real floor_weight;
  fz_pose_part *part;
  const fz_polar_packet *packet;
  const fz_real *spectra;
  const fz_real *largest; /* [rows] of the packet, from the first sweep */
  fz_real lane_mass[LANES];
} sweep;

static bool active(const sweep *s, int row) {
  double gain = s->gain[row / s->l->shifts];
  return fmax(s->largest[row], s->largest[row + 1]) > gain - s->cutoff;
}

/* Where the largest score of a row lies. */
static void find_best(const sweep *s, const fz_real *cells, int part, int row, fz_pose_part *to) {
  for (int lane = 0; lane < s->packet->count; lane++)
    for (int psi = 0; psi < s->l->rings->n_angles; psi++)
      if (cells[(ptrdiff_t)psi * CELL + part * LANES + lane] >= (fz_real)to->best) {
        to->class_index = s->packet->class_index;
        to->direction = s->packet->first + lane;
        to->psi = psi;
        to->shift = row % s->l->shifts;
        return;
      }
}

/* Modal: all weight to the pose that find_best found, if it is of this row; returns its weight. */
static double choose_best(sweep *s, fz_real *cells, int part, bool best, fz_pose_part *to) {
  for (int psi = 0; psi < s->l->rings->n_angles; psi++)
    memset(cells + (ptrdiff_t)psi * CELL + part * LANES, 0, sizeof(fz_real) * LANES);
  if (!best) return 0;
  int lane = to->direction - s->packet->first;
  cells[(ptrdiff_t)to->psi * CELL + part * LANES + lane] = 1;
  s->lane_mass[lane] += 1;
  to->moment = to->best;
  return 1;
}

static void weigh_row(sweep *s, fz_real *cells, int part, int row) {
  int i = row / s->l->shifts, shift = row % s->l->shifts;
  fz_pose_part *to = &s->part[i];
  bool best = to->direction < 0 && s->largest[row] == (fz_real)to->best;
  if (best) find_best(s, cells, part, row, to);
  double mass = s->p->setup.modal ? choose_best(s, cells, part, best, to)
                                  : s->p->kernels->weights(cells, s->l->rings->n_angles, part, (fz_real)s->gain[i],
                                                           s->floor_weight, &to->moment, s->lane_mass);
  to->mass += mass;
  s->w->sums.class_mass[s->packet->class_index] += mass;
  if (shift < s->l->q->n_shifts) s->w->sums.shift[shift] += mass;
}

/* The spectra of all shifts of an image together, even frequencies. */
FZ_KERNEL static void add_mass(const fz_real *gamma, int top, int stride, fz_real *mass) {
  for (int q = 0; q <= top; q += 2)
    for (int j = 0; j < CELL; j++)
      mass[(ptrdiff_t)(q / 2) * stride * CELL + j] += gamma[(ptrdiff_t)q * ROWS * CELL + j];
}

static void gather_group(sweep *s, const fz_polar_group *g) {
  const fz_polar_kernels *kernels = s->p->kernels;
  const fz_polar_level *l = s->l;
  fz_polar_workspace *w = s->w;
  fz_real *z = w->rows[s->level].z, unused[2];
  int n = l->rings->n_angles, top = l->slices.top < w->norm_top ? l->slices.top : w->norm_top;
  double began = fz_profile_now(w->profile);
  kernels->products(&l->slices, g->row, g->norm, g->offset, g->lane_offset, s->spectra, z);
  began = fz_profile_add(w->profile, FZ_PHASE_PRODUCTS, began, fz_polar_product_flops(&l->slices, g->n));
  for (int i = 0; i < g->n; i += 2, z += (ptrdiff_t)n * CELL) {
    fz_real *cells = kernels->transform(&l->fft, z, w->scratch[0], w->scratch[1], unused);
    began = fz_profile_add(w->profile, FZ_PHASE_TRANSFORMS, began, 0);
    weigh_row(s, cells, 0, g->index[i]);
    weigh_row(s, cells, 1, g->index[i + 1]);
    began = fz_profile_add(w->profile, FZ_PHASE_EPILOGUE, began, 0);
    fz_real *other = cells == w->scratch[0] ? w->scratch[1] : w->scratch[0];
    const fz_real *spectrum = kernels->transform(&l->fft, cells, other, w->scratch[2], unused);
    fz_real *gamma = w->gamma + (ptrdiff_t)i * CELL;
    kernels->untangle(spectrum, n, l->slices.top, gamma, gamma + CELL, (ptrdiff_t)ROWS * CELL);
    for (int part = 0; part < 2; part++)
      add_mass(gamma + part * CELL, top, s->tile->n, w->mass + (ptrdiff_t)(g->index[i] / l->shifts) * CELL);
    began = fz_profile_add(w->profile, FZ_PHASE_TRANSFORMS, began, 0);
  }
  for (int q = 0; g->n < ROWS && q <= l->slices.top; q++)
    memset(w->gamma + ((ptrdiff_t)q * ROWS + g->n) * CELL, 0, sizeof(fz_real) * (size_t)(ROWS - g->n) * CELL);
  kernels->accumulate(&l->slices, ROWS, g->row, w->gamma, w->b);
  fz_profile_add(w->profile, FZ_PHASE_ADJOINT, began, fz_polar_product_flops(&l->slices, g->n));
}

static void gather_packet(sweep *s) {
  const fz_polar *p = s->p;
  const fz_polar_level *l = s->l;
  int rows = s->tile->n * l->shifts, normed = -1;
  const fz_real *c2[FZ_TILE_MOST];
  fz_polar_group g;
  fz_polar_group_clear(p, s->w, s->level, s->packet, &g);
  for (int r = 0; r < rows; r += 2) {
    if (!active(s, r)) continue;
    if (r / l->shifts != normed) fz_polar_norms(p, s->w, s->level, normed = r / l->shifts, s->spectra);
    fz_polar_group_add(p, s->w, s->level, s->packet, r, &g);
    if (g.n < ROWS) continue;
    gather_group(s, &g);
    fz_polar_group_clear(p, s->w, s->level, s->packet, &g);
  }
  if (g.n) gather_group(s, &g);
  for (int i = 0; i < s->tile->n; i++) c2[i] = s->w->rows[s->level].c2 + i * l->c2_stride;
  fz_polar_layout layout = fz_polar_norm_layout(l, s->w);
  p->kernels->accumulate(&layout, s->tile->n, c2, s->w->mass, s->w->a);
}

static void work_packet(sweep *s, ptrdiff_t k, const fz_statistics_layout *layout) {
  const fz_polar_level *l = s->l;
  fz_polar_workspace *w = s->w;
  memset(w->b, 0, sizeof(fz_real) * (size_t)l->slices.n_pairs * CELL);
  memset(w->a, 0, sizeof(fz_real) * (size_t)l->squares.n_pairs * CELL);
  memset(w->mass, 0, sizeof(fz_real) * (size_t)(s->tile->n * l->norm_size));
  memset(s->lane_mass, 0, sizeof s->lane_mass);
  gather_packet(s);
  for (int j = 0; j < s->packet->count; j++) w->sums.direction[s->packet->first + j] += s->lane_mass[j];
  double began = fz_profile_now(w->profile);
  fz_polar_add_residual(l, w, s->spectra);
  if (s->p->held)
    fz_polar_hold(s->p, w, k, s->lane_mass, layout);
  else
    fz_polar_insert(s->p, w, s->packet, s->lane_mass, fz_polar_least_mass(s->p, s->tile->n), layout->want);
  fz_profile_add(w->profile, FZ_PHASE_SCATTER, began, 0);
}

static bool matters(const sweep *s) {
  for (int r = 0; r < s->tile->n * s->l->shifts; r += 2)
    if (active(s, r)) return true;
  return false;
}

static void start_parts(const sweep *s, ptrdiff_t first, ptrdiff_t end) {
  int shifts = s->l->shifts, n = s->tile->n;
  for (int i = 0; i < n; i++) {
    s->part[i] = (fz_pose_part){.best = -1e30, .direction = -1};
    for (ptrdiff_t k = first; k < end; k++)
      for (int t = 0; t < shifts; t++) s->part[i].best = fmax(s->part[i].best, s->w->largest[(k * n + i) * shifts + t]);
  }
}

void fz_polar_moments(void *self, int thread, const fz_tile *tile, int block, const double *gain,
                      const fz_statistics_layout *layout, int64_t *words, fz_pose_part *part) {
  const fz_polar *p = self;
  const fz_polar_level *l = fz_polar_finest(p);
  fz_polar_workspace *w = &p->work[thread];
  ptrdiff_t first = p->first_packet[block], end = p->first_packet[block + 1];
  sweep s = {.p = p, .l = l, .level = p->n_levels - 1, .w = w, .tile = tile, .gain = gain, .part = part};
  s.cutoff = p->setup.cutoff > 0 ? p->setup.cutoff : 1e300;
  s.floor_weight = (fz_real)(p->setup.cutoff > 0 ? exp(-s.cutoff) : 0);
  start_parts(&s, first, end);
  bool any = false;
  for (ptrdiff_t k = first; k < end; k++) {
    s.packet = &l->packet[k];
    s.largest = w->largest + k * tile->n * l->shifts;
    if (!matters(&s)) continue;
    if (!any)
      fz_partial_sums_clear(&w->sums, p->held ? 0 : layout->want, l->packet[first].class_index,
                            l->packet[end - 1].class_index);
    any = true;
    s.spectra = fz_polar_get_spectra(p, w, s.level, k);
    work_packet(&s, k, layout);
  }
  if (!any) return;
  double began = fz_profile_now(w->profile);
  fz_partial_sums_merge(&w->sums, tile->optics, layout, words);
  fz_profile_add(w->profile, FZ_PHASE_SCATTER, began, 0);
}
