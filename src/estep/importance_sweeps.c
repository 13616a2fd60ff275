/* The two sweeps over the sampled poses of a tile's images: totals, then posterior weights, A and B. */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "estep/importance_private.h"
#include "estep/sample_rows.h"

#ifdef FZ_DOUBLE
#define gemm cblas_dgemm
#else
#define gemm cblas_sgemm
#endif

enum { COLUMNS = FZ_IMPORTANCE_COLUMNS };

static int chunk_count(const fz_importance_group *g, int chunk) {
  ptrdiff_t left = g->columns - (ptrdiff_t)chunk * COLUMNS;
  return left < COLUMNS ? (int)left : COLUMNS;
}

/* x S_t^* for the group's images and shifts. */
void fz_importance_load_rows(const fz_importance *e, fz_importance_workspace *w, const fz_tile *tile,
                             const fz_importance_group *g) {
  ptrdiff_t padded = e->f->padded;
  for (int i = 0; i < g->n; i++) {
    const double *re = tile->re + (g->first + i) * padded, *im = tile->im + (g->first + i) * padded;
    for (int t = 0; t < g->shifts; t++) {
      ptrdiff_t shift = g->sample[FZ_FACTOR_SHIFT].point[t] * padded;
      const fz_real *c = e->shift_cos + shift, *s = e->shift_sin + shift;
      fz_real *row = w->x + 2 * padded * ((ptrdiff_t)i * g->shifts + t);
      for (ptrdiff_t p = 0; p < padded; p++) {
        fz_real r = (fz_real)re[p], m = (fz_real)im[p];
        row[p] = r * c[p] - m * s[p];
        row[padded + p] = r * s[p] + m * c[p];
      }
    }
  }
}

fz_importance_pose fz_importance_column(const fz_importance *e, const fz_importance_group *g, ptrdiff_t column) {
  const fz_factor_sample *d = &g->sample[FZ_FACTOR_DIRECTION], *psi = &g->sample[FZ_FACTOR_PSI];
  ptrdiff_t per_class = (ptrdiff_t)d->n * psi->n;
  int k = (int)(column / per_class), a = (int)(column % per_class / psi->n), b = (int)(column % psi->n);
  double prior = -log((double)e->q->n_directions) - log((double)e->q->n_psi);
  double sampled = d->log_weight[a] + psi->log_weight[b];
  return (fz_importance_pose){.class_index = k,
                              .direction = d->point[a],
                              .psi = (psi->point[b] + (g->origin ? g->origin[a] : 0)) % e->q->n_psi,
                              .log_weight = e->log_class[k] + sampled,
                              .log_ratio = sampled - prior};
}

static double shift_ratio(const fz_importance *e, const fz_importance_group *g, int t) {
  const fz_factor_sample *s = &g->sample[FZ_FACTOR_SHIFT];
  return s->log_weight[t] - e->q->log_shift_weight[s->point[t]];
}

void fz_importance_slice(const fz_importance *e, const fz_importance_pose *pose, fz_rotation *rotation,
                         fz_real *slice) {
  *rotation = fz_quadrature_rotation(e->q, pose->direction, pose->psi);
  fz_projector_slice(e->projector[pose->class_index], e->f, rotation, slice, slice + e->f->padded);
}

FZ_KERNEL static void slice_power(const fz_real *slice, int count, ptrdiff_t padded, fz_real *power) {
  for (int c = 0; c < count; c++) {
    const fz_real *re = slice + 2 * c * padded, *im = re + padded;
    for (ptrdiff_t p = 0; p < padded; p++) power[c * padded + p] = re[p] * re[p] + im[p] * im[p];
  }
}

