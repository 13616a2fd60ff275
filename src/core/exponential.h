/* exp of whole vectors of scores.  Vectors are 64 bytes of GCC's vector extension; the compiler splits them as the
 * instruction set of the calling kernel (FZ_KERNEL) wants. */
#ifndef FZ_CORE_EXPONENTIAL_H
#define FZ_CORE_EXPONENTIAL_H
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float fz_lanes_f32 __attribute__((vector_size(64)));
typedef int32_t fz_mask_f32 __attribute__((vector_size(64)));
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

/** exp(x) for x <= 0, relative error below 3e-7; 0 below -86.
 *  maths   2^(k + f), k integer, |f| <= 1/2, 2^f by the Taylor polynomial of degree 7 of exp(f log 2) */
FZ_INLINE fz_lanes_f32 fz_exp_negative_f32(fz_lanes_f32 x) {
  fz_lanes_f32 zero = {0}, z = x * 1.44269504f;
  fz_mask_f32 tiny = z < -125.0f;
  z = fz_select_f32(tiny, zero, z);
  fz_mask_f32 k = __builtin_convertvector(z - 0.5f, fz_mask_f32);
  fz_lanes_f32 f = (z - __builtin_convertvector(k, fz_lanes_f32)) * 0.693147181f;
  fz_lanes_f32 p = f * 1.98412698e-4f + 1.38888889e-3f;
  p = p * f + 8.33333333e-3f;
  p = p * f + 4.16666667e-2f;
  p = p * f + 1.66666667e-1f;
  p = p * f + 0.5f;
  p = p * f + 1.0f;
  p = p * f + 1.0f;
  return fz_select_f32(tiny, zero, p * (fz_lanes_f32)((k + 127) << 23));
}

FZ_INLINE fz_lanes_f64 fz_exp_negative_f64(fz_lanes_f64 x) {
  fz_lanes_f64 y;
  for (int i = 0; i < 8; i++) y[i] = exp(x[i]);
  return y;
}

#endif
