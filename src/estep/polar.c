/* The polar engine: all in-plane angles of an (image, shift, direction) by one small product per angular frequency and
 * one transform. */
#include "core/real.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "core/memory.h"
#include "estep/polar_private.h"

#ifdef FZ_DOUBLE
#define fill_table fz_kb_fill_table_f64
#define create_engine fz_engine_polar_f64
#define engine_bytes fz_engine_polar_bytes_f64
#define engine_held fz_engine_polar_held_f64
#else
#define fill_table fz_kb_fill_table_f32
#define create_engine fz_engine_polar_f32
#define engine_bytes fz_engine_polar_bytes_f32
#define engine_held fz_engine_polar_held_f32
#endif

enum { CELL = FZ_POLAR_CELL, LANES = FZ_POLAR_LANES };

/* Spectra of the packets first .. end - 1 of one level. Inside a parallel region. */
static void make_spectra(const fz_polar *p, int level, ptrdiff_t first, ptrdiff_t end) {
  const fz_polar_level *l = &p->level[level];
  const fz_polar_workspace *w = &p->work[omp_get_thread_num()];
#pragma omp for schedule(static)
  for (ptrdiff_t i = first; i < end; i++)
    fz_polar_level_spectra(l, p->kernels, p->projector[l->packet[i].class_index], &l->packet[i], w->samples, w->scratch,
                           l->kept + i * l->packet_size);
}

static fz_status set_volumes(void *self, const double *const *voxels, const double *class_prior, int first_block,
                             int n_blocks) {
  fz_polar *p = self;
  int finest = p->n_levels - 1;
  for (int k = 0; k < p->setup.n_classes; k++) {
    p->log_class[k] = log(class_prior[k] > 1e-300 ? class_prior[k] : 1e-300);
    fz_projector_set(p->projector[k], voxels[k], p->setup.slice_scale);
  }
  bool all = fz_polar_bounded(p); /* the first pose that is looked at may lie in any block */
#pragma omp parallel num_threads(p->setup.threads)
  {
    for (int level = 0; level < p->n_levels; level++) {
      if (!p->level[level].kept) continue;
      bool part = level == finest && !all;
      make_spectra(p, level, part ? p->first_packet[first_block] : 0,
                   part ? p->first_packet[first_block + n_blocks] : p->level[level].n_packets);
    }
    if (all) fz_polar_bound_volumes(p, &p->work[omp_get_thread_num()]);
  }
  return FZ_OK;
}

/* Sizes of all levels, coarsest first, the quadrature last. */
static fz_status measure(fz_polar *p, const fz_engine_setup *setup) {
  p->setup = *setup;
  if (setup->modal) p->setup.cutoff = FZ_MODAL_CUTOFF;
  p->n_levels = setup->n_coarse + 1;
  FZ_ASSERT(p->n_levels <= FZ_LEVELS_MOST);
  fz_status st = FZ_OK;
  for (int i = 0; i < setup->n_coarse && st == FZ_OK; i++)
    st = fz_polar_level_measure(&p->level[i], &setup->coarse[i].quadrature, &setup->coarse[i].rings, setup->n_classes,
                                setup->support);
  if (st != FZ_OK) return st;
  return fz_polar_level_measure(&p->level[setup->n_coarse], setup->quadrature, setup->rings, setup->n_classes,
                                setup->support);
}

/* Levels whose spectra fit into the cache, coarser ones first: bytes of those kept, and how many levels. */
static int64_t kept_bytes(const fz_polar *p, int *n_kept) {
  int64_t sum = 0;
  for (*n_kept = 0; *n_kept < p->n_levels; (*n_kept)++) {
    const fz_polar_level *l = &p->level[*n_kept];
    int64_t bytes = l->n_packets * l->packet_size * (int64_t)sizeof(fz_real);
    if (sum + bytes > p->setup.cache_bytes) break;
    sum += bytes;
  }
  return sum;
}

static ptrdiff_t phase_cells(const fz_polar *p) {
  const fz_polar_level *l = fz_polar_finest(p);
  return (ptrdiff_t)((l->shifts + LANES - 1) / LANES) * l->rings->n_rings * (l->rings->n_angles / 2);
}