static void score_chunk(const fz_importance *e, fz_importance_workspace *w, const fz_importance_group *g, int chunk,
                        fz_real *score) {
  int count = chunk_count(g, chunk), padded = (int)e->f->padded, rows = g->n * g->shifts;
  fz_real column[COLUMNS] = {0};
  fz_rotation rotation;
  double began = fz_profile_now(w->profile);
  for (int c = 0; c < count; c++) {
    fz_importance_pose pose = fz_importance_column(e, g, (ptrdiff_t)chunk * COLUMNS + c);
    column[c] = (fz_real)pose.log_weight;
    fz_importance_slice(e, &pose, &rotation, w->slice + 2 * (ptrdiff_t)c * padded);
  }
  began = fz_profile_add(w->profile, FZ_PHASE_SLICES, began, 0);
  slice_power(w->slice, count, padded, w->power);
  gemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, count, 2 * padded, 1, w->x, 2 * padded, w->slice, 2 * padded, 0,
       score, COLUMNS);
  gemm(CblasRowMajor, CblasNoTrans, CblasTrans, g->n, count, padded, 1, w->c2 + (ptrdiff_t)g->first * padded, padded,
       w->power, padded, 0, w->norm, COLUMNS);
  began = fz_profile_add(w->profile, FZ_PHASE_PRODUCTS, began, (4.0 * rows + 2.0 * g->n) * count * padded);
  for (int r = 0; r < rows; r++)
    fz_sample_rows_finish(score + (ptrdiff_t)r * COLUMNS, w->norm + (ptrdiff_t)(r / g->shifts) * COLUMNS, column,
                          (fz_real)g->sample[FZ_FACTOR_SHIFT].log_weight[r % g->shifts], count);
  fz_profile_add(w->profile, FZ_PHASE_EPILOGUE, began, 0);
}

/* Scores are kept for the second sweep while there is room; scored again they have the same bits. */
static const fz_real *first_scores(const fz_importance *e, fz_importance_workspace *w, const fz_importance_group *g,
                                   int chunk) {
  ptrdiff_t size = (ptrdiff_t)g->n * g->shifts * COLUMNS;
  if (chunk == 0) {
    bool fits = w->stored + size * g->chunks <= e->store_size;
    w->kept[g->first] = fits ? w->stored : -1;
    if (fits) w->stored += size * g->chunks;
  }
  fz_real *score = w->kept[g->first] < 0 ? w->score : w->store + w->kept[g->first] + size * chunk;
  score_chunk(e, w, g, chunk, score);
  return score;
}

static const fz_real *second_scores(const fz_importance *e, fz_importance_workspace *w, const fz_importance_group *g,
                                    int chunk) {
  ptrdiff_t size = (ptrdiff_t)g->n * g->shifts * COLUMNS;
  if (w->kept[g->first] >= 0) return w->store + w->kept[g->first] + size * chunk;
  score_chunk(e, w, g, chunk, w->score);
  return w->score;
}

static void add_total(fz_pose_total *total, double largest, const fz_real *rows, int n) {
  double sum = 0;
  if (largest > total->largest) {
    total->sum *= exp(total->largest - largest);
    total->largest = largest;
  }
  for (int r = 0; r < n; r++) sum += fz_sample_rows_sum_exp(rows + (ptrdiff_t)r * COLUMNS, (fz_real)largest);
  total->sum += sum * exp(largest - total->largest);
}

static double largest_of(const fz_real *rows, int n) {
  fz_real largest = (fz_real)-1e30;
  for (ptrdiff_t j = 0; j < (ptrdiff_t)n * COLUMNS; j++) largest = rows[j] > largest ? rows[j] : largest;
  return largest;
}

