/* The power spectrum of stationary noise that was seen through a window only.
 *  maths   y(r) = w(r) (n(r) - mean of n over the core), |Y|^2 averaged over a shell s:
 *            seen(s) = loss(s) sum_s' M(s, s') sigma2(s'),  rows of M sum to 1
 *          M from the shell averages of |W(k - k')|^2; the last shell stands for all frequencies beyond it.  Taking the
 *          mean away empties the lowest shells: loss(s) = what is left there of white noise
 *  source  Hivon et al. 2002 (pseudo-spectra), here with multiplicative steps, which keep sigma2 positive */
#ifndef FZ_MODEL_WINDOW_SPECTRUM_H
#define FZ_MODEL_WINDOW_SPECTRUM_H
#include "core/status.h"

typedef struct fz_window_spectrum fz_window_spectrum;

/** shape   window [n][n]; core [n][n] is 1 where the mean was taken, 0 elsewhere; shells 0 .. n/2
 *  owns    the caller, fz_window_spectrum_destroy; the arrays are read once.  calls local.  fails NULL without memory
 *  cost    two n x n transforms per shell */
fz_window_spectrum *fz_window_spectrum_create(int n, const double *window, const double *core);
void fz_window_spectrum_destroy(fz_window_spectrum **w);

/** sigma2 [n/2 + 1] from seen [n/2 + 1], the mean power per coefficient of y over the window's share of the box (so
 *  that white noise of variance 1 has seen = loss).  seen[0] is not read; sigma2[0] = sigma2[1].
 *  calls   local */
void fz_window_spectrum_undo(const fz_window_spectrum *w, const double *seen, double *sigma2);

#endif
