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
#else
#define fill_table fz_kb_fill_table_f32
#define create_engine fz_engine_polar_f32
#define engine_bytes fz_engine_polar_bytes_f32
#endif

enum { CELL = FZ_POLAR_CELL, LANES = FZ_POLAR_LANES };

static fz_status set_volumes(void *self, const double *const *voxels, const double *class_prior, int first_block,
                             int n_blocks) {
  fz_polar *p = self;
  for (int k = 0; k < p->setup.n_classes; k++) {
    p->log_class[k] = log(class_prior[k] > 1e-300 ? class_prior[k] : 1e-300);
    fz_projector_set(p->projector[k], voxels[k], p->setup.slice_scale);
  }
  if (!p->kept) return FZ_OK;
#pragma omp parallel num_threads(p->setup.threads)
  {
    fz_polar_workspace *w = &p->work[omp_get_thread_num()];
#pragma omp for schedule(static)
    for (ptrdiff_t i = p->first_packet[first_block]; i < p->first_packet[first_block + n_blocks]; i++)
      fz_polar_make_spectra(p, &p->packet[i], w->samples, w->scratch, p->kept + i * p->packet_size);
  }
  return FZ_OK;
}

/* Rows of a power-of-two length would all fall into the same few sets of the cache. */
static ptrdiff_t odd_lines(ptrdiff_t reals) {
  ptrdiff_t line = 64 / (ptrdiff_t)sizeof(fz_real), lines = (reals + line - 1) / line;
  return (lines | 1) * line;
}

static fz_status measure(fz_polar *p, const fz_engine_setup *setup) {
  p->setup = *setup;
  p->q = setup->quadrature;
  p->rings = setup->rings;
  fz_status st = fz_polar_layout_slices(&p->slices, p->rings, setup->support);
  if (st == FZ_OK) st = fz_polar_layout_squares(&p->squares, p->rings);
  p->shifts = (p->q->n_shifts + 1) & ~1;
  p->row_stride = odd_lines(2 * p->slices.n_pairs);
  p->c2_stride = odd_lines(2 * p->squares.n_pairs);
  p->norm_size = (ptrdiff_t)(p->squares.top / 2 + 1) * CELL;
  p->packet_size = (p->slices.n_pairs + p->squares.n_pairs) * CELL;
  for (int k = 0; k < setup->n_classes; k++) p->n_packets += (p->q->n_directions + LANES - 1) / LANES;
  return st;
}

static ptrdiff_t phase_cells(const fz_polar *p) {
  return (ptrdiff_t)((p->shifts + LANES - 1) / LANES) * p->rings->n_rings * fz_polar_half(p);
}

/* Pose blocks are whole packets. */
static void fill_packets(fz_polar *p) {
  int blocks = fz_pose_blocks(p->q, p->setup.n_classes);
  ptrdiff_t at = 0;
  for (int b = 0; b < blocks; b++) {
    p->first_packet[b] = at;
    for (int k = 0; k < p->setup.n_classes; k++) {
      int first, count;
      fz_pose_block_directions(p->q, p->setup.n_classes, b, k, &first, &count);
      for (int d = 0; d < count; d += LANES)
        p->packet[at++] = (fz_polar_packet){k, first + d, count - d < LANES ? count - d : LANES};
    }
  }
  p->first_packet[blocks] = at;
  FZ_ASSERT(at == p->n_packets);
}

static void fill_phases(fz_polar *p) {
  double turn = 2 * 3.14159265358979323846 / p->setup.box;
  ptrdiff_t points = (ptrdiff_t)p->rings->n_rings * fz_polar_half(p);
  for (int t = 0; t < p->q->n_shifts; t++)
    for (ptrdiff_t i = 0; i < points; i++) {
      double r = p->rings->radius[i / fz_polar_half(p)];
      int a = (int)(i % fz_polar_half(p));
      double angle = turn * r * (p->rings->cosine[a] * p->q->shift_x_px[t] + p->rings->sine[a] * p->q->shift_y_px[t]);
      fz_real *cell = p->phase + (t / LANES * points + i) * CELL + t % LANES;
      cell[0] = (fz_real)cos(angle);
      cell[LANES] = (fz_real)sin(angle);
    }
}

enum { REAL_BLOCKS = 17 };

static void list_blocks(fz_polar_workspace *w, fz_real ***block) {
  fz_real **blocks[REAL_BLOCKS] = {&w->row,        &w->c2,         &w->spectra,    &w->norm,       &w->z,
                                   &w->scratch[0], &w->scratch[1], &w->scratch[2], &w->gamma,      &w->mass,
                                   &w->b,          &w->a,          &w->samples[0], &w->samples[1], &w->samples[2],
                                   &w->slice[0],   &w->slice[1]};
  memcpy(block, blocks, sizeof blocks);
}

static void free_workspace(fz_polar_workspace *w) {
  fz_real **block[REAL_BLOCKS];
  list_blocks(w, block);
  for (int i = 0; i < REAL_BLOCKS; i++) fz_free(block[i]);
  fz_free(&w->largest);
  fz_partial_sums_free(&w->sums);
}