/* The packets of a level lie in the order of its pose blocks. */
static void find_blocks(fz_polar *p) {
  const fz_polar_level *l = fz_polar_finest(p);
  ptrdiff_t at = 0;
  int blocks = fz_pose_blocks(l->q, l->n_classes);
  for (int b = 0; b < blocks; b++) {
    p->first_packet[b] = at;
    for (int k = 0; k < l->n_classes; k++) {
      int first, count;
      fz_pose_block_directions(l->q, l->n_classes, b, k, &first, &count);
      at += (count + LANES - 1) / LANES;
    }
  }
  p->first_packet[blocks] = at;
  FZ_ASSERT(at == l->n_packets);
}

static void fill_phases(fz_polar *p) {
  const fz_polar_level *l = fz_polar_finest(p);
  int half = l->rings->n_angles / 2;
  double turn = 2 * 3.14159265358979323846 / p->setup.box;
  ptrdiff_t points = (ptrdiff_t)l->rings->n_rings * half;
  for (int t = 0; t < l->q->n_shifts; t++)
    for (ptrdiff_t i = 0; i < points; i++) {
      double r = l->rings->radius[i / half], x = l->rings->cosine[i % half], y = l->rings->sine[i % half];
      double angle = turn * r * (x * l->q->shift_x_px[t] + y * l->q->shift_y_px[t]);
      fz_real *cell = p->phase + (t / LANES * points + i) * CELL + t % LANES;
      cell[0] = (fz_real)cos(angle);
      cell[LANES] = (fz_real)sin(angle);
    }
}

enum { REAL_BLOCKS = 12 };

static void list_blocks(fz_polar_workspace *w, fz_real ***block) {
  fz_real **blocks[REAL_BLOCKS] = {&w->scratch[0], &w->scratch[1], &w->scratch[2], &w->gamma,
                                   &w->mass,       &w->b,          &w->a,          &w->samples[0],
                                   &w->samples[1], &w->samples[2], &w->slice[0],   &w->slice[1]};
  memcpy(block, blocks, sizeof blocks);
}

/* Number of reals of each block, in the order of list_blocks. */
static void block_sizes(const fz_polar *p, ptrdiff_t *size) {
  const fz_polar_level *l = fz_polar_finest(p);
  ptrdiff_t n = l->rings->n_angles, points = LANES * (ptrdiff_t)l->rings->norm->n_rings * (n / 2);
  ptrdiff_t sizes[REAL_BLOCKS] = {n * CELL,
                                  n * CELL,
                                  n * CELL,
                                  (ptrdiff_t)(l->slices.top + 1) * FZ_POLAR_ROWS * CELL,
                                  p->setup.tile_capacity * l->norm_size,
                                  l->slices.n_pairs * CELL,
                                  l->squares.n_pairs * CELL,
                                  points,
                                  points,
                                  points,
                                  points,
                                  points};
  memcpy(size, sizes, sizeof sizes);
}

/* Cells of a coarser level for a whole tile. */
static ptrdiff_t search_cells(const fz_polar *p, int level) {
  const fz_polar_level *l = &p->level[level];
  return (ptrdiff_t)p->setup.tile_capacity * l->q->n_shifts * l->n_classes * l->q->n_directions;
}

static void free_workspace(fz_polar_workspace *w) {
  fz_real **block[REAL_BLOCKS];
  list_blocks(w, block);
  for (int i = 0; i < REAL_BLOCKS; i++) fz_free(block[i]);
  for (int i = 0; i < FZ_LEVELS_MOST; i++) {
    fz_polar_rows_close(&w->rows[i]);
    fz_free(&w->cell[i]);
    fz_free(&w->chosen[i]);
  }
  fz_free(&w->largest);
  fz_free(&w->wanted);
  fz_free(&w->parents);
  fz_free(&w->captured);
  fz_free(&w->at_large);
  fz_polar_bounder_close(&w->bound);
  fz_partial_sums_free(&w->sums);
}

