#include "estep/partial_sums.h"

#include <stdbool.h>
#include <string.h>

#include "core/fixed.h"
#include "core/memory.h"

#ifdef FZ_DOUBLE
#define add_fixed fz_fixed_add_f64
#else
#define add_fixed fz_fixed_add_f32
#endif

int64_t fz_partial_sums_bytes(const fz_engine_setup *setup) {
  int64_t b = fz_cube_make(setup->m, 2, setup->frequencies->kmax).cells;
  int64_t a = fz_cube_make(setup->m, 4, setup->frequencies->kmax).cells;
  return setup->n_classes * (4 * b + a) * (int64_t)sizeof(fz_real) +
         (setup->quadrature->n_directions + setup->quadrature->n_shifts) * (int64_t)sizeof(double);
}

fz_status fz_partial_sums_init(fz_partial_sums *s, const fz_engine_setup *setup) {
  *s = (fz_partial_sums){.b_cube = fz_cube_make(setup->m, 2, setup->frequencies->kmax),
                         .a_cube = fz_cube_make(setup->m, 4, setup->frequencies->kmax),
                         .n_classes = setup->n_classes,
                         .n_directions = setup->quadrature->n_directions,
                         .n_shifts = setup->quadrature->n_shifts,
                         .n_shells = setup->frequencies->n_shells};
  s->b_cell = fz_alloc(2 * s->n_classes * s->b_cube.cells, sizeof(fz_real));
  s->a_cell = fz_alloc(s->n_classes * s->a_cube.cells, sizeof(fz_real));
  s->g_cell = fz_alloc(2 * s->n_classes * s->b_cube.cells, sizeof(fz_real));
  s->direction = fz_alloc(s->n_directions, sizeof(double));
  s->shift = fz_alloc(s->n_shifts, sizeof(double));
  s->class_mass = fz_alloc(s->n_classes, sizeof(double));
  s->residual = fz_alloc(s->n_shells, sizeof(double));
  if (s->b_cell && s->a_cell && s->g_cell && s->direction && s->shift && s->class_mass && s->residual) return FZ_OK;
  fz_partial_sums_free(s);
  return FZ_ENOMEM;
}

void fz_partial_sums_free(fz_partial_sums *s) {
  fz_free(&s->b_cell);
  fz_free(&s->a_cell);
  fz_free(&s->g_cell);
  fz_free(&s->direction);
  fz_free(&s->shift);
  fz_free(&s->class_mass);
  fz_free(&s->residual);
}

void fz_partial_sums_clear(fz_partial_sums *s, int want, int first_class, int last_class) {
  size_t classes = (size_t)(last_class - first_class + 1), k = (size_t)first_class;
  size_t b = 2 * (size_t)s->b_cube.cells, a = (size_t)s->a_cube.cells;
  s->first_class = first_class;
  s->last_class = last_class;
  s->want = want;
  if (want & FZ_WANT_MOMENTS) {
    memset(s->b_cell + k * b, 0, sizeof(fz_real) * classes * b);
    memset(s->a_cell + k * a, 0, sizeof(fz_real) * classes * a);
  }
  if (want & FZ_WANT_GRADIENT) memset(s->g_cell + k * b, 0, sizeof(fz_real) * classes * b);
  memset(s->direction, 0, sizeof(double) * (size_t)s->n_directions);
  memset(s->shift, 0, sizeof(double) * (size_t)s->n_shifts);
  memset(s->class_mass, 0, sizeof(double) * (size_t)s->n_classes);
  memset(s->residual, 0, sizeof(double) * (size_t)s->n_shells);
}

static bool add_cells(const fz_partial_sums *s, const fz_statistics_layout *l, fz_section section, const fz_real *x,
                      int64_t *words) {
  ptrdiff_t per_class = l->length[section] / l->n_classes, first = s->first_class * per_class;
  return add_fixed(words + l->offset[section] + first, x + first, (s->last_class - s->first_class + 1) * per_class,
                   l->scale[section]);
}

static bool add_sums(const fz_statistics_layout *l, fz_section section, ptrdiff_t first, const double *x, ptrdiff_t n,
                     int64_t *words) {
  return fz_fixed_add_f64(words + l->offset[section] + first, x, n, l->scale[section]);
}

static bool merge(const fz_partial_sums *s, int optics, const fz_statistics_layout *l, int64_t *words) {
  bool fits = true;
  if (s->want & FZ_WANT_MOMENTS)
    fits = add_cells(s, l, FZ_SECTION_B, s->b_cell, words) && add_cells(s, l, FZ_SECTION_A, s->a_cell, words);
  if (s->want & FZ_WANT_GRADIENT) fits = fits && add_cells(s, l, FZ_SECTION_GRADIENT, s->g_cell, words);
  return fits && add_sums(l, FZ_SECTION_CLASS, 0, s->class_mass, s->n_classes, words) &&
         add_sums(l, FZ_SECTION_RESIDUAL, (ptrdiff_t)optics * l->n_shells, s->residual, l->n_shells, words) &&
         add_sums(l, FZ_SECTION_DIRECTION, 0, s->direction, s->n_directions, words) &&
         add_sums(l, FZ_SECTION_SHIFT, 0, s->shift, s->n_shifts, words);
}

void fz_partial_sums_merge(const fz_partial_sums *s, int optics, const fz_statistics_layout *l, int64_t *words) {
  bool fits;
#pragma omp critical(fz_statistics_merge)
  fits = merge(s, optics, l, words);
  FZ_ASSERT(fits);
}
