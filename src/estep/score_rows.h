/* What happens to one row of scores: one image, quarter turn and shift against a block of slices.
 *  p, q hold the products of real and of imaginary parts, then the scores of each slice (p) and of its conjugate, the
 *  slice turned by 180 degrees (q), then their posterior weights.  Compiled for float and for double; whole vectors. */
#ifndef FZ_ESTEP_SCORE_ROWS_H
#define FZ_ESTEP_SCORE_ROWS_H
#include "core/real.h"

#define fz_scores_finish FZ_REAL_NAME(fz_scores_finish)
#define fz_scores_sum_exp FZ_REAL_NAME(fz_scores_sum_exp)
#define fz_scores_to_weights FZ_REAL_NAME(fz_scores_to_weights)

enum { FZ_SCORE_ROW = 96 }; /* columns of a row */

/** score = log_prior - norm/2 + p +- q; returns the largest of the first `count`. Columns from there on get a score
 * that no exponential sees.  shape p, q, norm [FZ_SCORE_ROW].  calls local */
fz_real fz_scores_finish(fz_real *p, fz_real *q, const fz_real *norm, fz_real log_prior, int count);
/** Sum of exp(score - shift); shift is at least the largest score. */
double fz_scores_sum_exp(const fz_real *p, const fz_real *q, fz_real shift);
/** gamma = exp(score - log_total), 0 below floor_weight: p becomes gamma_p + gamma_q, q their difference; the former is
 *  added to mass [FZ_SCORE_ROW].  moment += sum of gamma x score; returns the sum of gamma. */
double fz_scores_to_weights(fz_real *p, fz_real *q, fz_real *mass, fz_real log_total, fz_real floor_weight,
                            double *moment);

#endif
