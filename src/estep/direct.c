/* The direct engine.  Rows are (image, quarter turn, shift), columns are slices at in-plane angles in [0, 90) degrees.
 * Real and imaginary products P and Q are kept apart: P + Q scores the slice, P - Q the slice turned by 180 degrees
 * (its conjugate), so every column serves four in-plane angles and costs the arithmetic of two. */
#include "core/real.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/fixed.h"
#include "core/memory.h"
#include "estep/engine.h"
#include "estep/score_rows.h"
#include "model/kaiser_bessel.h"
#include "model/projector.h"

#ifdef FZ_DOUBLE
#define gemm cblas_dgemm
#define fill_table fz_kb_fill_table_f64
#define add_fixed fz_fixed_add_f64
#define create_engine fz_engine_direct_f64
static const double NEGLIGIBLE = 1e300; /* never skip */
#else
#define gemm cblas_sgemm
#define fill_table fz_kb_fill_table_f32
#define add_fixed fz_fixed_add_f32
#define create_engine fz_engine_direct_f32
static const double NEGLIGIBLE = 32.0; /* exp(-32) of the running maximum: below float's resolution of the sum */
#endif

enum { BLOCK = FZ_SCORE_ROW, TURNS = 2 };

typedef struct workspace {
  fz_real *x_re, *x_im;                              /* [rows][padded] shifted, turned images */
  fz_real *c2;                                       /* [n][TURNS][padded] */
  fz_real *slice_re, *slice_im;                      /* [BLOCK][padded], when slices are not kept */
  fz_real *power;                                    /* [BLOCK][padded] |slice|^2 */
  fz_real *p, *q;                                    /* [rows][BLOCK] products, then scores, then posterior weights */
  fz_real *norm;                                     /* [n TURNS][BLOCK] */
  fz_real *mass;                                     /* [n TURNS][BLOCK] posterior weight by image and turn */
  fz_real *b_re, *b_im, *a;                          /* [BLOCK][padded] */
  fz_real *b_cell, *a_cell, *g_cell;                 /* [classes][cells] */
  double *block_max, *block_sum;                     /* [n][blocks] */
  double *direction, *shift, *class_mass, *residual; /* small sums of the tile */
} workspace;

typedef struct direct {
  fz_engine_setup setup;
  const fz_frequencies *f;
  const fz_quadrature *q;
  fz_cube b_cube, a_cube;
  fz_real table[4 * (FZ_KB_TABLE + 1)];
  int quarter;       /* in-plane angles in [0, 90) */
  ptrdiff_t columns; /* slices of one class */
  ptrdiff_t blocks;  /* blocks of columns, all classes */
  int rows_per_image;
  fz_projector **projector;       /* [n_classes] */
  double *log_class;              /* [n_classes] */
  fz_real *kept;                  /* [n_classes][columns][2][padded], or NULL */
  fz_real *shift_cos, *shift_sin; /* [n_shifts][padded] */
  workspace *work;                /* [threads] */
} direct;

static ptrdiff_t blocks_per_class(ptrdiff_t columns) {
  return (columns + BLOCK - 1) / BLOCK;
}

static ptrdiff_t kept_elements(const fz_engine_setup *s) {
  return (ptrdiff_t)s->n_classes * s->quadrature->n_directions * (s->quadrature->n_psi / 4) * 2 *
         s->frequencies->padded;
}

