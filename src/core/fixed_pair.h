/* Exact sums of reals in two int64 limbs, for sums that are to hold more digits than one int64 leaves beside room for
 * the largest term and the number of terms: some 2^-98 of the bound instead of 2^-49 for 4000 terms.
 *  maths   x = high / scale_high + low / scale_low, rounded to a multiple of 1 / scale_low; both limbs are plain sums,
 *          linear and independent of order as in core/fixed.h */
#ifndef FZ_CORE_FIXED_PAIR_H
#define FZ_CORE_FIXED_PAIR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fz_fixed_pair {
  double high, low; /* scales, powers of two */
} fz_fixed_pair;

/** Scales for `count` terms of size at most `bound`. calls local; bound finite and >= 0, count >= 1 */
fz_fixed_pair fz_fixed_pair_scale(double bound, int64_t count);

/** (high, low)[i] += x[i].
 *  fails   false when a term or a sum left (-2^62, 2^62) or a term is not a number; then the sums are to be thrown away
 *  calls   local; safe in threads on distinct sums */
bool fz_fixed_pair_add(int64_t *restrict high, int64_t *restrict low, const double *restrict x, ptrdiff_t n,
                       fz_fixed_pair scale);
/** The value of a sum, within an ulp. */
double fz_fixed_pair_value(int64_t high, int64_t low, fz_fixed_pair scale);

#endif