/* First sweep: group by group, chunk by chunk in fixed order. */
void fz_importance_totals(void *self, int thread, const fz_tile *tile, int block, fz_pose_total *total) {
  const fz_importance *e = self;
  fz_importance_workspace *w = &e->work[thread];
  (void)block;
  for (int first = 0; first < tile->n;) {
    fz_importance_group g = fz_importance_group_at(e, w, tile, first);
    fz_importance_load_rows(e, w, tile, &g);
    for (int i = first; i < first + g.n; i++) total[i] = (fz_pose_total){.largest = -1e30};
    if (w->profile) {
      w->profile->scores += (double)g.n * g.shifts * (double)g.columns;
      w->profile->slices += (double)g.columns;
    }
    for (int chunk = 0; chunk < g.chunks; chunk++) {
      const fz_real *score = first_scores(e, w, &g, chunk);
      double began = fz_profile_now(w->profile);
      for (int i = 0; i < g.n; i++) {
        const fz_real *rows = score + (ptrdiff_t)i * g.shifts * COLUMNS;
        double largest = largest_of(rows, g.shifts);
        w->largest[(first + i) * e->chunks_most + chunk] = largest;
        add_total(&total[first + i], largest, rows, g.shifts);
      }
      fz_profile_add(w->profile, FZ_PHASE_EPILOGUE, began, 0);
    }
    first += g.n;
  }
}

/* ---- second sweep ---- */

/* Most probable pose so far: the score without the sampling's weights. */
static void find_best(const fz_importance *e, const fz_importance_group *g, const fz_real *rows, int chunk,
                      const fz_importance_pose *pose, fz_pose_part *part) {
  int count = chunk_count(g, chunk);
  for (int t = 0; t < g->shifts; t++) {
    double row_ratio = shift_ratio(e, g, t);
    for (int c = 0; c < count; c++) {
      double score = rows[(ptrdiff_t)t * COLUMNS + c] - pose[c].log_ratio - row_ratio;
      if (score <= part->best) continue;
      *part = (fz_pose_part){.mass = part->mass,
                             .moment = part->moment,
                             .best = score,
                             .class_index = pose[c].class_index,
                             .direction = pose[c].direction,
                             .psi = pose[c].psi,
                             .shift = g->sample[FZ_FACTOR_SHIFT].point[t]};
    }
  }
}

static void weigh_image(const fz_importance *e, fz_importance_workspace *w, const fz_importance_group *g, int i,
                        const fz_real *rows, double gain, const fz_importance_pose *pose, int count,
                        fz_pose_part *part) {
  fz_real floor_weight = e->setup.cutoff > 0 ? (fz_real)exp(-e->setup.cutoff) : (fz_real)0;
  fz_real *mass = w->mass + (ptrdiff_t)i * COLUMNS;
  double *shift_mass = w->shift_mass + (ptrdiff_t)i * e->q->n_shifts;
  for (int t = 0; t < g->shifts; t++) {
    ptrdiff_t row = ((ptrdiff_t)i * g->shifts + t) * COLUMNS;
    double sum = fz_sample_rows_to_weights(rows + (ptrdiff_t)t * COLUMNS, w->weight + row, mass, (fz_real)gain,
                                           floor_weight, &part->moment);
    shift_mass[g->sample[FZ_FACTOR_SHIFT].point[t]] += sum;
    part->mass += sum;
    part->moment -= sum * shift_ratio(e, g, t);
  }
  for (int c = 0; c < count; c++) part->moment -= mass[c] * pose[c].log_ratio;
}

/* Gather the columns that carry weight to the front, so that products and scatters see only those. */
static int pack_columns(const fz_importance *e, fz_importance_workspace *w, const fz_importance_group *g, int count,
                        int *column) {
  int used = 0;
  /* All columns below this together could hold a thousandth of the group's posterior. */
  double least = e->setup.cutoff > 0 ? 1e-3 * g->n / (double)g->columns : 0;
  for (int c = 0; c < count; c++) {
    fz_real sum = 0;
    for (int i = 0; i < g->n; i++) sum += w->mass[(ptrdiff_t)i * COLUMNS + c];
    if (sum > least) column[used++] = c;
  }
  for (int u = 0; u < used && used < count; u++) {
    for (ptrdiff_t r = 0; r < (ptrdiff_t)g->n * g->shifts; r++)
      w->weight[r * COLUMNS + u] = w->weight[r * COLUMNS + column[u]];
    for (ptrdiff_t i = 0; i < g->n; i++) w->mass[i * COLUMNS + u] = w->mass[i * COLUMNS + column[u]];
  }
  return used;
}

