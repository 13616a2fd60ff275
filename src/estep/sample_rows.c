#include "estep/sample_rows.h"

#include <string.h>

#include "core/exponential.h"

#ifdef FZ_DOUBLE
#define exp_negative fz_exp_negative_f64
#define select fz_select_f64
typedef fz_lanes_f64 lanes;
#else
#define exp_negative fz_exp_negative_f32
#define select fz_select_f32
typedef fz_lanes_f32 lanes;
#endif

enum { LANES = sizeof(lanes) / sizeof(fz_real) };
_Static_assert(FZ_SCORE_ROW % LANES == 0, "rows of scores are whole vectors");
static const fz_real NOTHING = (fz_real)-1e30; /* score of a column that is not there */

static inline __attribute__((always_inline)) lanes load(const fz_real *from) {
  lanes x;
  memcpy(&x, from, sizeof x);
  return x;
}

static inline __attribute__((always_inline)) double sum_lanes(lanes x) {
  double sum = 0;
  for (int l = 0; l < LANES; l++) sum += x[l];
  return sum;
}

FZ_KERNEL fz_real fz_sample_rows_finish(fz_real *x, const fz_real *norm, const fz_real *column, fz_real row,
                                        int count) {
  fz_real best = NOTHING;
  for (int c = 0; c < count; c++) x[c] += column[c] + row - (fz_real)0.5 * norm[c];
  for (int c = count; c < FZ_SCORE_ROW; c++) x[c] = NOTHING;
  for (int c = 0; c < FZ_SCORE_ROW; c++) best = x[c] > best ? x[c] : best;
  return best;
}

FZ_KERNEL double fz_sample_rows_sum_exp(const fz_real *x, fz_real shift) {
  lanes sum = {0};
  for (int c = 0; c < FZ_SCORE_ROW; c += LANES) sum += exp_negative(load(x + c) - shift);
  return sum_lanes(sum);
}

FZ_KERNEL double fz_sample_rows_to_weights(const fz_real *x, fz_real *weight, fz_real *mass, fz_real log_total,
                                           fz_real floor_weight, double *moment) {
  lanes first = {0}, total = {0}, zero = {0};
  for (int c = 0; c < FZ_SCORE_ROW; c += LANES) {
    lanes s = load(x + c), below = s - log_total;
    lanes gamma = exp_negative(select(below < zero, below, zero)); /* rounding may put a score above the total */
    gamma = select(gamma > floor_weight, gamma, zero);
    first += gamma * s;
    total += gamma;
    memcpy(weight + c, &gamma, sizeof gamma);
    lanes sum = load(mass + c) + gamma;
    memcpy(mass + c, &sum, sizeof sum);
  }
  *moment += sum_lanes(first);
  return sum_lanes(total);
}
