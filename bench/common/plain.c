#include "common/plain.h"

#include <cblas.h>
#include <math.h>

#include "core/exponential.h"
#include "core/memory.h"
#include "model/projector.h"

enum { COLUMNS = 96, LANES = sizeof(fz_lanes_f32) / sizeof(float) };

typedef struct plain {
  fz_engine_setup setup;
  const fz_frequencies *f;
  const fz_quadrature *q;
  fz_projector_f32 *projector;
  ptrdiff_t columns;                /* slices */
  float *slice, *power;             /* [columns + COLUMNS][2 padded], [COLUMNS][padded] */
  float *row, *c2, *product, *norm; /* [n shifts][2 padded], [n][padded], [n shifts][COLUMNS], [n][COLUMNS] */
  float *shift_cos, *shift_sin;     /* [shifts][padded] */
} plain;

static fz_status set_volumes(void *self, const double *const *voxels, const double *class_prior, int first_block,
                             int n_blocks) {
  plain *d = self;
  ptrdiff_t padded = d->f->padded;
  (void)class_prior;
  (void)first_block;
  (void)n_blocks;
  fz_status st = fz_projector_set_f32(d->projector, voxels[0], d->setup.slice_scale);
  for (ptrdiff_t c = 0; st == FZ_OK && c < d->columns; c++) {
    fz_rotation a = fz_quadrature_rotation(d->q, (int)(c / d->q->n_psi), (int)(c % d->q->n_psi));
    float *to = d->slice + c * 2 * padded;
    fz_projector_slice_f32(d->projector, d->f, &a, to, to + padded);
  }
  return st;
}

static void load(void *self, int thread, const fz_tile *tile) {
  plain *d = self;
  ptrdiff_t padded = d->f->padded;
  (void)thread;
  for (int i = 0; i < tile->n; i++) {
    const double *re = tile->re + i * padded, *im = tile->im + i * padded;
    for (int t = 0; t < d->q->n_shifts; t++) {
      const float *c = d->shift_cos + t * padded, *s = d->shift_sin + t * padded;
      float *row = d->row + (ptrdiff_t)(i * d->q->n_shifts + t) * 2 * padded;
      for (ptrdiff_t p = 0; p < padded; p++) {
        row[p] = (float)re[p] * c[p] - (float)im[p] * s[p];
        row[padded + p] = (float)re[p] * s[p] + (float)im[p] * c[p];
      }
    }
    for (ptrdiff_t p = 0; p < padded; p++) d->c2[i * padded + p] = (float)tile->c2[i * padded + p];
  }
}

/* product becomes the scores of a row; the largest of them. */
FZ_KERNEL static float finish(float *product, const float *norm, float log_prior) {
  fz_lanes_f32 *p = (fz_lanes_f32 *)product, largest = (fz_lanes_f32){0} - 1e30f;
  const fz_lanes_f32 *n = (const fz_lanes_f32 *)norm;
  float best = -1e30f;
  for (int c = 0; c < COLUMNS / LANES; c++) {
    p[c] += log_prior - 0.5f * n[c];
    largest = fz_select_f32(largest > p[c], largest, p[c]);
  }
  for (int l = 0; l < LANES; l++) best = best > largest[l] ? best : largest[l];
  return best;
}

FZ_KERNEL static double sum_exp(const float *score, float shift) {
  const fz_lanes_f32 *s = (const fz_lanes_f32 *)score;
  fz_lanes_f32 sum = {0};
  double total = 0;
  for (int c = 0; c < COLUMNS / LANES; c++) sum += fz_exp_negative_f32(s[c] - shift);
  for (int l = 0; l < LANES; l++) total += sum[l];
  return total;
}

FZ_KERNEL static void slice_power(const float *slice, ptrdiff_t padded, float *power) {
  for (int c = 0; c < COLUMNS; c++)
    for (ptrdiff_t p = 0; p < padded; p++) {
      float re = slice[(2 * c) * padded + p], im = slice[(2 * c + 1) * padded + p];
      power[c * padded + p] = re * re + im * im;
    }
}

/* Products of columns first .. first + COLUMNS - 1; those that are not there get a norm that no score survives. */
static void multiply(plain *d, const fz_tile *tile, ptrdiff_t first) {
  const float *slice = d->slice + first * 2 * d->f->padded;
  int padded = (int)d->f->padded, wide = 2 * padded, rows = tile->n * d->q->n_shifts;
  double began = fz_profile_now(d->setup.profile);
  slice_power(slice, padded, d->power);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, COLUMNS, wide, 1, d->row, wide, slice, wide, 0, d->product,
              COLUMNS);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, tile->n, COLUMNS, padded, 1, d->c2, padded, d->power, padded, 0,
              d->norm, COLUMNS);
  for (int i = 0; i < tile->n; i++)
    for (ptrdiff_t c = d->columns - first; c < COLUMNS; c++) d->norm[i * COLUMNS + c] = 2e30f;
  fz_profile_add(d->setup.profile, FZ_PHASE_PRODUCTS, began, 2.0 * COLUMNS * ((double)rows * wide + tile->n * padded));
}