#ifndef FZ_DOUBLE
int64_t fz_engine_direct_bytes(const fz_engine_setup *s, int double_precision) {
  int64_t real = double_precision ? sizeof(double) : sizeof(float), kept = kept_elements(s) * real;
  int64_t n = s->tile_capacity, rows = n * TURNS * s->quadrature->n_shifts, padded = s->frequencies->padded;
  int64_t columns = (int64_t)s->quadrature->n_directions * (s->quadrature->n_psi / 4), m = s->m;
  int64_t b = fz_cube_make(s->m, 2, s->frequencies->kmax).cells, a = fz_cube_make(s->m, 4, s->frequencies->kmax).cells;
  int64_t projectors = s->n_classes * (16 * m * m * m + 8 * m * m + 2 * b);
  int64_t work = 2 * rows * padded + n * TURNS * padded + 6 * BLOCK * padded + 2 * rows * BLOCK +
                 2 * n * TURNS * BLOCK + s->n_classes * (4 * b + a);
  int64_t maxima = 2 * (int64_t)sizeof(double) * n * s->n_classes * blocks_per_class(columns);
  return (kept <= s->cache_bytes ? kept : 0) + real * projectors + s->threads * (real * work + maxima);
}
#endif

static void free_workspace(workspace *w) {
  fz_real **block[] = {&w->x_re, &w->x_im, &w->c2,   &w->slice_re, &w->slice_im, &w->power,  &w->p,      &w->q,
                       &w->norm, &w->mass, &w->b_re, &w->b_im,     &w->a,        &w->b_cell, &w->a_cell, &w->g_cell};
  for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) fz_free(block[i]);
  double **sums[] = {&w->block_max, &w->block_sum, &w->direction, &w->shift, &w->class_mass, &w->residual};
  for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) fz_free(sums[i]);
}

static fz_status make_workspace(const direct *d, workspace *w) {
  ptrdiff_t n = d->setup.tile_capacity, rows = n * d->rows_per_image, padded = d->f->padded, k = d->setup.n_classes;
  struct {
    fz_real **to;
    ptrdiff_t size;
  } real[] = {{&w->x_re, rows * padded},
              {&w->x_im, rows * padded},
              {&w->c2, n * TURNS * padded},
              {&w->slice_re, BLOCK * padded},
              {&w->slice_im, BLOCK * padded},
              {&w->power, BLOCK * padded},
              {&w->p, rows * BLOCK},
              {&w->q, rows * BLOCK},
              {&w->norm, n * TURNS * BLOCK},
              {&w->mass, n * TURNS * BLOCK},
              {&w->b_re, BLOCK * padded},
              {&w->b_im, BLOCK * padded},
              {&w->a, BLOCK * padded},
              {&w->b_cell, 2 * k * d->b_cube.cells},
              {&w->a_cell, k * d->a_cube.cells},
              {&w->g_cell, 2 * k * d->b_cube.cells}};
  for (size_t i = 0; i < sizeof real / sizeof real[0]; i++)
    if (!(*real[i].to = fz_alloc(real[i].size, sizeof(fz_real)))) return FZ_ENOMEM;
  struct {
    double **to;
    ptrdiff_t size;
  } sums[] = {{&w->block_max, n * d->blocks},
              {&w->block_sum, n * d->blocks},
              {&w->direction, d->q->n_directions},
              {&w->shift, d->q->n_shifts},
              {&w->class_mass, k},
              {&w->residual, d->f->n_shells}};
  for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
    if (!(*sums[i].to = fz_alloc(sums[i].size, sizeof(double)))) return FZ_ENOMEM;
  return FZ_OK;
}

static fz_rotation column_rotation(const direct *d, ptrdiff_t column) {
  return fz_quadrature_rotation(d->q, (int)(column / d->quarter), (int)(column % d->quarter));
}

static fz_status set_volumes(void *self, const double *const *voxels, const double *class_prior) {
  direct *d = self;
  for (int k = 0; k < d->setup.n_classes; k++) {
    d->log_class[k] = log(class_prior[k] > 1e-300 ? class_prior[k] : 1e-300);
    fz_projector_set(d->projector[k], voxels[k], d->setup.slice_scale);
  }
  if (!d->kept) return FZ_OK;
  ptrdiff_t total = d->columns * d->setup.n_classes, padded = d->f->padded;
#pragma omp parallel for schedule(static) num_threads(d->setup.threads)
  for (ptrdiff_t c = 0; c < total; c++) {
    fz_rotation a = column_rotation(d, c % d->columns);
    fz_real *to = d->kept + c * 2 * padded;
    fz_projector_slice(d->projector[c / d->columns], d->f, &a, to, to + padded);
  }
  return FZ_OK;
}

