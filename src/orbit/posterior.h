/* Softmax of rows of scores in double precision. */
#ifndef FZ_ORBIT_POSTERIOR_H
#define FZ_ORBIT_POSTERIOR_H

/** score[j] <- exp(score[j] - L), L = log sum_j exp(score[j]) returned.
 *  Terms below exp(cut) of the largest become 0; -700 <= cut < 0.  Scores are finite.
 *  shape   score [n], n a multiple of 8; pad with -HUGE_VAL, which gives 0
 *  calls   local, thread-safe.  cost about 1 ns per term; errors of a few 2^-53 */
double fz_posterior_row(int n, double cut, double *score);

#endif
