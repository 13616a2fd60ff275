/* Nelder-Mead minimization of a function of a few variables without derivatives. */
#ifndef FZ_METRICS_SIMPLEX_H
#define FZ_METRICS_SIMPLEX_H

enum { FZ_SIMPLEX_MAX_DIMENSION = 8 };
typedef double (*fz_simplex_function)(const double *x, void *context);

/** Walk downhill from x; the best point replaces x.
 *  maths   Nelder and Mead 1965: reflection 1, expansion 2, contraction 1/2, shrinking 1/2; start simplex x and
 *          x + step[i] e_i; stops when all corners agree within x_tolerance and f_tolerance, or after max_calls
 *  shape   x, step [n], 1 <= n <= FZ_SIMPLEX_MAX_DIMENSION
 *  calls   local; returns the minimum found */
double fz_simplex_minimize(int n, fz_simplex_function f, void *context, double *x, const double *step,
                           double x_tolerance, double f_tolerance, int max_calls);

#endif
