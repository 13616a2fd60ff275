/* The engine's life: memory, volumes, and the choice of poses for the images of a tile. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/importance_private.h"

#ifdef FZ_DOUBLE
#define fill_table fz_kb_fill_table_f64
#define create_engine fz_engine_importance_f64
#else
#define fill_table fz_kb_fill_table_f32
#define create_engine fz_engine_importance_f32
#endif

enum { GROUP_ROWS = 1024, STORE = 1 << 21 };
static const double SLICE_COST = 500; /* of making a slice, in scores */

static ptrdiff_t chunks_of(const fz_engine_setup *s) {
  ptrdiff_t columns = (ptrdiff_t)s->n_classes * s->quadrature->n_directions * s->quadrature->n_psi;
  return (columns + FZ_IMPORTANCE_COLUMNS - 1) / FZ_IMPORTANCE_COLUMNS;
}

static int group_of(const fz_engine_setup *s) {
  int fit = GROUP_ROWS / s->quadrature->n_shifts;
  return fit < 1 ? 1 : fit < s->tile_capacity ? fit : s->tile_capacity;
}

#ifndef FZ_DOUBLE
int64_t fz_engine_importance_bytes(const fz_engine_setup *s, int double_precision) {
  int64_t real = double_precision ? sizeof(double) : sizeof(float), n = s->tile_capacity, m = s->m;
  int64_t padded = s->frequencies->padded, shifts = s->quadrature->n_shifts, rows = shifts * group_of(s);
  int64_t b = fz_cube_make(s->m, 2, s->frequencies->kmax).cells, a = fz_cube_make(s->m, 4, s->frequencies->kmax).cells;
  int64_t shared = real * (s->n_classes * (16 * m * m * m + 8 * m * m + 2 * b) + 2 * shifts * padded);
  int64_t points = s->quadrature->n_directions + s->quadrature->n_psi + shifts;
  int64_t work = STORE + 2 * rows * padded + n * padded + 6 * FZ_IMPORTANCE_COLUMNS * padded +
                 2 * (rows + n) * FZ_IMPORTANCE_COLUMNS + s->n_classes * (4 * b + a);
  int64_t small = n * (28 * points + 8 * (chunks_of(s) + shifts) + (int64_t)sizeof(fz_pose_sketch));
  return shared + 100 * points + s->threads * (real * work + small);
}
#endif

static void free_workspace(const fz_importance *e, fz_importance_workspace *w) {
  for (int i = 0; w->sample && i < e->setup.tile_capacity; i++)
    for (fz_factor f = 0; f < FZ_FACTORS; f++) fz_factor_sample_clear(&w->sample[i][f]);
  fz_real **block[] = {&w->store,  &w->x,    &w->c2,   &w->slice, &w->power, &w->score,
                       &w->weight, &w->norm, &w->mass, &w->b,     &w->a};
  for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) fz_free(block[i]);
  fz_free(&w->sample);
  fz_free(&w->full);
  fz_free(&w->origin);
  fz_free(&w->kept);
  fz_free(&w->largest);
  fz_free(&w->shift_mass);
  fz_free(&w->sketch);
  fz_partial_sums_free(&w->sums);
}

static fz_status make_workspace(const fz_importance *e, fz_importance_workspace *w) {
  ptrdiff_t n = e->setup.tile_capacity, padded = e->f->padded, columns = FZ_IMPORTANCE_COLUMNS;
  struct {
    fz_real **to;
    ptrdiff_t size;
  } real[] = {{&w->store, e->store_size},
              {&w->x, 2 * e->rows_most * padded},
              {&w->c2, n * padded},
              {&w->slice, 2 * columns * padded},
              {&w->power, columns * padded},
              {&w->score, e->rows_most * columns},
              {&w->weight, e->rows_most * columns},
              {&w->norm, n * columns},
              {&w->mass, n * columns},
              {&w->b, 2 * columns * padded},
              {&w->a, columns * padded}};
  for (size_t i = 0; i < sizeof real / sizeof real[0]; i++)
    if (!(*real[i].to = fz_alloc(real[i].size, sizeof(fz_real)))) return FZ_ENOMEM;
  w->sample = fz_alloc(n, sizeof *w->sample);
  w->full = fz_alloc(n, sizeof *w->full);
  w->origin = fz_alloc(n * e->q->n_directions, sizeof *w->origin);
  w->kept = fz_alloc(n, sizeof *w->kept);
  w->largest = fz_alloc(n * e->chunks_most, sizeof *w->largest);
  w->shift_mass = fz_alloc(n * e->q->n_shifts, sizeof *w->shift_mass);
  w->sketch = fz_alloc(n, sizeof *w->sketch);
  if (!w->sample || !w->origin || !w->full || !w->kept || !w->largest || !w->shift_mass || !w->sketch) return FZ_ENOMEM;
  for (ptrdiff_t i = 0; i < n; i++)
    for (fz_factor f = 0; f < FZ_FACTORS; f++)
      if (fz_factor_sample_init(&w->sample[i][f], e->proposal, f) != FZ_OK) return FZ_ENOMEM;
  return fz_partial_sums_init(&w->sums, &e->setup);
}

