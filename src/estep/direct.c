/* The direct engine.  Rows are (image, quarter turn, shift), columns are slices at in-plane angles in [0, 90) degrees.
 * Real and imaginary products P and Q are kept apart: P + Q scores the slice, P - Q the slice turned by 180 degrees
 * (its conjugate), so every column serves four in-plane angles and costs the arithmetic of two. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/direct_private.h"

#ifdef FZ_DOUBLE
#define fill_table fz_kb_fill_table_f64
#define create_engine fz_engine_direct_f64
#else
#define fill_table fz_kb_fill_table_f32
#define create_engine fz_engine_direct_f32
#endif

/* Cut every pose block's columns into strips, class by class; with strip == NULL only count them. */
static ptrdiff_t cut_strips(const fz_engine_setup *s, fz_direct_strip *strip, ptrdiff_t *first_strip) {
  const fz_quadrature *q = s->quadrature;
  int quarter = q->n_psi / 4, blocks = fz_pose_blocks(q, s->n_classes), first_class, last_class, first, count;
  ptrdiff_t n = 0;
  for (int b = 0; b < blocks; b++) {
    if (strip) first_strip[b] = n;
    fz_pose_block_classes(q, s->n_classes, b, &first_class, &last_class);
    for (int k = first_class; k <= last_class; k++) {
      fz_pose_block_directions(q, s->n_classes, b, k, &first, &count);
      ptrdiff_t end = (ptrdiff_t)(first + count) * quarter;
      for (ptrdiff_t c = (ptrdiff_t)first * quarter; c < end; c += FZ_DIRECT_COLUMNS, n++)
        if (strip)
          strip[n] = (fz_direct_strip){
              .class_index = k, .first = c, .count = (int)(end - c < FZ_DIRECT_COLUMNS ? end - c : FZ_DIRECT_COLUMNS)};
    }
  }
  if (strip) first_strip[blocks] = n;
  return n;
}

static ptrdiff_t kept_elements(const fz_engine_setup *s) {
  return (ptrdiff_t)s->n_classes * s->quadrature->n_directions * (s->quadrature->n_psi / 4) * 2 *
         s->frequencies->padded;
}

#ifndef FZ_DOUBLE
int64_t fz_engine_direct_bytes(const fz_engine_setup *s, int double_precision) {
  int64_t real = double_precision ? sizeof(double) : sizeof(float), kept = kept_elements(s) * real;
  int64_t n = s->tile_capacity, rows = n * FZ_DIRECT_TURNS * s->quadrature->n_shifts, padded = s->frequencies->padded;
  int64_t m = s->m;
  int64_t b = fz_cube_make(s->m, 2, s->frequencies->kmax).cells, a = fz_cube_make(s->m, 4, s->frequencies->kmax).cells;
  int64_t projectors = s->n_classes * (16 * m * m * m + 8 * m * m + 2 * b);
  int64_t work = 2 * rows * padded + n * FZ_DIRECT_TURNS * padded + 6 * FZ_DIRECT_COLUMNS * padded +
                 2 * rows * FZ_DIRECT_COLUMNS + 2 * n * FZ_DIRECT_TURNS * FZ_DIRECT_COLUMNS +
                 s->n_classes * (4 * b + a);
  int64_t maxima = (int64_t)sizeof(double) * n * cut_strips(s, NULL, NULL);
  return (kept <= s->cache_bytes ? kept : 0) + real * projectors + s->threads * (real * work + maxima);
}
#endif

static void free_workspace(fz_direct_workspace *w) {
  fz_real **block[] = {&w->x_re, &w->x_im, &w->c2,   &w->slice_re, &w->slice_im, &w->power, &w->p,
                       &w->q,    &w->norm, &w->mass, &w->b_re,     &w->b_im,     &w->a};
  for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) fz_free(block[i]);
  fz_free(&w->strip_max);
  fz_partial_sums_free(&w->sums);
}

