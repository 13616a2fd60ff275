/* Marginalization by importance sampling: every image is scored at poses of its own, drawn where its last posterior
 * lay, on the product of samples of directions, in-plane angles and shifts.
 *  maths   L^ = sum_abc W_a W_b W_c exp(score(d_a, psi_b, t_c)), W = omega m/(n q) of each factor (pose/proposal.h)
 *          E L^ = L, the exhaustive sum, and so for the sums that L normalizes in A, B and the gradient; log L^ and the
 *          normalized sums are biased by O(1/n)
 *  Images without a past, and those whose sample would be no smaller than the quadrature, are summed in full.
 *  An image's memory (tile->image) is renewed by the second sweep. One pose block: samples are not shared by ranks. */
#ifndef FZ_ESTEP_IMPORTANCE_H
#define FZ_ESTEP_IMPORTANCE_H
#include "estep/engine.h"

/** owns the caller, engine->destroy.  fails FZ_ENOMEM */
fz_status fz_engine_importance_f32(const fz_engine_setup *setup, fz_engine *engine);
fz_status fz_engine_importance_f64(const fz_engine_setup *setup, fz_engine *engine);
/** Bytes that an engine of this setup allocates. */
int64_t fz_engine_importance_bytes(const fz_engine_setup *setup, int double_precision);

#endif
