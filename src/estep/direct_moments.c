#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "estep/direct_private.h"

/* Where the largest score of image i lies, if it lies in this strip. */
static void find_best(const fz_direct *d, const fz_direct_workspace *w, const fz_direct_strip *s, int i,
                      fz_pose_part *part) {
  for (int r = 0; r < d->rows_per_image; r++) {
    ptrdiff_t row = ((ptrdiff_t)i * d->rows_per_image + r) * FZ_DIRECT_COLUMNS;
    for (int c = 0; c < s->count; c++)
      for (int half = 0; half < 2; half++) {
        if ((half ? w->q : w->p)[row + c] < (fz_real)part->best) continue;
        int turn = r / d->q->n_shifts, psi = (int)((s->first + c) % d->quarter);
        part->class_index = s->class_index;
        part->direction = (int32_t)((s->first + c) / d->quarter);
        part->psi = psi + d->quarter * (turn + 2 * half);
        part->shift = r % d->q->n_shifts;
        return;
      }
  }
}

static void weigh_image(const fz_direct *d, fz_direct_workspace *w, int i, double gain, fz_pose_part *part) {
  fz_real floor_weight = d->setup.cutoff > 0 ? (fz_real)exp(-d->setup.cutoff) : (fz_real)0;
  for (int r = 0; r < d->rows_per_image; r++) {
    ptrdiff_t row = ((ptrdiff_t)i * d->rows_per_image + r) * FZ_DIRECT_COLUMNS;
    int turn = r / d->q->n_shifts, t = r % d->q->n_shifts;
    double mass =
        fz_scores_to_weights(w->p + row, w->q + row, w->mass + (i * FZ_DIRECT_TURNS + turn) * FZ_DIRECT_COLUMNS,
                             (fz_real)gain, floor_weight, &part->moment);
    w->sums.shift[t] += mass;
    part->mass += mass;
  }
}

/* Modal: all weight to the pose that find_best found. */
static void choose_best(const fz_direct *d, fz_direct_workspace *w, const fz_direct_strip *s, int i,
                        fz_pose_part *part) {
  int quarters = part->psi / d->quarter, turn = quarters % FZ_DIRECT_TURNS;
  ptrdiff_t column = (ptrdiff_t)part->direction * d->quarter + part->psi % d->quarter - s->first;
  ptrdiff_t row = (ptrdiff_t)i * d->rows_per_image + turn * d->q->n_shifts + part->shift;
  w->p[row * FZ_DIRECT_COLUMNS + column] = 1;
  w->q[row * FZ_DIRECT_COLUMNS + column] = quarters < FZ_DIRECT_TURNS ? 1 : -1;
  w->mass[(i * FZ_DIRECT_TURNS + turn) * FZ_DIRECT_COLUMNS + column] = 1;
  w->sums.shift[part->shift] += 1;
  part->mass = 1;
  part->moment = part->best;
}

static void clear_image(const fz_direct *d, fz_direct_workspace *w, int i) {
  ptrdiff_t first = (ptrdiff_t)i * d->rows_per_image * FZ_DIRECT_COLUMNS;
  memset(w->p + first, 0, sizeof(fz_real) * (size_t)d->rows_per_image * FZ_DIRECT_COLUMNS);
  memset(w->q + first, 0, sizeof(fz_real) * (size_t)d->rows_per_image * FZ_DIRECT_COLUMNS);
}

