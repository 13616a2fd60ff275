/* Exact sums of reals: int64 fixed point with a power-of-two scale.  Integer addition is associative, so the sum has
 * the same bits in any order, on any number of threads and ranks. Convention: one scale 2^e per sum (or per part of it,
 * a radial shell say), the same for everything that is added; a sum stays below 2^62, so one bit is free to see an
 * overflow before it happens. */
#ifndef FZ_CORE_FIXED_H
#define FZ_CORE_FIXED_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The largest scale 2^e for which `count` terms of size at most `bound` stay below 2^62.
 *  maths   count * bound * 2^e < 2^62, with one bit spared for the rounding of each term; bound = 0 gives 1
 *  calls   local; bound finite and >= 0, count >= 1 */
double fz_fixed_scale(double bound, int64_t count);

/** round(x * scale), to nearest, ties to even. False (and *out = 0) when it is not a number below 2^62 in size. */
bool fz_fixed_from_double(double x, double scale, int64_t *out);
double fz_fixed_to_double(int64_t sum, double scale);

/** sum[i] += round(x[i] * scale), round to nearest, ties to even.
 *  owns    nothing; x borrowed, sum updated in place; no overlap
 *  calls   local; safe in threads on distinct sums
 *  fails   false when a term or a sum left (-2^62, 2^62) or a term is not a number; then sum is to be thrown away
 *  cost    about 0.5 ns per element with AVX-512, 1.4 with SSE2; no allocation */
bool fz_fixed_add_f32(int64_t *restrict sum, const float *restrict x, ptrdiff_t n, double scale);
bool fz_fixed_add_f64(int64_t *restrict sum, const double *restrict x, ptrdiff_t n, double scale);
/** sum[i] += other[i], with the same check. */
bool fz_fixed_add_i64(int64_t *restrict sum, const int64_t *restrict other, ptrdiff_t n);
/** x[i] = sum[i] / scale, rounded once. */
void fz_fixed_to_f32(float *restrict x, const int64_t *restrict sum, ptrdiff_t n, double scale);
void fz_fixed_to_f64(double *restrict x, const int64_t *restrict sum, ptrdiff_t n, double scale);

#endif
