/* Counter-based random numbers: every draw is a pure function of (seed, purpose, step, item, index),
 * so it depends neither on the rank count nor on the order of calls.  Philox4x32-10 (Salmon et al. 2011). */
#ifndef FZ_CORE_RANDOM_H
#define FZ_CORE_RANDOM_H
#include <stdint.h>

typedef enum fz_purpose {
  FZ_PURPOSE_START_VOLUME = 1,
  FZ_PURPOSE_GRID_ROTATION,
  FZ_PURPOSE_BATCHES,
  FZ_PURPOSE_HALF_SETS,
  FZ_PURPOSE_SIM_POSE,
  FZ_PURPOSE_SIM_CTF,
  FZ_PURPOSE_SIM_NOISE,
  FZ_PURPOSE_SIM_SHIFT,
  FZ_PURPOSE_PHANTOM,
  FZ_PURPOSE_TEST,
  FZ_PURPOSE_POSE_SAMPLES,
  FZ_PURPOSE_PROBE /* start vectors of power and subspace iterations */
} fz_purpose;

typedef struct fz_random {
  uint64_t seed;
  uint32_t purpose, step;
  uint64_t item;
  uint32_t index;
} fz_random;

/** A stream for one (seed, purpose, step, item); plain value, copy freely; draws advance only `index`. */
fz_random fz_random_stream(uint64_t seed, fz_purpose purpose, uint32_t step, uint64_t item);
double fz_random_uniform(fz_random *r); /* [0, 1), 53 bits */
double fz_random_normal(fz_random *r);  /* mean 0, variance 1 (Box-Muller, one draw per call) */
/** Uniform integer in [0, n). */
int64_t fz_random_below(fz_random *r, int64_t n);
/** Fisher-Yates permutation of 0..n-1. */
void fz_random_permutation(fz_random *r, int64_t n, int64_t *out);

#endif