/* x S_t^* for every shift, then its quarter-turned copy. */
static void load_images(const direct *d, workspace *w, const fz_tile *tile) {
  ptrdiff_t padded = d->f->padded;
  int shifts = d->q->n_shifts;
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
    fz_real *straight = w->c2 + i * TURNS * padded, *turned = straight + padded;
    for (ptrdiff_t p = 0; p < padded; p++) straight[p] = (fz_real)c2[p];
    for (ptrdiff_t p = 0; p < padded; p++) turned[p] = straight[d->f->turned[p]];
  }
}

typedef struct block_view {
  int class_index, count;
  ptrdiff_t first; /* column */
  const fz_real *re, *im;
  ptrdiff_t stride;
} block_view;

static block_view get_block(const direct *d, workspace *w, ptrdiff_t block) {
  ptrdiff_t per_class = blocks_per_class(d->columns), padded = d->f->padded;
  block_view v = {.class_index = (int)(block / per_class), .first = block % per_class * BLOCK};
  v.count = (int)(d->columns - v.first < BLOCK ? d->columns - v.first : BLOCK);
  if (d->kept) {
    v.re = d->kept + (v.class_index * d->columns + v.first) * 2 * padded;
    v.im = v.re + padded;
    v.stride = 2 * padded;
    return v;
  }
  for (int c = 0; c < v.count; c++) {
    fz_rotation a = column_rotation(d, v.first + c);
    fz_projector_slice(d->projector[v.class_index], d->f, &a, w->slice_re + c * padded, w->slice_im + c * padded);
  }
  v.re = w->slice_re;
  v.im = w->slice_im;
  v.stride = padded;
  return v;
}

FZ_KERNEL static void slice_power(const block_view *v, ptrdiff_t padded, fz_real *power) {
  for (int c = 0; c < v->count; c++) {
    const fz_real *re = v->re + c * v->stride, *im = v->im + c * v->stride;
    for (ptrdiff_t p = 0; p < padded; p++) power[c * padded + p] = re[p] * re[p] + im[p] * im[p];
  }
}

static void score_block(const direct *d, workspace *w, const fz_tile *tile, const block_view *v) {
  int padded = (int)d->f->padded, rows = tile->n * d->rows_per_image, stride = (int)v->stride;
  slice_power(v, padded, w->power);
  gemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, v->count, padded, 1, w->x_re, padded, v->re, stride, 0, w->p,
       BLOCK);
  gemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, v->count, padded, 1, w->x_im, padded, v->im, stride, 0, w->q,
       BLOCK);
  gemm(CblasRowMajor, CblasNoTrans, CblasTrans, tile->n * TURNS, v->count, padded, 1, w->c2, padded, w->power, padded,
       0, w->norm, BLOCK);
}

static double log_prior(const direct *d, const block_view *v, int shift) {
  return d->log_class[v->class_index] - log((double)d->q->n_directions * d->q->n_psi) + d->q->log_shift_weight[shift];
}

static double finish_image(const direct *d, workspace *w, const block_view *v, int i) {
  double largest = -1e30;
  for (int r = 0; r < d->rows_per_image; r++) {
    ptrdiff_t row = (ptrdiff_t)i * d->rows_per_image + r;
    int turn = r / d->q->n_shifts, t = r % d->q->n_shifts;
    double best = fz_scores_finish(w->p + row * BLOCK, w->q + row * BLOCK, w->norm + (i * TURNS + turn) * BLOCK,
                                   (fz_real)log_prior(d, v, t), v->count);
    if (best > largest) largest = best;
  }
  return largest;
}