/* One slice (w->slice) with its B_j, which is overwritten, and A_j. */
static void scatter_slice(const fz_importance *e, fz_importance_workspace *w, int want, const fz_rotation *a,
                          int class_index, fz_real *b, const fz_real *av) {
  ptrdiff_t padded = e->f->padded, b_first = 2 * class_index * w->sums.b_cube.cells;
  const fz_real *s_re = w->slice, *s_im = s_re + padded;
  fz_real *b_re = b, *b_im = b + padded;
  for (int p = 0; p < e->f->count; p++) {
    double cross = (double)b_re[p] * s_re[p] + (double)b_im[p] * s_im[p];
    double model = (double)av[p] * ((double)s_re[p] * s_re[p] + (double)s_im[p] * s_im[p]);
    w->sums.residual[e->f->shell[p]] += model - 2 * cross;
  }
  if (want & FZ_WANT_MOMENTS) {
    fz_insert_complex(&w->sums.b_cube, e->table, e->f, a, b_re, b_im, w->sums.b_cell + b_first);
    fz_insert_real(&w->sums.a_cube, e->table, e->f, a, av, w->sums.a_cell + class_index * w->sums.a_cube.cells);
  }
  if (want & FZ_WANT_GRADIENT) {
    for (ptrdiff_t p = 0; p < padded; p++) {
      b_re[p] = av[p] * s_re[p] - b_re[p];
      b_im[p] = av[p] * s_im[p] - b_im[p];
    }
    fz_insert_complex(&w->sums.b_cube, e->table, e->f, a, b_re, b_im, w->sums.g_cell + b_first);
  }
}

static void accumulate_chunk(const fz_importance *e, fz_importance_workspace *w, const fz_importance_group *g,
                             int count, const fz_importance_pose *pose, int want) {
  int column[COLUMNS], padded = (int)e->f->padded, rows = g->n * g->shifts;
  int used = pack_columns(e, w, g, count, column);
  if (!used) return;
  double began = fz_profile_now(w->profile);
  gemm(CblasRowMajor, CblasTrans, CblasNoTrans, used, 2 * padded, rows, 1, w->weight, COLUMNS, w->x, 2 * padded, 0,
       w->b, 2 * padded);
  gemm(CblasRowMajor, CblasTrans, CblasNoTrans, used, padded, g->n, 1, w->mass, COLUMNS,
       w->c2 + (ptrdiff_t)g->first * padded, padded, 0, w->a, padded);
  began = fz_profile_add(w->profile, FZ_PHASE_ADJOINT, began, (4.0 * rows + 2.0 * g->n) * used * padded);
  for (int u = 0; u < used; u++) {
    const fz_importance_pose *at = &pose[column[u]];
    fz_rotation rotation;
    double sum = 0;
    for (int i = 0; i < g->n; i++) sum += w->mass[(ptrdiff_t)i * COLUMNS + u];
    w->sums.direction[at->direction] += sum;
    w->sums.class_mass[at->class_index] += sum;
    fz_importance_slice(e, at, &rotation, w->slice);
    began = fz_profile_add(w->profile, FZ_PHASE_SLICES, began, 0);
    fz_real *b = w->b + 2 * (ptrdiff_t)u * padded;
    scatter_slice(e, w, want, &rotation, at->class_index, b, w->a + (ptrdiff_t)u * padded);
    began = fz_profile_add(w->profile, FZ_PHASE_SCATTER, began, 0);
  }
}