/* Gather the columns that carry weight to the front, so that products and scatters see only those. */
static int pack_columns(const fz_direct *d, fz_direct_workspace *w, const fz_tile *tile, int count, int *column) {
  int used = 0, rows = tile->n * d->rows_per_image;
  /* All columns below this together could hold a thousandth of the tile's posterior. */
  double least = d->setup.cutoff > 0 ? 1e-3 * tile->n / (double)d->columns : 0;
  for (int c = 0; c < count; c++) {
    fz_real sum = 0;
    for (int r = 0; r < tile->n * FZ_DIRECT_TURNS; r++) sum += w->mass[r * FZ_DIRECT_COLUMNS + c];
    if (sum > least) column[used++] = c;
  }
  if (used == count) return used;
  for (int r = 0; r < rows; r++)
    for (int u = 0; u < used; u++) {
      w->p[(ptrdiff_t)r * FZ_DIRECT_COLUMNS + u] = w->p[(ptrdiff_t)r * FZ_DIRECT_COLUMNS + column[u]];
      w->q[(ptrdiff_t)r * FZ_DIRECT_COLUMNS + u] = w->q[(ptrdiff_t)r * FZ_DIRECT_COLUMNS + column[u]];
    }
  for (int r = 0; r < tile->n * FZ_DIRECT_TURNS; r++)
    for (int u = 0; u < used; u++) w->mass[r * FZ_DIRECT_COLUMNS + u] = w->mass[r * FZ_DIRECT_COLUMNS + column[u]];
  return used;
}

static void scatter_column(const fz_direct *d, fz_direct_workspace *w, const fz_direct_columns *c, int want, int u,
                           int column) {
  ptrdiff_t padded = d->f->padded;
  fz_rotation a = fz_direct_rotation(d, c->strip->first + column);
  const fz_real *s_re = c->re + column * c->stride, *s_im = c->im + column * c->stride;
  fz_real *b_re = w->b_re + u * padded, *b_im = w->b_im + u * padded, *av = w->a + u * padded;
  for (int p = 0; p < d->f->count; p++) {
    double cross = (double)b_re[p] * s_re[p] + (double)b_im[p] * s_im[p];
    double model = (double)av[p] * ((double)s_re[p] * s_re[p] + (double)s_im[p] * s_im[p]);
    w->sums.residual[d->f->shell[p]] += model - 2 * cross;
  }
  if (want & FZ_WANT_MOMENTS) {
    fz_insert_complex(&w->sums.b_cube, d->table, d->f, &a, b_re, b_im,
                      w->sums.b_cell + 2 * c->strip->class_index * w->sums.b_cube.cells);
    fz_insert_real(&w->sums.a_cube, d->table, d->f, &a, av,
                   w->sums.a_cell + c->strip->class_index * w->sums.a_cube.cells);
  }
  if (want & FZ_WANT_GRADIENT) {
    for (ptrdiff_t p = 0; p < padded; p++) {
      b_re[p] = av[p] * s_re[p] - b_re[p];
      b_im[p] = av[p] * s_im[p] - b_im[p];
    }
    fz_insert_complex(&w->sums.b_cube, d->table, d->f, &a, b_re, b_im,
                      w->sums.g_cell + 2 * c->strip->class_index * w->sums.b_cube.cells);
  }
}

static void accumulate_strip(const fz_direct *d, fz_direct_workspace *w, const fz_tile *tile,
                             const fz_direct_columns *c, int want) {
  int column[FZ_DIRECT_COLUMNS], padded = (int)d->f->padded, rows = tile->n * d->rows_per_image;
  int used = pack_columns(d, w, tile, c->strip->count, column);
  if (!used) return;
  double began = fz_profile_now(w->profile), pairs = (double)rows * used;
  fz_gemm(CblasRowMajor, CblasTrans, CblasNoTrans, used, padded, rows, 1, w->p, FZ_DIRECT_COLUMNS, w->x_re, padded, 0,
          w->b_re, padded);
  fz_gemm(CblasRowMajor, CblasTrans, CblasNoTrans, used, padded, rows, 1, w->q, FZ_DIRECT_COLUMNS, w->x_im, padded, 0,
          w->b_im, padded);
  fz_gemm(CblasRowMajor, CblasTrans, CblasNoTrans, used, padded, tile->n * FZ_DIRECT_TURNS, 1, w->mass,
          FZ_DIRECT_COLUMNS, w->c2, padded, 0, w->a, padded);
  began = fz_profile_add(w->profile, FZ_PHASE_ADJOINT, began, (4 * pairs + 2 * pairs / d->q->n_shifts) * padded);
  for (int u = 0; u < used; u++) {
    double sum = 0;
    for (int r = 0; r < tile->n * FZ_DIRECT_TURNS; r++) sum += w->mass[r * FZ_DIRECT_COLUMNS + u];
    w->sums.direction[(c->strip->first + column[u]) / d->quarter] += sum;
    w->sums.class_mass[c->strip->class_index] += sum;
    scatter_column(d, w, c, want, u, column[u]);
  }
  fz_profile_add(w->profile, FZ_PHASE_SCATTER, began, 0);
}

