#include "estep/score_rows.h"

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

static inline __attribute__((always_inline)) void store(fz_real *to, lanes x) {
  memcpy(to, &x, sizeof x);
}

static inline __attribute__((always_inline)) double sum_lanes(lanes x) {
  double sum = 0;
  for (int l = 0; l < LANES; l++) sum += x[l];
  return sum;
}

FZ_KERNEL fz_real fz_scores_finish(fz_real *p, fz_real *q, const fz_real *norm, fz_real log_prior, int count) {
  for (int c = count; c < FZ_SCORE_ROW; c++) p[c] = q[c] = 0;
  lanes largest = (lanes){0} + NOTHING;
  int whole = count / LANES * LANES;
  for (int c = 0; c < FZ_SCORE_ROW; c += LANES) {
    lanes base = log_prior - (fz_real)0.5 * load(norm + c), a = load(p + c), b = load(q + c);
    lanes plus = base + a + b, minus = base + a - b;
    store(p + c, plus);
    store(q + c, minus);
    if (c >= whole) continue;
    lanes best = select(plus > minus, plus, minus);
    largest = select(largest > best, largest, best);
  }
  fz_real best = NOTHING;
  for (int l = 0; l < LANES; l++) best = best > largest[l] ? best : largest[l];
  for (int c = whole; c < count; c++) {
    best = best > p[c] ? best : p[c];
    best = best > q[c] ? best : q[c];
  }
  for (int c = count; c < FZ_SCORE_ROW; c++) p[c] = q[c] = NOTHING;
  return best;
}

FZ_KERNEL double fz_scores_sum_exp(const fz_real *p, const fz_real *q, fz_real shift) {
  lanes sum = {0};
  for (int c = 0; c < FZ_SCORE_ROW; c += LANES)
    sum += exp_negative(load(p + c) - shift) + exp_negative(load(q + c) - shift);
  return sum_lanes(sum);
}

/* exp(score - total) of scores that rounding may have put above the total; 0 below the floor. */
static inline __attribute__((always_inline)) lanes posterior_weight(lanes score, fz_real log_total,
                                                                    fz_real floor_weight) {
  lanes zero = {0}, x = score - log_total;
  lanes weight = exp_negative(select(x < zero, x, zero));
  return select(weight > floor_weight, weight, zero);
}

FZ_KERNEL double fz_scores_to_weights(fz_real *p, fz_real *q, fz_real *mass, fz_real log_total, fz_real floor_weight,
                                      double *moment) {
  lanes first = {0}, total = {0};
  for (int c = 0; c < FZ_SCORE_ROW; c += LANES) {
    lanes sp = load(p + c), sq = load(q + c);
    lanes gp = posterior_weight(sp, log_total, floor_weight), gm = posterior_weight(sq, log_total, floor_weight);
    first += gp * sp + gm * sq;
    total += gp + gm;
    store(p + c, gp + gm);
    store(q + c, gp - gm);
    store(mass + c, load(mass + c) + (gp + gm));
  }
  *moment += sum_lanes(first);
  return sum_lanes(total);
}
