#include "estep/backprojector.h"

#include <string.h>

#include "core/fixed.h"
#include "core/memory.h"
#include "model/kaiser_bessel.h"
#include "model/projector.h"

/* Points of one slice are at least 2 cells apart and reach 2 cells in each direction: the section of a plane with such
 * a cube has an area below 23 cells, so fewer than 12 points bring something to a cell, and as many conjugates. */
static const double POINTS_PER_CELL = 24;

struct fz_backprojector {
  fz_frequencies frequency;
  fz_cube a_cube, b_cube;
  int n_sums;
  ptrdiff_t n_words; /* of one sum: A cells, then B cells x 2 */
  int64_t *words;
  double a_scale, b_scale;
  float *cells;        /* the open tile, [n_words] */
  float *re, *im, *c2; /* [frequency.padded] */
  float table[4 * (FZ_KB_TABLE + 1)];
};

double fz_backprojector_bytes(int m, int kmax, int n_sums) {
  fz_cube a = fz_cube_make(m, 4, kmax), b = fz_cube_make(m, 2, kmax);
  return ((double)a.cells + 2.0 * (double)b.cells) * (8.0 * n_sums + 4.0);
}

fz_backprojector *fz_backprojector_create(int m, int kmax, int n_sums, const fz_backprojector_bounds *bounds) {
  fz_backprojector *b = fz_alloc(1, sizeof *b);
  if (!b) return NULL;
  b->a_cube = fz_cube_make(m, 4, kmax);
  b->b_cube = fz_cube_make(m, 2, kmax);
  b->n_sums = n_sums;
  b->n_words = b->a_cube.cells + 2 * b->b_cube.cells;
  b->a_scale = fz_fixed_scale(POINTS_PER_CELL * bounds->c2, bounds->images);
  b->b_scale = fz_fixed_scale(POINTS_PER_CELL * bounds->x, bounds->images);
  fz_kb_fill_table_f32(b->table);
  if (fz_frequencies_init(&b->frequency, kmax) == FZ_OK) {
    b->words = fz_alloc(n_sums * b->n_words, sizeof *b->words);
    b->cells = fz_alloc(b->n_words, sizeof *b->cells);
    b->re = fz_alloc(b->frequency.padded, sizeof *b->re);
    b->im = fz_alloc(b->frequency.padded, sizeof *b->im);
    b->c2 = fz_alloc(b->frequency.padded, sizeof *b->c2);
  }
  if (!b->words || !b->cells || !b->re || !b->im || !b->c2) fz_backprojector_destroy(&b);
  return b;
}

void fz_backprojector_destroy(fz_backprojector **b) {
  if (!*b) return;
  fz_frequencies_clear(&(*b)->frequency);
  fz_free(&(*b)->words);
  fz_free(&(*b)->cells);
  fz_free(&(*b)->re);
  fz_free(&(*b)->im);
  fz_free(&(*b)->c2);
  fz_free(b);
}

const fz_frequencies *fz_backprojector_frequencies(const fz_backprojector *b) {
  return &b->frequency;
}

const fz_cube *fz_backprojector_a_cube(const fz_backprojector *b) {
  return &b->a_cube;
}

const fz_cube *fz_backprojector_b_cube(const fz_backprojector *b) {
  return &b->b_cube;
}

void fz_backprojector_add(fz_backprojector *b, const fz_tile *tile, int i, const fz_rotation *pose) {
  const fz_frequencies *f = &b->frequency;
  ptrdiff_t row = (ptrdiff_t)i * tile->padded;
  for (int p = 0; p < f->count; p++) {
    b->re[p] = (float)tile->re[row + p];
    b->im[p] = (float)tile->im[row + p];
    b->c2[p] = (float)tile->c2[row + p];
  }
  fz_insert_real(&b->a_cube, b->table, f, pose, b->c2, b->cells);
  fz_insert_complex(&b->b_cube, b->table, f, pose, b->re, b->im, b->cells + b->a_cube.cells);
}

fz_status fz_backprojector_close_tile(fz_backprojector *b, int sum, fz_error *err) {
  int64_t *words = b->words + sum * b->n_words;
  ptrdiff_t a = b->a_cube.cells;
  bool fits = fz_fixed_add_f32(words, b->cells, a, b->a_scale) &&
              fz_fixed_add_f32(words + a, b->cells + a, b->n_words - a, b->b_scale);
  memset(b->cells, 0, sizeof *b->cells * (size_t)b->n_words);
  return fits ? FZ_OK
              : fz_fail(err, FZ_EDIVERGED, "a sum over images left the bounds that the images were found to have");
}

void fz_backprojector_seal(fz_backprojector *b) {
  fz_free(&b->cells);
}

int64_t *fz_backprojector_words(fz_backprojector *b, int sum, ptrdiff_t *n) {
  *n = b->n_words;
  return b->words + sum * b->n_words;
}

fz_status fz_backprojector_merge(fz_backprojector *b, int into, int from, fz_error *err) {
  if (fz_fixed_add_i64(b->words + into * b->n_words, b->words + from * b->n_words, b->n_words)) return FZ_OK;
  return fz_fail(err, FZ_EDIVERGED, "the sum of the half-sets left its bounds");
}

void fz_backprojector_read(const fz_backprojector *b, int sum, double *a_cell, double *b_cell) {
  const int64_t *words = b->words + sum * b->n_words;
  ptrdiff_t a = b->a_cube.cells;
  fz_fixed_to_f64(a_cell, words, a, b->a_scale);
  fz_fixed_to_f64(b_cell, words + a, b->n_words - a, b->b_scale);
}