/* First sweep: log sum exp of every image, block by block in fixed order. */
static void find_totals(const direct *d, workspace *w, const fz_tile *tile, fz_image_posterior *posterior) {
  double running[64];
  for (int i = 0; i < tile->n; i++) running[i] = -1e30;
  for (ptrdiff_t b = 0; b < d->blocks; b++) {
    block_view v = get_block(d, w, b);
    score_block(d, w, tile, &v);
    for (int i = 0; i < tile->n; i++) {
      double largest = finish_image(d, w, &v, i), sum = 0;
      if (largest > running[i]) running[i] = largest;
      if (largest > running[i] - NEGLIGIBLE)
        for (int r = 0; r < d->rows_per_image; r++) {
          ptrdiff_t row = ((ptrdiff_t)i * d->rows_per_image + r) * BLOCK;
          sum += fz_scores_sum_exp(w->p + row, w->q + row, (fz_real)largest);
        }
      w->block_max[i * d->blocks + b] = largest;
      w->block_sum[i * d->blocks + b] = sum;
    }
  }
  for (int i = 0; i < tile->n; i++) {
    const double *largest = w->block_max + i * d->blocks, *sum = w->block_sum + i * d->blocks;
    double total = 0;
    for (ptrdiff_t b = 0; b < d->blocks; b++) total += sum[b] * exp(largest[b] - running[i]);
    posterior[i] = (fz_image_posterior){.gain = running[i] + log(total), .peak = 1.0 / total, .direction = -1};
  }
}

/* Where the largest score of image i lies, if it lies in this block. */
static void find_best(const direct *d, const workspace *w, const block_view *v, int i, double largest,
                      fz_image_posterior *post) {
  if (post->direction >= 0) return;
  for (int r = 0; r < d->rows_per_image; r++) {
    ptrdiff_t row = ((ptrdiff_t)i * d->rows_per_image + r) * BLOCK;
    for (int c = 0; c < v->count; c++)
      for (int half = 0; half < 2; half++) {
        if ((half ? w->q : w->p)[row + c] < (fz_real)largest) continue;
        int turn = r / d->q->n_shifts, psi = (int)((v->first + c) % d->quarter);
        post->class_index = v->class_index;
        post->direction = (int32_t)((v->first + c) / d->quarter);
        post->psi = psi + d->quarter * (turn + 2 * half);
        post->shift = r % d->q->n_shifts;
        return;
      }
  }
}

static void weigh_image(const direct *d, workspace *w, int i, fz_image_posterior *post) {
  fz_real floor_weight = d->setup.cutoff > 0 ? (fz_real)exp(-d->setup.cutoff) : (fz_real)0;
  for (int r = 0; r < d->rows_per_image; r++) {
    ptrdiff_t row = ((ptrdiff_t)i * d->rows_per_image + r) * BLOCK;
    int turn = r / d->q->n_shifts, t = r % d->q->n_shifts;
    double moment = 0;
    w->shift[t] += fz_scores_to_weights(w->p + row, w->q + row, w->mass + (i * TURNS + turn) * BLOCK,
                                        (fz_real)post->gain, floor_weight, &moment);
    post->entropy -= moment;
  }
}

static void clear_image(const direct *d, workspace *w, int i) {
  ptrdiff_t first = (ptrdiff_t)i * d->rows_per_image * BLOCK;
  memset(w->p + first, 0, sizeof(fz_real) * (size_t)d->rows_per_image * BLOCK);
  memset(w->q + first, 0, sizeof(fz_real) * (size_t)d->rows_per_image * BLOCK);
}

/* Gather the columns that carry weight to the front, so that products and scatters see only those. */
static int pack_columns(const direct *d, workspace *w, const fz_tile *tile, int count, int *column) {
  int used = 0, rows = tile->n * d->rows_per_image;
  /* All columns below this together could hold a thousandth of the tile's posterior. */
  double least = d->setup.cutoff > 0 ? 1e-3 * tile->n / (double)d->columns : 0;
  for (int c = 0; c < count; c++) {
    fz_real sum = 0;
    for (int r = 0; r < tile->n * TURNS; r++) sum += w->mass[r * BLOCK + c];
    if (sum > least) column[used++] = c;
  }
  if (used == count) return used;
  for (int r = 0; r < rows; r++)
    for (int u = 0; u < used; u++) {
      w->p[(ptrdiff_t)r * BLOCK + u] = w->p[(ptrdiff_t)r * BLOCK + column[u]];
      w->q[(ptrdiff_t)r * BLOCK + u] = w->q[(ptrdiff_t)r * BLOCK + column[u]];
    }
  for (int r = 0; r < tile->n * TURNS; r++)
    for (int u = 0; u < used; u++) w->mass[r * BLOCK + u] = w->mass[r * BLOCK + column[u]];
  return used;
}

