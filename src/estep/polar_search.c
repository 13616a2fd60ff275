/* Adaptive search: each level before the quadrature is scored where the one before left something, and the cells that
 * together hold the wanted share of an image's posterior there are searched further. */
#include <math.h>
#include <string.h>

#include "estep/polar_private.h"

enum { LANES = FZ_POLAR_LANES, CELL = FZ_POLAR_CELL };
static const fz_real NOTHING = (fz_real)-1e30;
static const double FAR = 60; /* nats below the best cell of all: nothing */
/* A pose away from its cell's middle may lose this part of its advantage over poses at large. */
static const double OFF_CENTRE = 0.35;
/* The mass that a level leaves out is, on average, the posterior that is lost; but an image that loses its pose loses
 * all that the rings above would have told.  So the last level before the quadrature may leave out this part of what
 * the caller would miss, the one before it this part of that, and so on. */
static const double CAUTION = 0.1;

static ptrdiff_t cells_per_shift(const fz_polar_level *l) {
  return (ptrdiff_t)l->n_classes * l->q->n_directions;
}

static bool any_chosen(const fz_polar_level *l, const uint8_t *chosen, ptrdiff_t packet) {
  for (ptrdiff_t i = l->first_parent[packet]; i < l->first_parent[packet + 1]; i++)
    if (chosen[l->parent[i]]) return true;
  return false;
}

bool fz_polar_select(const fz_polar *p, fz_polar_workspace *w, int level, ptrdiff_t packet, int image) {
  const fz_polar_level *l = &p->level[level];
  uint8_t *wanted = w->wanted, *parents = w->parents;
  memset(wanted, 0, (size_t)l->q->n_shifts);
  memset(wanted + l->q->n_shifts, 0, (size_t)(l->shifts - l->q->n_shifts));
  if (level == 0 || (level == p->n_levels - 1 && fz_polar_bounded(p))) {
    memset(wanted, 1, (size_t)l->q->n_shifts);
    return true;
  }
  const fz_polar_level *before = &p->level[level - 1];
  const uint8_t *chosen = w->chosen[level - 1] + image * before->q->n_shifts * cells_per_shift(before);
  bool any = false;
  for (int t = 0; t < before->q->n_shifts; t++)
    any |= parents[t] = any_chosen(l, chosen + t * cells_per_shift(before), packet);
  for (int t = 0; any && t < l->q->n_shifts; t++)
    for (int i = 0; i < l->n_shift_parents[t]; i++)
      wanted[t] |= parents[l->shift_parent[(ptrdiff_t)t * FZ_POLAR_SHIFT_PARENTS + i]];
  return any;
}

static void score_group(const fz_polar *p, fz_polar_workspace *w, int level, const fz_polar_packet *packet,
                        const fz_polar_group *g, const fz_real *spectra) {
  const fz_polar_level *l = &p->level[level];
  fz_real *z = w->rows[level].z, top[2], logs[LANES];
  double began = fz_profile_now(w->profile);
  p->kernels->products(&l->slices, g->row, g->norm, g->offset, g->lane_offset, spectra, z);
  began = fz_profile_add(w->profile, FZ_PHASE_PRODUCTS, began, fz_polar_product_flops(&l->slices, g->n));
  for (int i = 0; i < g->n; i += 2, z += (ptrdiff_t)l->rings->n_angles * CELL) {
    const fz_real *cells = p->kernels->transform(&l->fft, z, w->scratch[0], w->scratch[1], top);
    began = fz_profile_add(w->profile, FZ_PHASE_TRANSFORMS, began, 0);
    for (int part = 0; part < 2; part++) {
      int image = g->index[i + part] / l->shifts, shift = g->index[i + part] % l->shifts;
      if (shift >= l->q->n_shifts) continue;
      p->kernels->lane_logs(cells, l->rings->n_angles, part, logs);
      memcpy(w->cell[level] + ((ptrdiff_t)image * l->q->n_shifts + shift) * cells_per_shift(l) +
                 (ptrdiff_t)packet->class_index * l->q->n_directions + packet->first,
             logs, sizeof(fz_real) * (size_t)packet->count);
    }
    began = fz_profile_add(w->profile, FZ_PHASE_EPILOGUE, began, 0);
  }
}