static fz_status make_workspace(const fz_polar *p, fz_polar_workspace *w) {
  const fz_polar_level *l = fz_polar_finest(p);
  ptrdiff_t size[REAL_BLOCKS], tile = p->setup.tile_capacity;
  fz_real **block[REAL_BLOCKS];
  list_blocks(w, block);
  block_sizes(p, size);
  for (int i = 0; i < REAL_BLOCKS; i++)
    if (!(*block[i] = fz_alloc(size[i], sizeof(fz_real)))) return FZ_ENOMEM;
  for (int i = 0; i < p->n_levels; i++)
    if (fz_polar_rows_open(&w->rows[i], &p->level[i], p->setup.tile_capacity) != FZ_OK) return FZ_ENOMEM;
  for (int i = 0; i < p->n_levels - 1; i++) {
    w->cell[i] = fz_alloc(search_cells(p, i), sizeof(fz_real));
    w->chosen[i] = fz_alloc(search_cells(p, i), 1);
    if (!w->cell[i] || !w->chosen[i]) return FZ_ENOMEM;
  }
  w->largest = fz_alloc(l->n_packets * tile * l->shifts, sizeof *w->largest);
  w->wanted = fz_alloc(l->shifts, 1);
  w->parents = fz_alloc(l->shifts, 1);
  w->captured = fz_alloc(tile, sizeof *w->captured);
  w->at_large = fz_alloc(tile, sizeof *w->at_large);
  if (fz_polar_bounder_open(p, &w->bound) != FZ_OK) return FZ_ENOMEM;
  bool complete = w->largest && w->wanted && w->parents && w->captured && w->at_large;
  return complete ? fz_partial_sums_init(&w->sums, &p->setup) : FZ_ENOMEM;
}

int64_t engine_bytes(const fz_engine_setup *setup) {
  fz_polar p = {0};
  ptrdiff_t size[REAL_BLOCKS], m = setup->m, reals = 0, bytes = 0;
  if (measure(&p, setup) != FZ_OK) return 0;
  int n_kept;
  int64_t kept = kept_bytes(&p, &n_kept);
  const fz_polar_level *l = fz_polar_finest(&p);
  block_sizes(&p, size);
  for (int i = 0; i < REAL_BLOCKS; i++) reals += size[i];
  for (int i = 0; i < p.n_levels; i++)
    reals += fz_polar_rows_size(&p.level[i], setup->tile_capacity) - (i < n_kept ? p.level[i].packet_size : 0);
  for (int i = 0; i < p.n_levels - 1; i++) {
    reals += search_cells(&p, i);
    bytes += search_cells(&p, i);
  }
  reals += l->n_packets * setup->tile_capacity * l->shifts;
  bytes += fz_polar_bounder_size(&p);
  int64_t cells = fz_cube_make(setup->m, 2, setup->frequencies->kmax).cells;
  int64_t shared = setup->n_classes * (16 * m * m * m + 8 * m * m + 2 * cells) + phase_cells(&p) * CELL;
  if (fz_polar_bounded(&p)) shared += l->n_packets * l->rings->norm->n_rings * LANES;
  bytes = kept + shared * (int64_t)sizeof(fz_real) + fz_polar_held_words(l) * (int64_t)sizeof(int64_t) +
          setup->threads * (reals * (int64_t)sizeof(fz_real) + bytes + fz_partial_sums_bytes(setup));
  for (int i = 0; i < p.n_levels; i++) fz_polar_level_close(&p.level[i]);
  return bytes;
}

int64_t engine_held(const fz_engine_setup *setup) {
  fz_polar p = {0};
  int64_t words = measure(&p, setup) == FZ_OK ? fz_polar_held_words(fz_polar_finest(&p)) : 0;
  for (int i = 0; i < p.n_levels; i++) fz_polar_level_close(&p.level[i]);
  return words;
}

static fz_status open_held(fz_polar *p) {
  const fz_polar_level *l = fz_polar_finest(p);
  if (!fz_polar_held_words(l)) return FZ_OK;
  p->held = fz_alloc(fz_polar_held_words(l), sizeof *p->held);
  p->guard = fz_alloc(l->n_packets, sizeof *p->guard);
  for (ptrdiff_t k = 0; p->guard && k < l->n_packets; k++) omp_init_lock(&p->guard[k]);
  return p->held && p->guard ? FZ_OK : FZ_ENOMEM;
}

