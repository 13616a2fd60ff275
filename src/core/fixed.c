#include "core/fixed.h"

#include <math.h>
#include <string.h>

#include "core/real.h"
#include "core/status.h"

#define LIMIT 0x1p62
/* The kernels are built for several instruction sets; the sums are exact, so that cannot change a bit.
 * Adding 1.5 * 2^52 to a double below 2^51 leaves the rounded integer in its low bits: no conversion instruction is
 * needed, which vectors have only from AVX-512 on. */
#define MAGIC 0x1.8p52
#define HALF_WORD 0x1p32

static inline uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Round |y| < 2^62 in two exact steps: y = high * 2^32 + low, |low| <= 2^31. */
static inline int64_t round_to_i64(double y) {
  double shifted = y * (1 / HALF_WORD) + MAGIC;
  double high = shifted - MAGIC;
  double low = y - high * HALF_WORD;
  uint64_t h = bits_of(shifted) - bits_of(MAGIC), l = bits_of(low + MAGIC) - bits_of(MAGIC);
  return (int64_t)((h << 32) + l);
}

/* The top bit of the result is set when s has left [-2^62, 2^62). */
static inline uint64_t outside(int64_t s) {
  return (uint64_t)s + ((uint64_t)1 << 62);
}
/* The top bit of the result is set when |y| >= 2^62 or y is not a number: doubles order like their bits. */
static inline uint64_t misfit(double y) {
  return (bits_of(y) & (UINT64_MAX >> 1)) + (((uint64_t)1 << 63) - bits_of(LIMIT));
}

double fz_fixed_scale(double bound, int64_t count) {
  FZ_ASSERT(isfinite(bound) && bound >= 0 && count >= 1);
  if (bound == 0) return 1;
  int e_bound, e_count;
  frexp(bound, &e_bound); /* bound < 2^e_bound */
  frexp((double)count, &e_count);
  /* A scaled term is then at most 2^(61 - e_count); rounding adds half a unit per term, hence the spare bit. */
  int e = 61 - e_bound - e_count;
  FZ_ASSERT(61 - e_count >= 1);
  return ldexp(1, e > 1000 ? 1000 : e < -1000 ? -1000 : e);
}

bool fz_fixed_from_double(double x, double scale, int64_t *out) {
  double y = x * scale;
  bool fits = fabs(y) < LIMIT;
  *out = fits ? round_to_i64(y) : 0;
  return fits;
}

double fz_fixed_to_double(int64_t sum, double scale) {
  return (double)sum / scale;
}

FZ_KERNEL bool fz_fixed_add_f32(int64_t *restrict sum, const float *restrict x, ptrdiff_t n, double scale) {
  uint64_t bad = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    double y = (double)x[i] * scale;
    sum[i] = (int64_t)((uint64_t)sum[i] + (uint64_t)round_to_i64(y));
    bad |= outside(sum[i]) | misfit(y);
  }
  return !(bad >> 63);
}

FZ_KERNEL bool fz_fixed_add_f64(int64_t *restrict sum, const double *restrict x, ptrdiff_t n, double scale) {
  uint64_t bad = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    double y = x[i] * scale;
    sum[i] = (int64_t)((uint64_t)sum[i] + (uint64_t)round_to_i64(y));
    bad |= outside(sum[i]) | misfit(y);
  }
  return !(bad >> 63);
}

FZ_KERNEL bool fz_fixed_add_i64(int64_t *restrict sum, const int64_t *restrict other, ptrdiff_t n) {
  uint64_t bad = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    bad |= outside(other[i]);
    sum[i] = (int64_t)((uint64_t)sum[i] + (uint64_t)other[i]);
    bad |= outside(sum[i]);
  }
  return !(bad >> 63);
}

void fz_fixed_to_f32(float *restrict x, const int64_t *restrict sum, ptrdiff_t n, double scale) {
  double step = 1 / scale;
  for (ptrdiff_t i = 0; i < n; i++) x[i] = (float)((double)sum[i] * step);
}

void fz_fixed_to_f64(double *restrict x, const int64_t *restrict sum, ptrdiff_t n, double scale) {
  double step = 1 / scale;
  for (ptrdiff_t i = 0; i < n; i++) x[i] = (double)sum[i] * step;
}
