/* Branch and bound: a row (image, shift) is scored against a packet by its low rings first, and left out when not even
 * the most that its high rings can add would bring any of its poses within the cutoff of a pose that is known.
 *  maths   score = low + high: the norm term and the rings below R are evaluated as they are, at every pose of the
 *          quadrature; high = Re <x, s> over the other rings h.  For all in-plane angles and this direction
 *            always                      high <= sum_h |x_h| |s_h|                                    (Cauchy-Schwarz)
 *            with probability 1 - f      high <= sqrt(T P) + z sqrt(P),  z^2 = 2 log(stages poses / (2 f))
 *          P >= sum_h <c2, |s|^2>, T its largest value of all slices.  The second holds when the image is one of these
 *          slices and Gaussian noise: <c2 s*, s> <= sqrt(T P), the noise in Re <x, s> has the variance P, and a
 * Gaussian exceeds z with a probability below exp(-z^2/2)/2, for any of the poses below f. The order of blocks and the
 * division of a tile among ranks do not matter: the known pose comes from the coarser levels, before any block.  source
 * branch and bound of cryo-EM poses: Punjani, Rubinstein, Fleet, Brubaker 2017 */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/polar_private.h"

enum { LANES = FZ_POLAR_LANES, CELL = FZ_POLAR_CELL };
static const fz_real NOTHING = (fz_real)-1e30;

/* Rings that stage `stage` scores. */
static int rings_scored(const fz_polar_level *l, int stage) {
  return (l->rings->kmax * (stage + 1) + FZ_BOUND_STAGES) / (FZ_BOUND_STAGES + 1);
}

/* First ring of norms that is wholly above those. */
static int first_norm_ring(const fz_polar_level *l, int stage) {
  return 2 * rings_scored(l, stage);
}

static double poses(const fz_polar *p) {
  const fz_quadrature *q = fz_polar_finest(p)->q;
  return (double)p->setup.n_classes * q->n_directions * q->n_psi * q->n_shifts;
}

static ptrdiff_t power_size(const fz_polar_level *l) {
  return (ptrdiff_t)l->rings->norm->n_rings * LANES;
}

ptrdiff_t fz_polar_bounder_size(const fz_polar *p) {
  const fz_polar_level *l = fz_polar_finest(p);
  ptrdiff_t tile = p->setup.tile_capacity, pairs = tile * l->shifts / 2;
  if (!fz_polar_bounded(p)) return pairs * (ptrdiff_t)sizeof(int);
  ptrdiff_t reals =
      tile * l->shifts * l->rings->n_rings + (ptrdiff_t)l->rings->n_rings * LANES + tile * l->rings->norm->n_rings;
  return pairs * (ptrdiff_t)sizeof(int) + reals * (ptrdiff_t)sizeof(fz_real) +
         tile * (ptrdiff_t)(sizeof(double) + FZ_BOUND_STAGES * (sizeof(double) + sizeof(bool)));
}

fz_status fz_polar_bounder_open(const fz_polar *p, fz_polar_bounder *b) {
  const fz_polar_level *l = fz_polar_finest(p);
  ptrdiff_t tile = p->setup.tile_capacity;
  b->pair = fz_alloc(tile * l->shifts / 2, sizeof *b->pair);
  if (!b->pair) return FZ_ENOMEM;
  if (!fz_polar_bounded(p)) return FZ_OK;
  b->best = fz_alloc(tile, sizeof *b->best);
  b->useful = fz_alloc(tile * FZ_BOUND_STAGES, sizeof *b->useful);
  b->truth = fz_alloc(tile * FZ_BOUND_STAGES, sizeof *b->truth);
  b->x_norm = fz_alloc(tile * l->shifts * l->rings->n_rings, sizeof(fz_real));
  b->s_norm = fz_alloc((ptrdiff_t)l->rings->n_rings * LANES, sizeof(fz_real));
  b->c2_most = fz_alloc(tile * l->rings->norm->n_rings, sizeof(fz_real));
  return b->best && b->useful && b->truth && b->x_norm && b->s_norm && b->c2_most ? FZ_OK : FZ_ENOMEM;
}

void fz_polar_bounder_close(fz_polar_bounder *b) {
  fz_free(&b->pair);
  fz_free(&b->best);
  fz_free(&b->truth);
  fz_free(&b->useful);
  fz_free(&b->x_norm);
  fz_free(&b->s_norm);
  fz_free(&b->c2_most);
}