static void scatter_column(const direct *d, workspace *w, const block_view *v, int want, int u, int column) {
  ptrdiff_t padded = d->f->padded;
  fz_rotation a = column_rotation(d, v->first + column);
  const fz_real *s_re = v->re + column * v->stride, *s_im = v->im + column * v->stride;
  fz_real *b_re = w->b_re + u * padded, *b_im = w->b_im + u * padded, *av = w->a + u * padded;
  for (int p = 0; p < d->f->count; p++) {
    double cross = (double)b_re[p] * s_re[p] + (double)b_im[p] * s_im[p];
    double model = (double)av[p] * ((double)s_re[p] * s_re[p] + (double)s_im[p] * s_im[p]);
    w->residual[d->f->shell[p]] += model - 2 * cross;
  }
  if (want & FZ_WANT_MOMENTS) {
    fz_insert_complex(&d->b_cube, d->table, d->f, &a, b_re, b_im, w->b_cell + 2 * v->class_index * d->b_cube.cells);
    fz_insert_real(&d->a_cube, d->table, d->f, &a, av, w->a_cell + v->class_index * d->a_cube.cells);
  }
  if (want & FZ_WANT_GRADIENT) {
    for (ptrdiff_t p = 0; p < padded; p++) {
      b_re[p] = av[p] * s_re[p] - b_re[p];
      b_im[p] = av[p] * s_im[p] - b_im[p];
    }
    fz_insert_complex(&d->b_cube, d->table, d->f, &a, b_re, b_im, w->g_cell + 2 * v->class_index * d->b_cube.cells);
  }
}

static void accumulate_block(const direct *d, workspace *w, const fz_tile *tile, const block_view *v, int want) {
  int column[BLOCK], padded = (int)d->f->padded, rows = tile->n * d->rows_per_image;
  int used = pack_columns(d, w, tile, v->count, column);
  if (!used) return;
  gemm(CblasRowMajor, CblasTrans, CblasNoTrans, used, padded, rows, 1, w->p, BLOCK, w->x_re, padded, 0, w->b_re,
       padded);
  gemm(CblasRowMajor, CblasTrans, CblasNoTrans, used, padded, rows, 1, w->q, BLOCK, w->x_im, padded, 0, w->b_im,
       padded);
  gemm(CblasRowMajor, CblasTrans, CblasNoTrans, used, padded, tile->n * TURNS, 1, w->mass, BLOCK, w->c2, padded, 0,
       w->a, padded);
  for (int u = 0; u < used; u++) {
    double sum = 0;
    for (int r = 0; r < tile->n * TURNS; r++) sum += w->mass[r * BLOCK + u];
    w->direction[(v->first + column[u]) / d->quarter] += sum;
    w->class_mass[v->class_index] += sum;
    scatter_column(d, w, v, want, u, column[u]);
  }
}

static void clear_sums(const direct *d, workspace *w, int want) {
  size_t k = (size_t)d->setup.n_classes, b = (size_t)d->b_cube.cells, a = (size_t)d->a_cube.cells;
  if (want & FZ_WANT_MOMENTS) {
    memset(w->b_cell, 0, sizeof(fz_real) * 2 * k * b);
    memset(w->a_cell, 0, sizeof(fz_real) * k * a);
  }
  if (want & FZ_WANT_GRADIENT) memset(w->g_cell, 0, sizeof(fz_real) * 2 * k * b);
  memset(w->direction, 0, sizeof(double) * (size_t)d->q->n_directions);
  memset(w->shift, 0, sizeof(double) * (size_t)d->q->n_shifts);
  memset(w->class_mass, 0, sizeof(double) * k);
  memset(w->residual, 0, sizeof(double) * (size_t)d->f->n_shells);
}

