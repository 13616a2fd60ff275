/* exp for whole rows of scores, in loops that the compiler can vectorize. */
#ifndef FZ_CORE_EXPONENTIAL_H
#define FZ_CORE_EXPONENTIAL_H
#include <math.h>
#include <stdint.h>
#include <string.h>

/** exp(x) for x <= 0, relative error below 3e-7; 0 below -87.
 *  maths   2^(k + f), k integer, |f| <= 1/2, 2^f by the Taylor polynomial of degree 7 of exp(f log 2) */
static inline float fz_exp_negative_f32(float x) {
  float z = x * 1.44269504f;
  z = z > -126.0f ? z : -126.0f;
  int32_t k = (int32_t)(z - 0.5f);
  float f = (z - (float)k) * 0.693147181f;
  float p = 1.98412698e-4f;
  p = p * f + 1.38888889e-3f;
  p = p * f + 8.33333333e-3f;
  p = p * f + 4.16666667e-2f;
  p = p * f + 1.66666667e-1f;
  p = p * f + 0.5f;
  p = p * f + 1.0f;
  p = p * f + 1.0f;
  int32_t bits = (k + 127) << 23;
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  return k > -126 ? p * scale : 0.0f;
}

static inline double fz_exp_negative_f64(double x) {
  return exp(x);
}

#endif