void fz_polar_bound_volumes(const fz_polar *p, fz_polar_workspace *w) {
  const fz_polar_level *l = fz_polar_finest(p);
#pragma omp for schedule(static)
  for (ptrdiff_t k = 0; k < l->n_packets; k++) {
    const fz_real *cell = fz_polar_get_spectra(p, w, p->n_levels - 1, k) + l->slices.n_pairs * CELL;
    fz_real *to = p->slice_power + k * power_size(l);
    for (int r = 0; r < l->rings->norm->n_rings; r++)
      memcpy(to + (ptrdiff_t)r * LANES, cell + (ptrdiff_t)r * CELL, sizeof(fz_real) * LANES);
  }
}

/* Power of one image's high rings in each slice of a packet, at most. */
FZ_KERNEL static void high_power(const fz_polar_level *l, int stage, const fz_real *c2_most, const fz_real *power,
                                 double *sum) {
  for (int j = 0; j < LANES; j++) sum[j] = 0;
  for (int r = first_norm_ring(l, stage); r < l->rings->norm->n_rings; r++)
    for (int j = 0; j < LANES; j++) sum[j] += (double)(c2_most[r] * power[(ptrdiff_t)r * LANES + j]);
}

/* Each ring's power, negative frequencies too. */
static void row_norms(const fz_polar_level *l, const fz_real *row, fz_real *norm) {
  const fz_polar_layout *s = &l->slices;
  for (int r = 0; r < s->n_rings; r++) norm[r] = 0;
  for (int q = 0; q <= s->top; q++)
    for (int r = s->lowest[q]; r < s->n_rings; r++) {
      const fz_real *x = row + 2 * (s->first[q] + r - s->lowest[q]);
      norm[r] += (q ? 2 : 1) * (x[0] * x[0] + x[1] * x[1]);
    }
  for (int r = 0; r < s->n_rings; r++) norm[r] = (fz_real)sqrt((double)norm[r]);
}

FZ_KERNEL static void slice_norms(const fz_polar_level *l, const fz_real *spectra, fz_real *norm) {
  const fz_polar_layout *s = &l->slices;
  memset(norm, 0, sizeof(fz_real) * LANES * (size_t)s->n_rings);
  for (int q = 0; q <= s->top; q++)
    for (int r = s->lowest[q]; r < s->n_rings; r++) {
      const fz_real *cell = spectra + (s->first[q] + r - s->lowest[q]) * CELL;
      for (int j = 0; j < LANES; j++)
        norm[(ptrdiff_t)r * LANES + j] += (q ? 2 : 1) * (cell[j] * cell[j] + cell[LANES + j] * cell[LANES + j]);
    }
  for (ptrdiff_t i = 0; i < (ptrdiff_t)s->n_rings * LANES; i++) norm[i] = (fz_real)sqrt((double)norm[i]);
}

static void load_image(const fz_polar *p, fz_polar_workspace *w, const fz_tile *tile, int image) {
  const fz_polar_level *l = fz_polar_finest(p);
  const fz_polar_bounder *b = &w->bound;
  int half = l->rings->n_angles / 2, n_norm = l->rings->norm->n_rings;
  fz_real *most = b->c2_most + (ptrdiff_t)image * n_norm;
  for (int r = 0; r < n_norm; r++) {
    const double *c2 = tile->ring_c2 + ((ptrdiff_t)image * n_norm + r) * half;
    double largest = 0;
    for (int a = 0; a < half; a++) largest = fmax(largest, c2[a]);
    most[r] = (fz_real)(largest * l->rings->n_angles);
  }
  for (int t = 0; t < l->shifts; t++) {
    ptrdiff_t row = (ptrdiff_t)image * l->shifts + t;
    row_norms(l, w->rows[p->n_levels - 1].row + row * l->row_stride, b->x_norm + row * l->rings->n_rings);
  }
  for (int s = 0; s < FZ_BOUND_STAGES; s++) {
    double *truth = &b->truth[image * FZ_BOUND_STAGES + s], power[LANES];
    *truth = 0;
    for (ptrdiff_t k = 0; k < l->n_packets; k++) {
      high_power(l, s, most, p->slice_power + k * power_size(l), power);
      for (int j = 0; j < l->packet[k].count; j++) *truth = fmax(*truth, power[j]);
    }
  }
}