/* Second sweep: posterior weights of the blocks that matter, A and B. */
static void gather_moments(const direct *d, workspace *w, const fz_tile *tile, int want,
                           fz_image_posterior *posterior) {
  double cutoff = d->setup.cutoff > 0 ? d->setup.cutoff : 1e300;
  double overall[64];
  for (int i = 0; i < tile->n; i++) {
    overall[i] = -1e30;
    for (ptrdiff_t b = 0; b < d->blocks; b++)
      if (w->block_max[i * d->blocks + b] > overall[i]) overall[i] = w->block_max[i * d->blocks + b];
  }
  for (ptrdiff_t b = 0; b < d->blocks; b++) {
    int needed = 0;
    for (int i = 0; i < tile->n; i++) needed |= w->block_max[i * d->blocks + b] > posterior[i].gain - cutoff;
    if (!needed) continue;
    block_view v = get_block(d, w, b);
    score_block(d, w, tile, &v);
    memset(w->mass, 0, sizeof(fz_real) * (size_t)tile->n * TURNS * BLOCK);
    for (int i = 0; i < tile->n; i++) {
      double largest = w->block_max[i * d->blocks + b];
      if (largest > posterior[i].gain - cutoff) {
        finish_image(d, w, &v, i);
        if (largest == overall[i]) find_best(d, w, &v, i, largest, &posterior[i]);
        weigh_image(d, w, i, &posterior[i]);
      } else {
        clear_image(d, w, i);
      }
    }
    accumulate_block(d, w, tile, &v, want);
  }
  for (int i = 0; i < tile->n; i++) posterior[i].entropy += posterior[i].gain;
}

static bool add_cells(const fz_statistics_layout *l, fz_section section, const fz_real *x, int64_t *words) {
  return add_fixed(words + l->offset[section], x, l->length[section], l->scale[section]);
}

static bool add_sums(const fz_statistics_layout *l, fz_section section, ptrdiff_t first, const double *x, ptrdiff_t n,
                     int64_t *words) {
  return fz_fixed_add_f64(words + l->offset[section] + first, x, n, l->scale[section]);
}

static bool merge(const direct *d, const workspace *w, const fz_tile *tile, const fz_statistics_layout *l,
                  const fz_image_posterior *posterior, int64_t *words) {
  bool fits = true;
  double gain = 0, images = tile->n;
  for (int i = 0; i < tile->n; i++) gain += posterior[i].gain;
  if (l->want & FZ_WANT_MOMENTS)
    fits = add_cells(l, FZ_SECTION_B, w->b_cell, words) && add_cells(l, FZ_SECTION_A, w->a_cell, words);
  if (l->want & FZ_WANT_GRADIENT) fits = fits && add_cells(l, FZ_SECTION_GRADIENT, w->g_cell, words);
  return fits && add_sums(l, FZ_SECTION_CLASS, 0, w->class_mass, d->setup.n_classes, words) &&
         add_sums(l, FZ_SECTION_RESIDUAL, (ptrdiff_t)tile->optics * l->n_shells, w->residual, l->n_shells, words) &&
         add_sums(l, FZ_SECTION_IMAGES, tile->optics, &images, 1, words) &&
         add_sums(l, FZ_SECTION_GAIN, 0, &gain, 1, words) &&
         add_sums(l, FZ_SECTION_DIRECTION, 0, w->direction, d->q->n_directions, words) &&
         add_sums(l, FZ_SECTION_SHIFT, 0, w->shift, d->q->n_shifts, words);
}