static void close_held(fz_polar *p) {
  for (ptrdiff_t k = 0; p->guard && k < fz_polar_finest(p)->n_packets; k++) omp_destroy_lock(&p->guard[k]);
  fz_free(&p->guard);
  fz_free(&p->held);
}

static void destroy(fz_engine *engine) {
  fz_polar *p = engine->self;
  if (!p) return;
  for (int k = 0; p->projector && k < p->setup.n_classes; k++) fz_projector_destroy(&p->projector[k]);
  for (int t = 0; p->work && t < p->setup.threads; t++) free_workspace(&p->work[t]);
  close_held(p);
  for (int i = 0; i < p->n_levels; i++) fz_polar_level_close(&p->level[i]);
  fz_free(&p->projector);
  fz_free(&p->work);
  fz_free(&p->log_class);
  fz_free(&p->phase);
  fz_free(&p->slice_power);
  fz_free(&p);
  *engine = (fz_engine){0};
}

static fz_status open_levels(fz_polar *p) {
  int n_kept;
  fz_status st = FZ_OK;
  kept_bytes(p, &n_kept);
  for (int i = 0; i < p->n_levels && st == FZ_OK; i++) {
    fz_polar_level *l = &p->level[i];
    st = fz_polar_level_open(l);
    if (st == FZ_OK && i < n_kept) st = fz_polar_level_keep(l);
    if (st == FZ_OK && i > 0) st = fz_polar_level_descend(l, &p->level[i - 1]);
    if (st == FZ_OK && i < p->n_levels - 1) st = fz_polar_level_relate(l, fz_polar_finest(p));
  }
  return st;
}

static const double *captured(const void *self, int thread) {
  return ((const fz_polar *)self)->work[thread].captured;
}

fz_status create_engine(const fz_engine_setup *setup, fz_engine *engine) {
  *engine = (fz_engine){.modal = setup->modal,
                        .rings = setup->rings,
                        .n_pose_blocks = fz_pose_blocks(setup->quadrature, setup->n_classes),
                        .set_volumes = set_volumes,
                        .load = fz_polar_load,
                        .totals = fz_polar_totals,
                        .moments = fz_polar_moments,
                        .captured = captured,
                        .destroy = destroy};
  FZ_ASSERT(setup->rings && setup->rings->n_angles == setup->quadrature->n_psi);
  fz_polar *p = fz_alloc(1, sizeof *p);
  if (!p) return FZ_ENOMEM;
  engine->self = p;
  p->kernels = fz_polar_kernels_best();
  fill_table(p->table);
  fz_status st = measure(p, setup);
  if (st == FZ_OK) st = open_levels(p);
  if (st != FZ_OK) goto done;
  st = FZ_ENOMEM;
  p->projector = fz_alloc(setup->n_classes, sizeof *p->projector);
  p->log_class = fz_alloc(setup->n_classes, sizeof(double));
  p->work = fz_alloc(setup->threads, sizeof *p->work);
  p->phase = fz_alloc(phase_cells(p) * CELL, sizeof(fz_real));
  if (!p->projector || !p->log_class || !p->work || !p->phase) goto done;
  if (fz_polar_bounded(p)) {
    const fz_polar_level *l = fz_polar_finest(p);
    p->slice_power = fz_alloc(l->n_packets * l->rings->norm->n_rings * LANES, sizeof(fz_real));
    if (!p->slice_power) goto done;
  }
  for (int k = 0; k < setup->n_classes; k++)
    if (!(p->projector[k] = FZ_REAL_NAME(fz_projector_create)(setup->m, setup->frequencies->kmax))) goto done;
  for (int t = 0; t < setup->threads; t++) {
    FZ_TRY(make_workspace(p, &p->work[t]));
    p->work[t].profile = setup->profile ? setup->profile + t : NULL;
  }
  FZ_TRY(open_held(p));
  engine->held = p->held;
  engine->release = p->held ? fz_polar_release : NULL;
  engine->n_held = fz_polar_held_words(fz_polar_finest(p));
  find_blocks(p);
  fill_phases(p);
  st = FZ_OK;
done:
  if (st != FZ_OK) destroy(engine);
  return st;
}