/* Products of a group with the rings of a layout. */
static void multiply(const fz_polar *p, fz_polar_workspace *w, const fz_polar_layout *layout, const fz_polar_group *g,
                     const fz_real *spectra) {
  double began = fz_profile_now(w->profile), pairs = 0;
  p->kernels->products(layout, g->row, g->norm, g->offset, g->lane_offset, spectra, w->rows[p->n_levels - 1].z);
  for (int q = 0; q <= layout->top; q++)
    pairs += fmax(0, (double)(layout->first[q + 1] - layout->first[q] - layout->left_out));
  fz_profile_add(w->profile, FZ_PHASE_PRODUCTS, began, 8.0 * pairs * g->n * LANES);
}

/* Largest scores [2] of pair `i` of the group multiplied last, of all angles and lanes. */
static void transform(const fz_polar *p, fz_polar_workspace *w, int i, fz_real *top) {
  const fz_polar_level *l = fz_polar_finest(p);
  double began = fz_profile_now(w->profile);
  const fz_real *z = w->rows[p->n_levels - 1].z + (ptrdiff_t)i * l->rings->n_angles * CELL;
  p->kernels->transform(&l->fft, z, w->scratch[0], w->scratch[1], top);
  fz_profile_add(w->profile, FZ_PHASE_TRANSFORMS, began, 0);
}

static bool is_child(const fz_polar_level *l, int shift, int parent) {
  for (int i = 0; i < l->n_shift_parents[shift]; i++)
    if (l->shift_parent[(ptrdiff_t)shift * FZ_POLAR_SHIFT_PARENTS + i] == parent) return true;
  return false;
}

static void look_at_group(const fz_polar *p, fz_polar_workspace *w, const fz_polar_group *g, const fz_real *spectra,
                          int image) {
  fz_real top[2];
  multiply(p, w, &fz_polar_finest(p)->slices, g, spectra);
  for (int i = 0; i < g->n / 2; i++) {
    transform(p, w, i, top);
    w->bound.best[image] = fmax(w->bound.best[image], (double)(top[0] > top[1] ? top[0] : top[1]));
  }
}

/* Score the shifts around the coarser level's best one in one packet. */
static void look(const fz_polar *p, fz_polar_workspace *w, int image, ptrdiff_t k, int parent_shift) {
  const int level = p->n_levels - 1;
  const fz_polar_level *l = fz_polar_finest(p);
  const fz_real *spectra = fz_polar_get_spectra(p, w, level, k);
  fz_polar_group g;
  fz_polar_norms(p, w, level, image, spectra);
  fz_polar_group_clear(p, w, level, &l->packet[k], &g);
  for (int t = 0; t < l->q->n_shifts; t += 2) {
    bool second = t + 1 < l->q->n_shifts && is_child(l, t + 1, parent_shift);
    if (!second && !is_child(l, t, parent_shift)) continue;
    fz_polar_group_add(p, w, level, &l->packet[k], image * l->shifts + t, &g);
    if (g.n < FZ_POLAR_ROWS) continue;
    look_at_group(p, w, &g, spectra, image);
    fz_polar_group_clear(p, w, level, &l->packet[k], &g);
  }
  if (g.n) look_at_group(p, w, &g, spectra, image);
}

/* A pose that is probably good: where the coarser level has its best cell. */
static void find_good_pose(const fz_polar *p, fz_polar_workspace *w, int image) {
  const fz_polar_level *l = fz_polar_finest(p), *before = &p->level[p->n_levels - 2];
  ptrdiff_t per_shift = (ptrdiff_t)before->n_classes * before->q->n_directions, n = before->q->n_shifts * per_shift;
  const fz_real *cell = w->cell[p->n_levels - 2] + image * n;
  ptrdiff_t best = 0;
  for (ptrdiff_t c = 1; c < n; c++)
    if (cell[c] > cell[best]) best = c;
  w->bound.best[image] = NOTHING;
  for (ptrdiff_t k = 0; k < l->n_packets; k++)
    for (ptrdiff_t i = l->first_parent[k]; i < l->first_parent[k + 1]; i++)
      if (l->parent[i] == best % per_shift) look(p, w, image, k, (int)(best / per_shift));
}

