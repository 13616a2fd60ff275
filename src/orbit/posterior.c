#include "orbit/posterior.h"

#include <math.h>

#include "core/exponential.h"
#include "core/real.h"

enum { LANES = 8 };

/* exp(x) for cut <= x <= 0, else 0.
 * maths  x = k log 2 + f, |f| <= log(2)/2, log 2 in two parts so that f is exact; Taylor to degree 13: the next term is
 *        below 5e-18; adding 1.5 2^52 leaves k in the low bits of a double */
FZ_INLINE fz_lanes_f64 exp_above(fz_lanes_f64 x, double cut) {
  static const double term[] = {
      1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
      1.0 / 720,        1.0 / 120,       1.0 / 24,       1.0 / 6,       1.0 / 2,      1.0,         1.0};
  fz_lanes_f64 shifted = x * 1.4426950408889634 + 0x1.8p52;
  fz_lanes_f64 k = shifted - 0x1.8p52;
  fz_lanes_f64 f = (x - k * 0x1.62e42fee00000p-1) - k * 0x1.a39ef35793c76p-33;
  fz_lanes_f64 p = f * term[0] + term[1];
  for (int i = 2; i < 14; i++) p = p * f + term[i];
  fz_mask_f64 bits = (fz_mask_f64)p + ((fz_mask_f64)shifted << 52);
  return (fz_lanes_f64)(bits & (fz_mask_f64)(x >= cut));
}

FZ_INLINE fz_lanes_f64 load(const double *x) {
  fz_lanes_f64 y;
  memcpy(&y, x, sizeof y);
  return y;
}

FZ_KERNEL double fz_posterior_row(int n, double cut, double *score) {
  fz_lanes_f64 most = load(score), sum = {0};
  for (int j = LANES; j < n; j += LANES) {
    fz_lanes_f64 s = load(score + j);
    most = fz_select_f64(s > most, s, most);
  }
  double largest = most[0], total = 0;
  for (int i = 1; i < LANES; i++) largest = fmax(largest, most[i]);
  for (int j = 0; j < n; j += LANES) {
    fz_lanes_f64 e = exp_above(load(score + j) - largest, cut);
    memcpy(score + j, &e, sizeof e);
    sum += e;
  }
  for (int i = 0; i < LANES; i++) total += sum[i];
  double inverse = 1 / total;
  for (int j = 0; j < n; j++) score[j] *= inverse;
  return largest + log(total);
}