static fz_status score_tile(void *self, int thread, const fz_tile *tile, const fz_statistics_layout *layout,
                            int64_t *words, fz_image_posterior *posterior) {
  direct *d = self;
  workspace *w = &d->work[thread];
  load_images(d, w, tile);
  clear_sums(d, w, layout->want);
  find_totals(d, w, tile, posterior);
  for (int i = 0; i < tile->n; i++)
    if (!isfinite(posterior[i].gain)) return FZ_EDIVERGED;
  gather_moments(d, w, tile, layout->want, posterior);
  for (int i = 0; i < tile->n; i++) {
    posterior[i].peak = 0;
    for (ptrdiff_t b = 0; b < d->blocks; b++)
      posterior[i].peak = fmax(posterior[i].peak, exp(w->block_max[i * d->blocks + b] - posterior[i].gain));
    for (int s = 0; s < d->f->n_shells; s++) w->residual[s] += tile->power[i * d->f->n_shells + s];
  }
  bool fits;
#pragma omp critical(fz_statistics_merge)
  fits = merge(d, w, tile, layout, posterior, words);
  FZ_ASSERT(fits); /* else the bounds of the layout were wrong */
  return FZ_OK;
}

static void destroy(fz_engine *engine) {
  direct *d = engine->self;
  if (!d) return;
  for (int k = 0; d->projector && k < d->setup.n_classes; k++) fz_projector_destroy(&d->projector[k]);
  for (int t = 0; d->work && t < d->setup.threads; t++) free_workspace(&d->work[t]);
  fz_free(&d->projector);
  fz_free(&d->work);
  fz_free(&d->log_class);
  fz_free(&d->kept);
  fz_free(&d->shift_cos);
  fz_free(&d->shift_sin);
  fz_free(&d);
  *engine = (fz_engine){0};
}

static void fill_shift_phases(direct *d, int box) {
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
  *engine = (fz_engine){.set_volumes = set_volumes, .tile = score_tile, .destroy = destroy};
  FZ_ASSERT(setup->tile_capacity <= 64);
  direct *d = fz_alloc(1, sizeof *d);
  if (!d) return FZ_ENOMEM;
  engine->self = d;
  if (openblas_set_num_threads) openblas_set_num_threads(1); /* tiles are the parallelism, and the bits depend on it */
  d->setup = *setup;
  d->f = setup->frequencies;
  d->q = setup->quadrature;
  d->b_cube = fz_cube_make(setup->m, 2, d->f->kmax);
  d->a_cube = fz_cube_make(setup->m, 4, d->f->kmax);
  fill_table(d->table);
  d->quarter = d->q->n_psi / 4;
  d->columns = (ptrdiff_t)d->q->n_directions * d->quarter;
  d->blocks = setup->n_classes * blocks_per_class(d->columns);
  d->rows_per_image = TURNS * d->q->n_shifts;
  fz_status st = FZ_ENOMEM;
  d->projector = fz_alloc(setup->n_classes, sizeof(fz_projector *));
  d->log_class = fz_alloc(setup->n_classes, sizeof(double));
  d->work = fz_alloc(setup->threads, sizeof *d->work);
  d->shift_cos = fz_alloc((ptrdiff_t)d->q->n_shifts * d->f->padded, sizeof(fz_real));
  d->shift_sin = fz_alloc((ptrdiff_t)d->q->n_shifts * d->f->padded, sizeof(fz_real));
  if (!d->projector || !d->log_class || !d->work || !d->shift_cos || !d->shift_sin) goto done;
  if ((int64_t)kept_elements(setup) * (int64_t)sizeof(fz_real) <= setup->cache_bytes)
    d->kept = fz_alloc(kept_elements(setup), sizeof(fz_real));
  for (int k = 0; k < setup->n_classes; k++)
    if (!(d->projector[k] = fz_projector_create(setup->m, d->f->kmax))) goto done;
  for (int t = 0; t < setup->threads; t++) FZ_TRY(make_workspace(d, &d->work[t]));
  fill_shift_phases(d, setup->box);
  st = FZ_OK;
done:
  if (st != FZ_OK) destroy(engine);
  return st;
}