/* Most that the high rings of any slice of the packet add to the scores of one row. */
FZ_KERNEL static double always(const fz_polar_level *l, int stage, const fz_real *x_norm, const fz_real *s_norm,
                               int lanes) {
  fz_real sum[LANES] = {0}, most = 0;
  for (int r = rings_scored(l, stage); r < l->rings->n_rings; r++)
    for (int j = 0; j < LANES; j++) sum[j] += x_norm[r] * s_norm[(ptrdiff_t)r * LANES + j];
  for (int j = 0; j < lanes; j++) most = sum[j] > most ? sum[j] : most;
  return (double)most;
}

static double almost_always(const fz_polar *p, const fz_polar_workspace *w, int stage, int image, ptrdiff_t k) {
  const fz_polar_level *l = fz_polar_finest(p);
  double power[LANES], most = 0, truth = w->bound.truth[image * FZ_BOUND_STAGES + stage];
  if (!(p->setup.bound_failure > 0)) return HUGE_VAL;
  double z = sqrt(2 * log(fmax(1, FZ_BOUND_STAGES * poses(p) / (2 * p->setup.bound_failure))));
  high_power(l, stage, w->bound.c2_most + (ptrdiff_t)image * l->rings->norm->n_rings,
             p->slice_power + k * power_size(l), power);
  for (int j = 0; j < l->packet[k].count; j++) most = fmax(most, power[j]);
  return sqrt(truth * most) + z * sqrt(most);
}

typedef struct filter {
  const fz_polar *p;
  fz_polar_workspace *w;
  const fz_polar_level *l;
  ptrdiff_t k;
  int stage, image; /* that `probable` is for */
  double probable;
} filter;

static bool may_matter(filter *f, int row, double top) {
  const fz_polar_bounder *b = &f->w->bound;
  int image = row / f->l->shifts;
  if (row % f->l->shifts >= f->l->q->n_shifts) return false;
  if (image != f->image) f->probable = almost_always(f->p, f->w, f->stage, f->image = image, f->k);
  double rounding = 1e-3 + 1e-5 * fabs(b->best[image]), least = b->best[image] - f->p->setup.cutoff - rounding;
  if (top + f->probable < least) return false;
  double sure =
      always(f->l, f->stage, b->x_norm + (ptrdiff_t)row * f->l->rings->n_rings, b->s_norm, f->l->packet[f->k].count);
  return top + sure >= least;
}

/* No angle scores above the sum of the moduli of a row's spectrum: upper limits [2] without a transform.  A modulus is
 * taken from the octagon around the circle, at most 8 % more and cheaper than a root. */
FZ_KERNEL static void spectrum_limits(const fz_real *z, int n, int top, fz_real *limit) {
  fz_real sum[2 * LANES];
  memcpy(sum, z, sizeof sum);
  for (int q = 1; q <= top; q++) {
    const fz_real *up = z + (ptrdiff_t)q * CELL, *down = z + (ptrdiff_t)(n - q) * CELL;
    for (int j = 0; j < LANES;
         j++) { /* twice the spectra of the two rows, real parts for one being imaginary's other */
      fz_real u = up[j], v = up[LANES + j], s = down[j], t = down[LANES + j];
      fz_real a = u + s < 0 ? -(u + s) : u + s, b = v - t < 0 ? t - v : v - t;
      fz_real c = v + t < 0 ? -(v + t) : v + t, d = s - u < 0 ? u - s : s - u;
      sum[j] += (a > b ? a : b) + (fz_real)0.41421357 * (a > b ? b : a);
      sum[LANES + j] += (c > d ? c : d) + (fz_real)0.41421357 * (c > d ? d : c);
    }
  }
  for (int part = 0; part < 2; part++) {
    limit[part] = sum[part * LANES];
    for (int j = 1; j < LANES; j++)
      limit[part] = sum[part * LANES + j] > limit[part] ? sum[part * LANES + j] : limit[part];
  }
}

static bool either_matters(filter *f, const int *row, const fz_real *top) {
  return may_matter(f, row[0], (double)top[0]) || may_matter(f, row[1], (double)top[1]);
}

/* Those of the group's pairs that may matter go to `pair`; returns its new length. */
static int keep(filter *f, const fz_polar_group *g, const fz_real *spectra, int *pair, int n) {
  fz_polar_layout low = f->l->slices;
  const fz_real *z = f->w->rows[f->p->n_levels - 1].z;
  int n_angles = f->l->rings->n_angles;
  fz_real top[2];
  low.left_out = f->l->rings->n_rings - rings_scored(f->l, f->stage);
  multiply(f->p, f->w, &low, g, spectra);
  for (int i = 0; i < g->n; i += 2) {
    spectrum_limits(z + (ptrdiff_t)(i / 2) * n_angles * CELL, n_angles, low.top, top);
    if (!either_matters(f, g->index + i, top)) continue;
    transform(f->p, f->w, i / 2, top);
    if (either_matters(f, g->index + i, top)) pair[n++] = g->index[i];
  }
  return n;
}