static fz_status make_workspace(const fz_direct *d, fz_direct_workspace *w) {
  ptrdiff_t n = d->setup.tile_capacity, rows = n * d->rows_per_image, padded = d->f->padded;
  struct {
    fz_real **to;
    ptrdiff_t size;
  } real[] = {{&w->x_re, rows * padded},
              {&w->x_im, rows * padded},
              {&w->c2, n * FZ_DIRECT_TURNS * padded},
              {&w->slice_re, FZ_DIRECT_COLUMNS * padded},
              {&w->slice_im, FZ_DIRECT_COLUMNS * padded},
              {&w->power, FZ_DIRECT_COLUMNS * padded},
              {&w->p, rows * FZ_DIRECT_COLUMNS},
              {&w->q, rows * FZ_DIRECT_COLUMNS},
              {&w->norm, n * FZ_DIRECT_TURNS * FZ_DIRECT_COLUMNS},
              {&w->mass, n * FZ_DIRECT_TURNS * FZ_DIRECT_COLUMNS},
              {&w->b_re, FZ_DIRECT_COLUMNS * padded},
              {&w->b_im, FZ_DIRECT_COLUMNS * padded},
              {&w->a, FZ_DIRECT_COLUMNS * padded}};
  for (size_t i = 0; i < sizeof real / sizeof real[0]; i++)
    if (!(*real[i].to = fz_alloc(real[i].size, sizeof(fz_real)))) return FZ_ENOMEM;
  w->strip_max = fz_alloc(n * d->n_strips, sizeof *w->strip_max);
  return w->strip_max ? fz_partial_sums_init(&w->sums, &d->setup) : FZ_ENOMEM;
}

static fz_status set_volumes(void *self, const double *const *voxels, const double *class_prior, int first_block,
                             int n_blocks) {
  fz_direct *d = self;
  for (int k = 0; k < d->setup.n_classes; k++) {
    d->log_class[k] = log(class_prior[k] > 1e-300 ? class_prior[k] : 1e-300);
    fz_projector_set(d->projector[k], voxels[k], d->setup.slice_scale);
  }
  if (!d->kept) return FZ_OK;
  ptrdiff_t padded = d->f->padded, end = d->first_strip[first_block + n_blocks];
#pragma omp parallel for schedule(static) num_threads(d->setup.threads)
  for (ptrdiff_t i = d->first_strip[first_block]; i < end; i++) {
    const fz_direct_strip *s = &d->strip[i];
    fz_real *to = d->kept + (s->class_index * d->columns + s->first) * 2 * padded;
    for (int c = 0; c < s->count; c++, to += 2 * padded) {
      fz_rotation a = fz_direct_rotation(d, s->first + c);
      fz_projector_slice(d->projector[s->class_index], d->f, &a, to, to + padded);
    }
  }
  return FZ_OK;
}

/* x S_t^* for every shift, then its quarter-turned copy. */
static void load(void *self, int thread, const fz_tile *tile) {
  const fz_direct *d = self;
  fz_direct_workspace *w = &d->work[thread];
  ptrdiff_t padded = d->f->padded;
  int shifts = d->q->n_shifts;
  double began = fz_profile_now(w->profile);
  for (int i = 0; i < tile->n; i++) {
    const double *re = tile->re + i * padded, *im = tile->im + i * padded, *c2 = tile->c2 + i * padded;
    for (int t = 0; t < shifts; t++) {
      const fz_real *c = d->shift_cos + t * padded, *s = d->shift_sin + t * padded;
      fz_real *row_re = w->x_re + (ptrdiff_t)(i * d->rows_per_image + t) * padded;
      fz_real *row_im = w->x_im + (ptrdiff_t)(i * d->rows_per_image + t) * padded;
      for (ptrdiff_t p = 0; p < padded; p++) {
        fz_real r = (fz_real)re[p], m = (fz_real)im[p];
        row_re[p] = r * c[p] - m * s[p];
        row_im[p] = r * s[p] + m * c[p];
      }
      fz_real *turned_re = row_re + shifts * padded, *turned_im = row_im + shifts * padded;
      for (ptrdiff_t p = 0; p < padded; p++) {
        ptrdiff_t from = d->f->turned[p];
        turned_re[p] = row_re[from];
        turned_im[p] = d->f->turned_conjugate[p] ? -row_im[from] : row_im[from];
      }
    }
    fz_real *straight = w->c2 + i * FZ_DIRECT_TURNS * padded, *turned = straight + padded;
    for (ptrdiff_t p = 0; p < padded; p++) straight[p] = (fz_real)c2[p];
    for (ptrdiff_t p = 0; p < padded; p++) turned[p] = straight[d->f->turned[p]];
  }
  fz_profile_add(w->profile, FZ_PHASE_LOAD, began, 0);
}