static fz_status set_volumes(void *self, const double *const *voxels, const double *class_prior, int first_block,
                             int n_blocks) {
  fz_importance *e = self;
  (void)first_block;
  (void)n_blocks;
  for (int k = 0; k < e->setup.n_classes; k++) {
    e->log_class[k] = log(class_prior[k] > 1e-300 ? class_prior[k] : 1e-300);
    fz_projector_set(e->projector[k], voxels[k], e->setup.slice_scale);
  }
  return FZ_OK;
}

/* Whether all points cost an image no more than its sample: then slices are shared by a group of images.  What is drawn
 * in the end has no say in this, else the choice would bias the sums. */
static bool better_in_full(const fz_importance *e, const fz_factor_sample *s) {
  double rotations = 1, all = (double)e->q->n_directions * e->q->n_psi;
  for (fz_factor f = FZ_FACTOR_DIRECTION; f <= FZ_FACTOR_PSI; f++)
    rotations *= fz_proposal_expected(e->proposal, f, &s[f]);
  double shifts = fz_proposal_expected(e->proposal, FZ_FACTOR_SHIFT, &s[FZ_FACTOR_SHIFT]);
  return rotations * (SLICE_COST + shifts) >= all * (SLICE_COST / e->group_most + e->q->n_shifts);
}

static void choose_poses(const fz_importance *e, fz_importance_workspace *w, const fz_tile_image *image, int i) {
  w->full[i] = true;
  if (image->memory.visits < 1) return;
  fz_factor_sample *s = w->sample[i];
  for (fz_factor f = 0; f < FZ_FACTORS; f++)
    fz_proposal_density(e->proposal, f, &image->memory, e->setup.average, image->centre_x_px, image->centre_y_px,
                        &s[f]);
  w->full[i] = better_in_full(e, s);
  if (w->full[i]) return;
  fz_random random = fz_random_stream(e->setup.seed, FZ_PURPOSE_POSE_SAMPLES, (uint32_t)image->memory.visits,
                                      (uint64_t)image->particle);
  for (fz_factor f = 0; f < FZ_FACTORS; f++) fz_proposal_draw(e->proposal, f, &random, &s[f]);
  int32_t *origin = w->origin + (ptrdiff_t)i * e->q->n_directions;
  for (int d = 0; d < s[FZ_FACTOR_DIRECTION].n; d++)
    origin[d] = fz_proposal_origin(e->proposal, &image->memory, s[FZ_FACTOR_DIRECTION].point[d]);
}

void fz_importance_load(void *self, int thread, const fz_tile *tile) {
  const fz_importance *e = self;
  fz_importance_workspace *w = &e->work[thread];
  ptrdiff_t padded = e->f->padded;
  w->stored = 0;
  w->profile = e->setup.profile ? e->setup.profile + thread : NULL;
  double began = fz_profile_now(w->profile);
  for (int i = 0; i < tile->n; i++) {
    choose_poses(e, w, &tile->image[i], i);
    for (ptrdiff_t p = 0; p < padded; p++) w->c2[i * padded + p] = (fz_real)tile->c2[i * padded + p];
    if (w->profile) w->profile->full_images += w->full[i];
  }
  fz_profile_add(w->profile, FZ_PHASE_LOAD, began, 0);
}

fz_importance_group fz_importance_group_at(const fz_importance *e, const fz_importance_workspace *w,
                                           const fz_tile *tile, int first) {
  fz_importance_group g = {.first = first, .n = 1, .sample = e->all};
  if (!w->full[first]) {
    g.sample = w->sample[first];
    g.origin = w->origin + (ptrdiff_t)first * e->q->n_directions;
  }
  while (w->full[first] && g.n < e->group_most && first + g.n < tile->n && w->full[first + g.n]) g.n++;
  g.shifts = g.sample[FZ_FACTOR_SHIFT].n;
  g.columns = (ptrdiff_t)e->setup.n_classes * g.sample[FZ_FACTOR_DIRECTION].n * g.sample[FZ_FACTOR_PSI].n;
  g.chunks = (int)((g.columns + FZ_IMPORTANCE_COLUMNS - 1) / FZ_IMPORTANCE_COLUMNS);
  return g;
}