/* Pairs of images that have no use for the stage stay. */
static int run_stage(filter *f, const fz_real *spectra, const bool *useful, int *pair, int n_pairs) {
  const int level = f->p->n_levels - 1;
  int kept = 0;
  fz_polar_group g;
  f->image = -1;
  fz_polar_group_clear(f->p, f->w, level, &f->l->packet[f->k], &g);
  for (int i = 0; i < n_pairs; i++) {
    if (!useful[pair[i] / f->l->shifts]) {
      pair[kept++] = pair[i];
      continue;
    }
    fz_polar_group_add(f->p, f->w, level, &f->l->packet[f->k], pair[i], &g);
    if (g.n < FZ_POLAR_ROWS) continue;
    kept = keep(f, &g, spectra, pair, kept);
    fz_polar_group_clear(f->p, f->w, level, &f->l->packet[f->k], &g);
  }
  return g.n ? keep(f, &g, spectra, pair, kept) : kept;
}

int fz_polar_bound_filter(const fz_polar *p, fz_polar_workspace *w, ptrdiff_t k, const fz_real *spectra, int *pair,
                          int n_pairs) {
  filter f = {.p = p, .w = w, .l = fz_polar_finest(p), .k = k};
  slice_norms(f.l, spectra, w->bound.s_norm);
  for (f.stage = 0; f.stage < FZ_BOUND_STAGES; f.stage++)
    n_pairs = run_stage(&f, spectra, w->bound.useful + f.stage * p->setup.tile_capacity, pair, n_pairs);
  return n_pairs;
}

/* Stages are for the images whose pairs they mostly leave out, in packets here and there. */
static void try_stages(const fz_polar *p, fz_polar_workspace *w, const fz_tile *tile) {
  const fz_polar_level *l = fz_polar_finest(p);
  fz_polar_bounder *b = &w->bound;
  ptrdiff_t trials = 1 + l->n_packets / 32;
  memset(b->useful, 0, sizeof(bool) * FZ_BOUND_STAGES * (size_t)p->setup.tile_capacity);
  for (int stage = 0; stage < FZ_BOUND_STAGES; stage++) {
    int tried[FZ_TILE_MOST] = {0}, kept[FZ_TILE_MOST] = {0};
    bool all[FZ_TILE_MOST];
    memset(all, true, sizeof all);
    for (ptrdiff_t trial = 0; trial < trials; trial++) {
      filter f = {.p = p, .w = w, .l = l, .k = (2 * trial + 1) * l->n_packets / (2 * trials), .stage = 0};
      const fz_real *spectra = fz_polar_get_spectra(p, w, p->n_levels - 1, f.k);
      int n = 0;
      for (int i = 0; i < tile->n; i++) fz_polar_norms(p, w, p->n_levels - 1, i, spectra);
      for (int row = 0; row < tile->n * l->shifts; row += 2) b->pair[n++] = row;
      slice_norms(l, spectra, b->s_norm);
      for (f.stage = 0; f.stage < stage; f.stage++)
        n = run_stage(&f, spectra, b->useful + f.stage * p->setup.tile_capacity, b->pair, n);
      for (int i = 0; i < n; i++) tried[b->pair[i] / l->shifts]++;
      n = run_stage(&f, spectra, all, b->pair, n);
      for (int i = 0; i < n; i++) kept[b->pair[i] / l->shifts]++;
    }
    for (int i = 0; i < tile->n; i++) b->useful[stage * p->setup.tile_capacity + i] = 2 * kept[i] < tried[i];
  }
}

void fz_polar_bound_load(const fz_polar *p, fz_polar_workspace *w, const fz_tile *tile) {
  for (int i = 0; i < tile->n; i++) {
    load_image(p, w, tile, i);
    find_good_pose(p, w, i);
    w->captured[i] = p->setup.modal ? 1 : fmax(0, 1 - poses(p) * exp(-p->setup.cutoff));
  }
  try_stages(p, w, tile);
}