/* Posterior weights of one strip and what they add. */
static void gather_strip(const fz_direct *d, fz_direct_workspace *w, const fz_tile *tile, ptrdiff_t strip,
                         const double *gain, int want, fz_pose_part *part) {
  double cutoff = d->setup.cutoff > 0 ? d->setup.cutoff : 1e300;
  fz_direct_columns c = fz_direct_get_columns(d, w, strip);
  fz_direct_score(d, w, tile, &c);
  double began = fz_profile_now(w->profile);
  memset(w->mass, 0, sizeof(fz_real) * (size_t)tile->n * FZ_DIRECT_TURNS * FZ_DIRECT_COLUMNS);
  for (int i = 0; i < tile->n; i++) {
    double largest = w->strip_max[i * d->n_strips + strip];
    bool visit = largest > gain[i] - cutoff, best = visit && largest == part[i].best && part[i].direction < 0;
    if (visit) fz_direct_finish_image(d, w, c.strip, i);
    if (best) find_best(d, w, c.strip, i, &part[i]);
    if (visit && !d->setup.modal)
      weigh_image(d, w, i, gain[i], &part[i]);
    else
      clear_image(d, w, i);
    if (best && d->setup.modal) choose_best(d, w, c.strip, i, &part[i]);
  }
  fz_profile_add(w->profile, FZ_PHASE_EPILOGUE, began, 0);
  accumulate_strip(d, w, tile, &c, want);
}

static bool matters(const fz_direct *d, const fz_direct_workspace *w, const fz_tile *tile, ptrdiff_t strip,
                    const double *gain) {
  double cutoff = d->setup.cutoff > 0 ? d->setup.cutoff : 1e300;
  for (int i = 0; i < tile->n; i++)
    if (w->strip_max[i * d->n_strips + strip] > gain[i] - cutoff) return true;
  return false;
}

/* Second sweep: posterior weights of the strips that matter, A and B. */
void fz_direct_moments(void *self, int thread, const fz_tile *tile, int block, const double *gain,
                       const fz_statistics_layout *layout, int64_t *words, fz_pose_part *part) {
  const fz_direct *d = self;
  fz_direct_workspace *w = &d->work[thread];
  ptrdiff_t first = d->first_strip[block], end = d->first_strip[block + 1];
  int first_class = d->strip[first].class_index, last_class = d->strip[end - 1].class_index;
  bool any = false;
  for (int i = 0; i < tile->n; i++) {
    part[i] = (fz_pose_part){.best = -1e30, .direction = -1};
    for (ptrdiff_t s = first; s < end; s++) part[i].best = fmax(part[i].best, w->strip_max[i * d->n_strips + s]);
  }
  for (ptrdiff_t s = first; s < end; s++) {
    if (!matters(d, w, tile, s, gain)) continue;
    if (!any) fz_partial_sums_clear(&w->sums, layout->want, first_class, last_class);
    any = true;
    gather_strip(d, w, tile, s, gain, layout->want, part);
  }
  if (!any) return;
  double began = fz_profile_now(w->profile);
  fz_partial_sums_merge(&w->sums, tile->optics, layout, words);
  fz_profile_add(w->profile, FZ_PHASE_SCATTER, began, 0);
}