static void destroy(fz_engine *engine) {
  fz_importance *e = engine->self;
  if (!e) return;
  for (int k = 0; e->projector && k < e->setup.n_classes; k++) fz_projector_destroy(&e->projector[k]);
  for (int t = 0; e->work && t < e->setup.threads; t++) free_workspace(e, &e->work[t]);
  for (fz_factor f = 0; f < FZ_FACTORS; f++) fz_factor_sample_clear(&e->all[f]);
  fz_proposal_destroy(&e->proposal);
  fz_free(&e->projector);
  fz_free(&e->work);
  fz_free(&e->log_class);
  fz_free(&e->shift_cos);
  fz_free(&e->shift_sin);
  fz_free(&e);
  *engine = (fz_engine){0};
}

static void fill_shift_phases(fz_importance *e) {
  double turn = 2 * 3.14159265358979323846 / e->setup.box;
  for (int t = 0; t < e->q->n_shifts; t++)
    for (int p = 0; p < e->f->count; p++) {
      double phase = turn * (e->f->kx[p] * e->q->shift_x_px[t] + e->f->ky[p] * e->q->shift_y_px[t]);
      e->shift_cos[(ptrdiff_t)t * e->f->padded + p] = (fz_real)cos(phase);
      e->shift_sin[(ptrdiff_t)t * e->f->padded + p] = (fz_real)sin(phase);
    }
}

static fz_status make_shared(fz_importance *e) {
  const fz_engine_setup *setup = &e->setup;
  fz_status st;
  FZ_TRY(fz_proposal_create(e->q, &setup->proposal, &e->proposal));
  for (fz_factor f = 0; f < FZ_FACTORS; f++) {
    FZ_TRY(fz_factor_sample_init(&e->all[f], e->proposal, f));
    fz_proposal_all(e->proposal, f, &e->all[f]);
  }
  st = FZ_ENOMEM;
  e->projector = fz_alloc(setup->n_classes, sizeof(fz_projector *));
  e->log_class = fz_alloc(setup->n_classes, sizeof(double));
  e->work = fz_alloc(setup->threads, sizeof *e->work);
  e->shift_cos = fz_alloc((ptrdiff_t)e->q->n_shifts * e->f->padded, sizeof(fz_real));
  e->shift_sin = fz_alloc((ptrdiff_t)e->q->n_shifts * e->f->padded, sizeof(fz_real));
  if (!e->projector || !e->log_class || !e->work || !e->shift_cos || !e->shift_sin) goto done;
  for (int k = 0; k < setup->n_classes; k++)
    if (!(e->projector[k] = fz_projector_create(setup->m, e->f->kmax))) goto done;
  st = FZ_OK;
done:
  return st;
}

extern void openblas_set_num_threads(int threads) __attribute__((weak));

fz_status create_engine(const fz_engine_setup *setup, fz_engine *engine) {
  *engine = (fz_engine){.n_pose_blocks = 1,
                        .set_volumes = set_volumes,
                        .load = fz_importance_load,
                        .totals = fz_importance_totals,
                        .moments = fz_importance_moments,
                        .destroy = destroy};
  FZ_ASSERT(setup->tile_capacity <= FZ_TILE_MOST && setup->average);
  fz_importance *e = fz_alloc(1, sizeof *e);
  if (!e) return FZ_ENOMEM;
  engine->self = e;
  if (openblas_set_num_threads) openblas_set_num_threads(1); /* tiles are the parallelism, and the bits depend on it */
  e->setup = *setup;
  e->f = setup->frequencies;
  e->q = setup->quadrature;
  fill_table(e->table);
  e->group_most = group_of(setup);
  e->rows_most = (ptrdiff_t)e->group_most * e->q->n_shifts;
  e->chunks_most = chunks_of(setup);
  e->store_size = STORE;
  fz_status st = make_shared(e);
  for (int t = 0; t < setup->threads && st == FZ_OK; t++) st = make_workspace(e, &e->work[t]);
  if (st == FZ_OK) fill_shift_phases(e);
  if (st != FZ_OK) destroy(engine);
  return st;
}
