#include <math.h>
#include <string.h>

#include "core/fixed.h"
#include "estep/polar_private.h"

enum { LANES = FZ_POLAR_LANES, CELL = FZ_POLAR_CELL };
static const int64_t MOST_BYTES = (int64_t)1 << 26;

#ifdef FZ_DOUBLE
#define add_fixed fz_fixed_add_f64
#define read_fixed fz_fixed_to_f64
#else
#define add_fixed fz_fixed_add_f32
#define read_fixed fz_fixed_to_f32
#endif

/* Words of one packet. */
static ptrdiff_t held_size(const fz_polar_level *l) {
  return l->packet_size + LANES;
}

ptrdiff_t fz_polar_held_words(const fz_polar_level *l) {
  ptrdiff_t words = l->n_packets * held_size(l);
  return words * (int64_t)sizeof(int64_t) <= MOST_BYTES ? words : 0;
}

/* A spectrum is a sum over the circle of samples, each of which stays within the bounds of a cell. */
static double spectrum_scale(const fz_polar_level *l, double cell_scale) {
  int e;
  frexp(l->rings->n_angles, &e);
  return ldexp(cell_scale, -e);
}

double fz_polar_least_mass(const fz_polar *p, double mass) {
  const fz_polar_level *l = fz_polar_finest(p);
  return p->setup.cutoff > 0 ? 1e-3 * mass / ((double)l->q->n_directions * l->n_classes) : 0;
}

void fz_polar_hold(const fz_polar *p, fz_polar_workspace *w, ptrdiff_t packet, const fz_real *lane_mass,
                   const fz_statistics_layout *layout) {
  const fz_polar_level *l = fz_polar_finest(p);
  ptrdiff_t b = l->slices.n_pairs * CELL, a = l->squares.n_pairs * CELL;
  int64_t *to = p->held + packet * held_size(l);
  omp_set_lock(&p->guard[packet]);
  bool fits = add_fixed(to, w->b, b, spectrum_scale(l, layout->scale[FZ_SECTION_B])) &&
              add_fixed(to + b, w->a, a, spectrum_scale(l, layout->scale[FZ_SECTION_A])) &&
              add_fixed(to + b + a, lane_mass, LANES, layout->scale[FZ_SECTION_DIRECTION]);
  omp_unset_lock(&p->guard[packet]);
  FZ_ASSERT(fits); /* else the bounds of the layout were wrong */
}

/* Of all packets, in units of the layout's scale. */
static int64_t held_mass(const fz_polar *p) {
  const fz_polar_level *l = fz_polar_finest(p);
  int64_t sum = 0;
  for (ptrdiff_t k = 0; k < l->n_packets; k++)
    for (int j = 0; j < LANES; j++) sum += p->held[k * held_size(l) + l->packet_size + j];
  return sum;
}

void fz_polar_release(void *self, int thread, int block, const fz_statistics_layout *layout, int64_t *words) {
  const fz_polar *p = self;
  const fz_polar_level *l = fz_polar_finest(p);
  fz_polar_workspace *w = &p->work[thread];
  ptrdiff_t b = l->slices.n_pairs * CELL, a = l->squares.n_pairs * CELL;
  ptrdiff_t first = p->first_packet[block], end = p->first_packet[block + 1];
  double scale = layout->scale[FZ_SECTION_DIRECTION];
  double least = fz_polar_least_mass(p, fz_fixed_to_double(held_mass(p), scale));
  fz_partial_sums_clear(&w->sums, layout->want, l->packet[first].class_index, l->packet[end - 1].class_index);
  for (ptrdiff_t k = first; k < end; k++) {
    const int64_t *from = p->held + k * held_size(l);
    fz_real lane_mass[LANES];
    read_fixed(w->b, from, b, spectrum_scale(l, layout->scale[FZ_SECTION_B]));
    read_fixed(w->a, from + b, a, spectrum_scale(l, layout->scale[FZ_SECTION_A]));
    read_fixed(lane_mass, from + b + a, LANES, scale);
    fz_polar_insert(p, w, &l->packet[k], lane_mass, least, layout->want);
  }
  fz_partial_sums_merge(&w->sums, 0, layout, words);
}