static void destroy(fz_engine *engine) {
  fz_direct *d = engine->self;
  if (!d) return;
  for (int k = 0; d->projector && k < d->setup.n_classes; k++) fz_projector_destroy(&d->projector[k]);
  for (int t = 0; d->work && t < d->setup.threads; t++) free_workspace(&d->work[t]);
  fz_free(&d->strip);
  fz_free(&d->projector);
  fz_free(&d->work);
  fz_free(&d->log_class);
  fz_free(&d->kept);
  fz_free(&d->shift_cos);
  fz_free(&d->shift_sin);
  fz_free(&d);
  *engine = (fz_engine){0};
}

static void fill_shift_phases(fz_direct *d, int box) {
  double turn = 2 * 3.14159265358979323846 / box;
  for (int t = 0; t < d->q->n_shifts; t++)
    for (int p = 0; p < d->f->count; p++) {
      double phase = turn * (d->f->kx[p] * d->q->shift_x_px[t] + d->f->ky[p] * d->q->shift_y_px[t]);
      d->shift_cos[(ptrdiff_t)t * d->f->padded + p] = (fz_real)cos(phase);
      d->shift_sin[(ptrdiff_t)t * d->f->padded + p] = (fz_real)sin(phase);
    }
}

extern void openblas_set_num_threads(int threads) __attribute__((weak));

fz_status create_engine(const fz_engine_setup *setup, fz_engine *engine) {
  *engine = (fz_engine){.modal = setup->modal,
                        .n_pose_blocks = fz_pose_blocks(setup->quadrature, setup->n_classes),
                        .set_volumes = set_volumes,
                        .load = load,
                        .totals = fz_direct_totals,
                        .moments = fz_direct_moments,
                        .destroy = destroy};
  FZ_ASSERT(setup->tile_capacity <= FZ_TILE_MOST);
  fz_direct *d = fz_alloc(1, sizeof *d);
  if (!d) return FZ_ENOMEM;
  engine->self = d;
  if (openblas_set_num_threads) openblas_set_num_threads(1); /* tiles are the parallelism, and the bits depend on it */
  d->setup = *setup;
  if (setup->modal) d->setup.cutoff = FZ_MODAL_CUTOFF;
  d->f = setup->frequencies;
  d->q = setup->quadrature;
  fill_table(d->table);
  d->quarter = d->q->n_psi / 4;
  d->columns = (ptrdiff_t)d->q->n_directions * d->quarter;
  d->n_strips = cut_strips(setup, NULL, NULL);
  d->rows_per_image = FZ_DIRECT_TURNS * d->q->n_shifts;
  fz_status st = FZ_ENOMEM;
  d->strip = fz_alloc(d->n_strips, sizeof *d->strip);
  d->projector = fz_alloc(setup->n_classes, sizeof(fz_projector *));
  d->log_class = fz_alloc(setup->n_classes, sizeof(double));
  d->work = fz_alloc(setup->threads, sizeof *d->work);
  d->shift_cos = fz_alloc((ptrdiff_t)d->q->n_shifts * d->f->padded, sizeof(fz_real));
  d->shift_sin = fz_alloc((ptrdiff_t)d->q->n_shifts * d->f->padded, sizeof(fz_real));
  if (!d->strip || !d->projector || !d->log_class || !d->work || !d->shift_cos || !d->shift_sin) goto done;
  cut_strips(setup, d->strip, d->first_strip);
  if ((int64_t)kept_elements(setup) * (int64_t)sizeof(fz_real) <= setup->cache_bytes)
    d->kept = fz_alloc(kept_elements(setup), sizeof(fz_real));
  for (int k = 0; k < setup->n_classes; k++)
    if (!(d->projector[k] = fz_projector_create(setup->m, d->f->kmax))) goto done;
  for (int t = 0; t < setup->threads; t++) {
    d->work[t].profile = setup->profile ? setup->profile + t : NULL;
    FZ_TRY(make_workspace(d, &d->work[t]));
  }
  fill_shift_phases(d, setup->box);
  st = FZ_OK;
done:
  if (st != FZ_OK) destroy(engine);
  return st;
}
