/* Scoring by the definition, as a yardstick: one real matrix product of shifted images by slices at every in-plane
 * angle, with real and imaginary parts side by side.  The direct engine needs half its arithmetic, because it takes
 * quarter turns and conjugates for free. */
#ifndef FZ_BENCH_PLAIN_H
#define FZ_BENCH_PLAIN_H
#include "estep/engine.h"

/** First sweep only: moments is NULL.  One class, one thread.  owns the caller, engine->destroy.  fails FZ_ENOMEM */
fz_status fz_bench_plain_create(const fz_engine_setup *setup, fz_engine *engine);

#endif