static void totals(void *self, int thread, const fz_tile *tile, int block, fz_pose_total *total) {
  plain *d = self;
  int shifts = d->q->n_shifts;
  double log_rotations = log((double)d->q->n_directions * d->q->n_psi);
  (void)thread;
  (void)block;
  for (int i = 0; i < tile->n; i++) total[i] = (fz_pose_total){.largest = -1e30};
  for (ptrdiff_t first = 0; first < d->columns; first += COLUMNS) {
    multiply(d, tile, first);
    double began = fz_profile_now(d->setup.profile);
    for (int i = 0; i < tile->n; i++) {
      float *scores = d->product + (ptrdiff_t)i * shifts * COLUMNS, largest = -1e30f;
      double sum = 0;
      for (int t = 0; t < shifts; t++)
        largest = fmaxf(largest, finish(scores + t * COLUMNS, d->norm + i * COLUMNS,
                                        (float)(d->q->log_shift_weight[t] - log_rotations)));
      for (int t = 0; t < shifts; t++) sum += sum_exp(scores + t * COLUMNS, largest);
      double top = fmax(total[i].largest, largest);
      total[i].sum = total[i].sum * exp(total[i].largest - top) + sum * exp(largest - top);
      total[i].largest = top;
    }
    fz_profile_add(d->setup.profile, FZ_PHASE_EPILOGUE, began, 0);
  }
}

static void destroy(fz_engine *engine) {
  plain *d = engine->self;
  if (!d) return;
  float **block[] = {&d->slice, &d->power, &d->row, &d->c2, &d->product, &d->norm, &d->shift_cos, &d->shift_sin};
  for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) fz_free(block[i]);
  fz_projector_destroy_f32(&d->projector);
  fz_free(&d);
  *engine = (fz_engine){0};
}

static void fill_shift_phases(plain *d) {
  double turn = 2 * 3.14159265358979323846 / d->setup.box;
  for (int t = 0; t < d->q->n_shifts; t++)
    for (int p = 0; p < d->f->count; p++) {
      double phase = turn * (d->f->kx[p] * d->q->shift_x_px[t] + d->f->ky[p] * d->q->shift_y_px[t]);
      d->shift_cos[(ptrdiff_t)t * d->f->padded + p] = (float)cos(phase);
      d->shift_sin[(ptrdiff_t)t * d->f->padded + p] = (float)sin(phase);
    }
}

fz_status fz_bench_plain_create(const fz_engine_setup *setup, fz_engine *engine) {
  *engine =
      (fz_engine){.n_pose_blocks = 1, .set_volumes = set_volumes, .load = load, .totals = totals, .destroy = destroy};
  plain *d = fz_alloc(1, sizeof *d);
  if (!d) return FZ_ENOMEM;
  engine->self = d;
  *d = (plain){.setup = *setup, .f = setup->frequencies, .q = setup->quadrature};
  ptrdiff_t padded = d->f->padded, n = setup->tile_capacity, shifts = d->q->n_shifts;
  FZ_ASSERT(setup->n_classes == 1 && setup->threads == 1);
  d->columns = (ptrdiff_t)d->q->n_directions * d->q->n_psi;
  struct {
    float **to;
    ptrdiff_t size;
  } block[] = {{&d->slice, (d->columns + COLUMNS) * 2 * padded},
               {&d->power, COLUMNS * padded},
               {&d->row, n * shifts * 2 * padded},
               {&d->c2, n * padded},
               {&d->product, n * shifts * COLUMNS},
               {&d->norm, n * COLUMNS},
               {&d->shift_cos, shifts * padded},
               {&d->shift_sin, shifts * padded}};
  fz_status st = (d->projector = fz_projector_create_f32(setup->m, d->f->kmax)) ? FZ_OK : FZ_ENOMEM;
  for (size_t i = 0; i < sizeof block / sizeof block[0] && st == FZ_OK; i++)
    if (!(*block[i].to = fz_alloc(block[i].size, sizeof(float)))) st = FZ_ENOMEM;
  if (st == FZ_OK)
    fill_shift_phases(d);
  else
    destroy(engine);
  return st;
}