static void score_packet(const fz_polar *p, fz_polar_workspace *w, const fz_tile *tile, int level, ptrdiff_t k) {
  const fz_polar_level *l = &p->level[level];
  const fz_real *spectra = NULL;
  fz_polar_group g;
  fz_polar_group_clear(p, w, level, &l->packet[k], &g);
  for (int i = 0; i < tile->n; i++) {
    if (!fz_polar_select(p, w, level, k, i)) continue;
    if (!spectra) spectra = fz_polar_get_spectra(p, w, level, k);
    fz_polar_norms(p, w, level, i, spectra);
    for (int t = 0; t < l->shifts; t += 2) {
      if (!w->wanted[t] && !w->wanted[t + 1]) continue;
      fz_polar_group_add(p, w, level, &l->packet[k], i * l->shifts + t, &g);
      if (g.n < FZ_POLAR_ROWS) continue;
      score_group(p, w, level, &l->packet[k], &g, spectra);
      fz_polar_group_clear(p, w, level, &l->packet[k], &g);
    }
  }
  if (g.n) score_group(p, w, level, &l->packet[k], &g, spectra);
}

static double mass_above(const fz_real *cell, ptrdiff_t n, double best, double depth) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++)
    if (cell[i] >= best - depth) sum += exp(cell[i] - best);
  return sum;
}

/* Largest log mass of the cells that were looked at, and the mean of them. */
static double best_cell(const fz_real *cell, ptrdiff_t n, double *mean) {
  double best = NOTHING, sum = 0, seen = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    if (cell[i] <= NOTHING) continue;
    best = fmax(best, cell[i]);
    sum += cell[i];
    seen++;
  }
  *mean = sum / seen;
  return best;
}

/* Mark the most massive cells until they hold the wanted share, and those that could be as good as the best one for all
 * that a cell's middle tells: they are no further below it than `allowance`.  Returns the share. */
static double choose(const fz_real *cell, ptrdiff_t n, double best, double share, double allowance, uint8_t *chosen) {
  double depth = 1, total = mass_above(cell, n, best, FAR);
  while (depth < FAR && mass_above(cell, n, best, depth) < share * total) depth += 0.5;
  depth = fmax(depth, allowance);
  for (ptrdiff_t i = 0; i < n; i++) chosen[i] = cell[i] > NOTHING && cell[i] >= best - depth;
  return mass_above(cell, n, best, depth) / total;
}

/* What poses at large are worth is seen at the first level alone, where all cells are looked at; at the others their
 * prior is less by the number of cells. */
static void choose_level(const fz_polar *p, fz_polar_workspace *w, int level, int image) {
  const fz_polar_level *l = &p->level[level];
  ptrdiff_t n = l->q->n_shifts * cells_per_shift(l), n_first = p->level[0].q->n_shifts * cells_per_shift(&p->level[0]);
  const fz_real *cell = w->cell[level] + image * n;
  double mean, best = best_cell(cell, n, &mean),
               share = 1 - pow(CAUTION, p->n_levels - 1 - level) * (1 - p->setup.captured);
  if (level == 0) w->at_large[image] = mean;
  double advantage = best - w->at_large[image] + log((double)n / (double)n_first);
  w->captured[image] *= choose(cell, n, best, share, OFF_CENTRE * advantage, w->chosen[level] + image * n);
}

void fz_polar_search(const fz_polar *p, fz_polar_workspace *w, const fz_tile *tile) {
  for (int i = 0; i < tile->n; i++) w->captured[i] = 1;
  for (int level = 0; level < p->n_levels - 1; level++) {
    const fz_polar_level *l = &p->level[level];
    ptrdiff_t cells = l->q->n_shifts * cells_per_shift(l);
    for (ptrdiff_t c = 0; c < tile->n * cells; c++) w->cell[level][c] = NOTHING;
    for (ptrdiff_t k = 0; k < l->n_packets; k++) score_packet(p, w, tile, level, k);
    for (int i = 0; i < tile->n; i++) choose_level(p, w, level, i);
  }
}
