#include "estep/direct_private.h"

#include <math.h>

#ifdef FZ_DOUBLE
static const double NEGLIGIBLE = 1e300; /* never skip */
#else
static const double NEGLIGIBLE = 32.0; /* exp(-32) of the running maximum: below float's resolution of the sum */
#endif

fz_direct_columns fz_direct_get_columns(const fz_direct *d, fz_direct_workspace *w, ptrdiff_t strip) {
  ptrdiff_t padded = d->f->padded;
  const fz_direct_strip *s = &d->strip[strip];
  if (d->kept) {
    const fz_real *re = d->kept + (s->class_index * d->columns + s->first) * 2 * padded;
    return (fz_direct_columns){.strip = s, .re = re, .im = re + padded, .stride = 2 * padded};
  }
  for (int c = 0; c < s->count; c++) {
    fz_rotation a = fz_direct_rotation(d, s->first + c);
    fz_projector_slice(d->projector[s->class_index], d->f, &a, w->slice_re + c * padded, w->slice_im + c * padded);
  }
  return (fz_direct_columns){.strip = s, .re = w->slice_re, .im = w->slice_im, .stride = padded};
}

FZ_KERNEL static void slice_power(const fz_direct_columns *c, ptrdiff_t padded, fz_real *power) {
  for (int i = 0; i < c->strip->count; i++) {
    const fz_real *re = c->re + i * c->stride, *im = c->im + i * c->stride;
    for (ptrdiff_t p = 0; p < padded; p++) power[i * padded + p] = re[p] * re[p] + im[p] * im[p];
  }
}

void fz_direct_score(const fz_direct *d, fz_direct_workspace *w, const fz_tile *tile, const fz_direct_columns *c) {
  int padded = (int)d->f->padded, rows = tile->n * d->rows_per_image, stride = (int)c->stride;
  double began = fz_profile_now(w->profile), pairs = (double)rows * c->strip->count;
  slice_power(c, padded, w->power);
  fz_gemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, c->strip->count, padded, 1, w->x_re, padded, c->re, stride, 0,
          w->p, FZ_DIRECT_COLUMNS);
  fz_gemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, c->strip->count, padded, 1, w->x_im, padded, c->im, stride, 0,
          w->q, FZ_DIRECT_COLUMNS);
  fz_gemm(CblasRowMajor, CblasNoTrans, CblasTrans, tile->n * FZ_DIRECT_TURNS, c->strip->count, padded, 1, w->c2, padded,
          w->power, padded, 0, w->norm, FZ_DIRECT_COLUMNS);
  fz_profile_add(w->profile, FZ_PHASE_PRODUCTS, began, (4 * pairs + 2 * pairs / d->q->n_shifts) * padded);
}

static double log_prior(const fz_direct *d, int class_index, int shift) {
  return d->log_class[class_index] - log((double)d->q->n_directions * d->q->n_psi) + d->q->log_shift_weight[shift];
}

double fz_direct_finish_image(const fz_direct *d, fz_direct_workspace *w, const fz_direct_strip *s, int i) {
  double largest = -1e30;
  for (int r = 0; r < d->rows_per_image; r++) {
    ptrdiff_t row = (ptrdiff_t)i * d->rows_per_image + r;
    int turn = r / d->q->n_shifts, t = r % d->q->n_shifts;
    double best = fz_scores_finish(w->p + row * FZ_DIRECT_COLUMNS, w->q + row * FZ_DIRECT_COLUMNS,
                                   w->norm + (i * FZ_DIRECT_TURNS + turn) * FZ_DIRECT_COLUMNS,
                                   (fz_real)log_prior(d, s->class_index, t), s->count);
    if (best > largest) largest = best;
  }
  return largest;
}

static double sum_exp_image(const fz_direct *d, const fz_direct_workspace *w, int image, double largest) {
  ptrdiff_t first = (ptrdiff_t)image * d->rows_per_image;
  double sum = 0;
  for (ptrdiff_t row = first * FZ_DIRECT_COLUMNS; row < (first + d->rows_per_image) * FZ_DIRECT_COLUMNS;
       row += FZ_DIRECT_COLUMNS)
    sum += fz_scores_sum_exp(w->p + row, w->q + row, (fz_real)largest);
  return sum;
}

/* First sweep: strip by strip in fixed order. */
void fz_direct_totals(void *self, int thread, const fz_tile *tile, int block, fz_pose_total *total) {
  const fz_direct *d = self;
  fz_direct_workspace *w = &d->work[thread];
  for (int i = 0; i < tile->n; i++) total[i] = (fz_pose_total){.largest = -1e30};
  for (ptrdiff_t s = d->first_strip[block]; s < d->first_strip[block + 1]; s++) {
    fz_direct_columns c = fz_direct_get_columns(d, w, s);
    fz_direct_score(d, w, tile, &c);
    double began = fz_profile_now(w->profile);
    for (int i = 0; i < tile->n; i++) {
      double largest = fz_direct_finish_image(d, w, c.strip, i);
      w->strip_max[i * d->n_strips + s] = largest;
      if (largest > total[i].largest) {
        total[i].sum *= exp(total[i].largest - largest);
        total[i].largest = largest;
      }
      if (largest > total[i].largest - NEGLIGIBLE)
        total[i].sum += sum_exp_image(d, w, i, largest) * exp(largest - total[i].largest);
    }
    fz_profile_add(w->profile, FZ_PHASE_EPILOGUE, began, 0);
  }
}
