#include "core/fixed_pair.h"

#include "core/fixed.h"

fz_fixed_pair fz_fixed_pair_scale(double bound, int64_t count) {
  fz_fixed_pair scale = {.high = fz_fixed_scale(bound, count)};
  scale.low = fz_fixed_scale(0.5 / scale.high, count);
  return scale;
}

bool fz_fixed_pair_add(int64_t *restrict high, int64_t *restrict low, const double *restrict x, ptrdiff_t n,
                       fz_fixed_pair scale) {
  bool fits = true;
  for (ptrdiff_t i = 0; i < n; i++) {
    int64_t top;
    fits = fz_fixed_from_double(x[i], scale.high, &top) && fits;
    double rest = x[i] - (double)top / scale.high; /* exact: what rounding to the grid of the high limb left */
    fits = fits && fz_fixed_add_i64(high + i, &top, 1) && fz_fixed_add_f64(low + i, &rest, 1, scale.low);
  }
  return fits;
}

double fz_fixed_pair_value(int64_t high, int64_t low, fz_fixed_pair scale) {
  double top = (double)high;
  return top / scale.high + ((double)(high - (int64_t)top) / scale.high + (double)low / scale.low);
}