static void sketch_columns(fz_importance_workspace *w, const fz_importance_group *g, int count,
                           const fz_importance_pose *pose) {
  double least = 1e-2 / (double)g->columns;
  for (int i = 0; i < g->n; i++)
    for (int c = 0; c < count; c++) {
      double mass = w->mass[(ptrdiff_t)i * COLUMNS + c];
      if (mass > least) fz_pose_sketch_add(&w->sketch[i], pose[c].direction, pose[c].psi, mass);
    }
}

static bool matters(const fz_importance *e, const fz_importance_workspace *w, const fz_importance_group *g, int chunk,
                    const double *gain) {
  double cutoff = e->setup.cutoff > 0 ? e->setup.cutoff : 1e300;
  for (int i = g->first; i < g->first + g->n; i++)
    if (w->largest[i * e->chunks_most + chunk] > gain[i] - cutoff) return true;
  return false;
}

static void gather_chunk(const fz_importance *e, fz_importance_workspace *w, const fz_importance_group *g, int chunk,
                         const double *gain, int want, fz_pose_part *part) {
  int count = chunk_count(g, chunk);
  fz_importance_pose pose[COLUMNS];
  const fz_real *score = second_scores(e, w, g, chunk);
  for (int c = 0; c < count; c++) pose[c] = fz_importance_column(e, g, (ptrdiff_t)chunk * COLUMNS + c);
  double began = fz_profile_now(w->profile);
  memset(w->mass, 0, sizeof(fz_real) * (size_t)g->n * COLUMNS);
  for (int i = 0; i < g->n; i++) {
    const fz_real *rows = score + (ptrdiff_t)i * g->shifts * COLUMNS;
    find_best(e, g, rows, chunk, pose, &part[g->first + i]);
    weigh_image(e, w, g, i, rows, gain[g->first + i], pose, count, &part[g->first + i]);
  }
  sketch_columns(w, g, count, pose);
  fz_profile_add(w->profile, FZ_PHASE_EPILOGUE, began, 0);
  accumulate_chunk(e, w, g, count, pose, want);
}

static void learn(const fz_importance *e, fz_importance_workspace *w, const fz_tile *tile,
                  const fz_importance_group *g) {
  for (int i = 0; i < g->n; i++) {
    fz_tile_image *image = &tile->image[g->first + i];
    double *shift_mass = w->shift_mass + (ptrdiff_t)i * e->q->n_shifts;
    for (int t = 0; t < e->q->n_shifts; t++) w->sums.shift[t] += shift_mass[t];
    fz_pose_memory_learn(&image->memory, e->q, &w->sketch[i], shift_mass, image->centre_x_px, image->centre_y_px);
  }
}

void fz_importance_moments(void *self, int thread, const fz_tile *tile, int block, const double *gain,
                           const fz_statistics_layout *layout, int64_t *words, fz_pose_part *part) {
  const fz_importance *e = self;
  fz_importance_workspace *w = &e->work[thread];
  (void)block;
  fz_partial_sums_clear(&w->sums, layout->want, 0, e->setup.n_classes - 1);
  for (int first = 0; first < tile->n;) {
    fz_importance_group g = fz_importance_group_at(e, w, tile, first);
    fz_importance_load_rows(e, w, tile, &g);
    memset(w->shift_mass, 0, sizeof *w->shift_mass * (size_t)(g.n * e->q->n_shifts));
    for (int i = 0; i < g.n; i++) {
      part[first + i] = (fz_pose_part){.best = -1e30, .direction = -1};
      w->sketch[i].n = 0;
    }
    for (int chunk = 0; chunk < g.chunks; chunk++)
      if (matters(e, w, &g, chunk, gain)) gather_chunk(e, w, &g, chunk, gain, layout->want, part);
    /* A total that was drawn too low would make a probability of more than one. */
    for (int i = first; i < first + g.n; i++) part[i].best = fmin(part[i].best, gain[i]);
    learn(e, w, tile, &g);
    first += g.n;
  }
  fz_partial_sums_merge(&w->sums, tile->optics, layout, words);
}
