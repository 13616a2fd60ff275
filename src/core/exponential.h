/* exp of whole vectors of scores.  Vectors are 64 bytes of GCC's vector extension; the compiler splits them as the
 * instruction set of the calling kernel (FZ_KERNEL) wants. */
#ifndef FZ_CORE_EXPONENTIAL_H
#define FZ_CORE_EXPONENTIAL_H
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float fz_lanes_f32 __attribute__((vector_size(64)));
typedef int32_t fz_mask_f32 __attribute__((vector_size(64)));
typedef uint32_t fz_words_f32 __attribute__((vector_size(64)));
typedef double fz_lanes_f64 __attribute__((vector_size(64)));
typedef int64_t fz_mask_f64 __attribute__((vector_size(64)));

#define FZ_INLINE static inline __attribute__((always_inline))

/** Lane by lane, a where the mask is set (-1), else b. */
FZ_INLINE fz_lanes_f32 fz_select_f32(fz_mask_f32 mask, fz_lanes_f32 a, fz_lanes_f32 b) {
  return (fz_lanes_f32)((mask & (fz_mask_f32)a) | (~mask & (fz_mask_f32)b));
}
FZ_INLINE fz_lanes_f64 fz_select_f64(fz_mask_f64 mask, fz_lanes_f64 a, fz_lanes_f64 b) {
  return (fz_lanes_f64)((mask & (fz_mask_f64)a) | (~mask & (fz_mask_f64)b));
}

/** exp(x) for x <= 0, relative error below 2e-7 (1 + |x|); exactly 0 below -87.  Defines `name` for vectors of floats
 *  `lanes` with their unsigned integers `words`, so that each kernel can use its own register width.
 *  maths   2^(k + f), k integer, |f| <= 1/2; 2^f by its minimax polynomial of degree 5 (7.5e-8); adding 1.5 2^23 leaves
 *          k in the low bits of a float.  Unsigned: where the result is 0 the exponent wraps */
#define FZ_DEFINE_EXP_NEGATIVE(name, lanes, words)       \
  FZ_INLINE lanes name(lanes x) {                        \
    lanes shifted = x * 1.44269504f + 12582912.0f;       \
    lanes f = x * 1.44269504f - (shifted - 12582912.0f); \
    lanes p = f * 1.32764715e-3f + 9.67554159e-3f;       \
    p = p * f + 5.55071328e-2f;                          \
    p = p * f + 2.40221197e-1f;                          \
    p = p * f + 6.93146967e-1f;                          \
    p = p * f + 1.00000007f;                             \
    words bits = (words)p + ((words)shifted << 23);      \
    return (lanes)(bits & (words)(x > -87.0f));          \
  }

FZ_DEFINE_EXP_NEGATIVE(fz_exp_negative_f32, fz_lanes_f32, fz_words_f32)

FZ_INLINE fz_lanes_f64 fz_exp_negative_f64(fz_lanes_f64 x) {
  fz_lanes_f64 y;
  for (int i = 0; i < 8; i++) y[i] = exp(x[i]);
  return y;
}

#endif
