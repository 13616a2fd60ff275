#include "core/random.h"

#include <math.h>

#include <Random123/philox.h>

fz_random fz_random_stream(uint64_t seed, fz_purpose purpose, uint32_t step, uint64_t item) {
  return (fz_random){.seed = seed, .purpose = (uint32_t)purpose, .step = step, .item = item, .index = 0};
}

static philox4x32_ctr_t draw(fz_random *r) {
  philox4x32_ctr_t counter = {{r->index++, (uint32_t)r->item, (uint32_t)(r->item >> 32), r->step}};
  /* The purpose is mixed into the high key word: seeds up to 2^56 stay distinct for every purpose. */
  philox4x32_key_t key = {{(uint32_t)r->seed, (uint32_t)(r->seed >> 32) ^ (r->purpose << 24)}};
  return philox4x32(counter, key);
}

static double unit(uint32_t high, uint32_t low) {
  uint64_t bits = ((uint64_t)high << 32 | low) >> 11;
  return (double)bits * 0x1p-53;
}

double fz_random_uniform(fz_random *r) {
  philox4x32_ctr_t v = draw(r);
  return unit(v.v[0], v.v[1]);
}

double fz_random_normal(fz_random *r) {
  philox4x32_ctr_t v = draw(r);
  double radius = sqrt(-2.0 * log(1.0 - unit(v.v[0], v.v[1])));
  return radius * cos(2.0 * 3.14159265358979323846 * unit(v.v[2], v.v[3]));
}

int64_t fz_random_below(fz_random *r, int64_t n) {
  int64_t k = (int64_t)(fz_random_uniform(r) * (double)n);
  return k < n ? k : n - 1;
}

void fz_random_permutation(fz_random *r, int64_t n, int64_t *out) {
  for (int64_t i = 0; i < n; i++) out[i] = i;
  for (int64_t i = n - 1; i > 0; i--) {
    int64_t j = fz_random_below(r, i + 1), t = out[i];
    out[i] = out[j];
    out[j] = t;
  }
}