/* Number of reals of each block, in the order of list_blocks. */
static void block_sizes(const fz_polar *p, int kept, ptrdiff_t *size) {
  ptrdiff_t tile = p->setup.tile_capacity, n = p->rings->n_angles;
  ptrdiff_t points = (ptrdiff_t)LANES * p->rings->n_rings * fz_polar_half(p);
  ptrdiff_t sizes[REAL_BLOCKS] = {(tile * p->shifts + 1) * p->row_stride,
                                  tile * p->c2_stride,
                                  kept ? 0 : p->packet_size,
                                  (tile + 1) * p->norm_size,
                                  FZ_POLAR_PAIRS * n * CELL,
                                  n * CELL,
                                  n * CELL,
                                  n * CELL,
                                  (ptrdiff_t)(p->slices.top + 1) * FZ_POLAR_ROWS * CELL,
                                  tile * p->norm_size,
                                  p->slices.n_pairs * CELL,
                                  p->squares.n_pairs * CELL,
                                  points,
                                  points,
                                  points,
                                  points,
                                  points};
  memcpy(size, sizes, sizeof sizes);
}

static fz_status make_workspace(const fz_polar *p, fz_polar_workspace *w) {
  ptrdiff_t size[REAL_BLOCKS];
  fz_real **block[REAL_BLOCKS];
  list_blocks(w, block);
  block_sizes(p, p->kept != NULL, size);
  for (int i = 0; i < REAL_BLOCKS; i++)
    if (!(*block[i] = fz_alloc(size[i], sizeof(fz_real)))) return FZ_ENOMEM;
  w->largest = fz_alloc(p->n_packets * p->setup.tile_capacity * p->shifts, sizeof *w->largest);
  return w->largest ? fz_partial_sums_init(&w->sums, &p->setup) : FZ_ENOMEM;
}

int64_t engine_bytes(const fz_engine_setup *setup) {
  fz_polar p = {0};
  ptrdiff_t size[REAL_BLOCKS], m = setup->m, reals = 0;
  if (measure(&p, setup) != FZ_OK) return 0;
  int64_t kept = p.n_packets * p.packet_size * (int64_t)sizeof(fz_real);
  block_sizes(&p, kept <= setup->cache_bytes, size);
  for (int i = 0; i < REAL_BLOCKS; i++) reals += size[i];
  int64_t maxima = p.n_packets * setup->tile_capacity * p.shifts * (int64_t)sizeof(fz_real);
  int64_t cells = fz_cube_make(setup->m, 2, setup->frequencies->kmax).cells;
  int64_t projectors = setup->n_classes * (16 * m * m * m + 8 * m * m + 2 * cells);
  int64_t bytes = (kept <= setup->cache_bytes ? kept : 0) +
                  (projectors + phase_cells(&p) * CELL) * (int64_t)sizeof(fz_real) +
                  setup->threads * (reals * (int64_t)sizeof(fz_real) + maxima + fz_partial_sums_bytes(setup));
  fz_polar_layout_clear(&p.slices);
  fz_polar_layout_clear(&p.squares);
  return bytes;
}

static void destroy(fz_engine *engine) {
  fz_polar *p = engine->self;
  if (!p) return;
  for (int k = 0; p->projector && k < p->setup.n_classes; k++) fz_projector_destroy(&p->projector[k]);
  for (int t = 0; p->work && t < p->setup.threads; t++) free_workspace(&p->work[t]);
  fz_free(&p->projector);
  fz_free(&p->work);
  fz_free(&p->log_class);
  fz_free(&p->kept);
  fz_free(&p->phase);
  fz_free(&p->packet);
  fz_polar_fft_clear(&p->fft);
  fz_polar_layout_clear(&p->slices);
  fz_polar_layout_clear(&p->squares);
  fz_free(&p);
  *engine = (fz_engine){0};
}

fz_status create_engine(const fz_engine_setup *setup, fz_engine *engine) {
  *engine = (fz_engine){.n_pose_blocks = fz_pose_blocks(setup->quadrature, setup->n_classes),
                        .set_volumes = set_volumes,
                        .load = fz_polar_load,
                        .totals = fz_polar_totals,
                        .moments = fz_polar_moments,
                        .destroy = destroy};
  FZ_ASSERT(setup->rings && setup->rings->n_angles == setup->quadrature->n_psi);
  fz_polar *p = fz_alloc(1, sizeof *p);
  if (!p) return FZ_ENOMEM;
  engine->self = p;
  p->kernels = fz_polar_kernels_best();
  fill_table(p->table);
  fz_status st = measure(p, setup);
  if (st == FZ_OK) st = fz_polar_fft_init(&p->fft, p->rings->n_angles);
  if (st != FZ_OK) goto done;
  st = FZ_ENOMEM;
  p->packet = fz_alloc(p->n_packets, sizeof *p->packet);
  p->projector = fz_alloc(setup->n_classes, sizeof *p->projector);
  p->log_class = fz_alloc(setup->n_classes, sizeof(double));
  p->work = fz_alloc(setup->threads, sizeof *p->work);
  p->phase = fz_alloc(phase_cells(p) * CELL, sizeof(fz_real));
  if (!p->packet || !p->projector || !p->log_class || !p->work || !p->phase) goto done;
  if (p->n_packets * p->packet_size * (int64_t)sizeof(fz_real) <= setup->cache_bytes)
    p->kept = fz_alloc(p->n_packets * p->packet_size, sizeof(fz_real));
  for (int k = 0; k < setup->n_classes; k++)
    if (!(p->projector[k] = FZ_REAL_NAME(fz_projector_create)(setup->m, setup->frequencies->kmax))) goto done;
  for (int t = 0; t < setup->threads; t++) {
    FZ_TRY(make_workspace(p, &p->work[t]));
    p->work[t].profile = setup->profile ? setup->profile + t : NULL;
  }
  fill_packets(p);
  fill_phases(p);
  st = FZ_OK;
done:
  if (st != FZ_OK) destroy(engine);
  return st;
}
