/* Rows of scores of sampled poses: one image and shift against up to FZ_SCORE_ROW sampled rotations, every rotation
 * with a weight of its own.  Compiled for float and for double; whole vectors. */
#ifndef FZ_ESTEP_SAMPLE_ROWS_H
#define FZ_ESTEP_SAMPLE_ROWS_H
#include "core/real.h"
#include "estep/score_rows.h"

#define fz_sample_rows_finish FZ_REAL_NAME(fz_sample_rows_finish)
#define fz_sample_rows_sum_exp FZ_REAL_NAME(fz_sample_rows_sum_exp)
#define fz_sample_rows_to_weights FZ_REAL_NAME(fz_sample_rows_to_weights)

/** x: from products to x + column + row - norm/2; columns from `count` on get a score that no exponential sees.
 *  Returns the largest of the first `count`.  shape x, norm, column [FZ_SCORE_ROW] */
fz_real fz_sample_rows_finish(fz_real *x, const fz_real *norm, const fz_real *column, fz_real row, int count);
/** Sum of exp(x - shift); shift is at least the largest score. */
double fz_sample_rows_sum_exp(const fz_real *x, fz_real shift);
/** gamma = exp(x - log_total) to weight, 0 below floor_weight; added to mass, gamma x score to moment; returns the sum
 *  of gamma.  shape x, weight, mass [FZ_SCORE_ROW], weight may be x */
double fz_sample_rows_to_weights(const fz_real *x, fz_real *weight, fz_real *mass, fz_real log_total,
                                 fz_real floor_weight, double *moment);

#endif
