/* Serial FFTW behind one opaque plan: real <-> half-complex transforms in 1 to 3 dimensions, double or single.
 *
 * Forward:   F[k] = sum_x f[x] exp(-2 pi i k.x / n)       real -> complex, never scaled; the input is kept
 * Backward:  f[x] = sum_k F[k] exp(+2 pi i k.x / n)       complex -> real, never scaled; THE INPUT IS DESTROYED
 * so backward(forward(f)) = (product of n) * f.
 *
 * Layout: row-major, last dimension fastest: real [n0][n1][n2], complex [n0][n1][n2/2+1], no padding, DC at [0][0][0];
 * frequencies 0, 1, .. then the negative ones along all but the last dimension. A batch stores its transforms
 * back to back. Transforms are out of place.
 *
 * Reproducibility: plans are made with FFTW_ESTIMATE and no memory of earlier plans, so that the same call gives the
 * same bits in every run. */
#ifndef FZ_CORE_FFT_H
#define FZ_CORE_FFT_H
#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct fz_fft fz_fft;

/** Plan for transforms of real arrays [n[0]]..[n[rank-1]], `batch` of them at once; serves both directions.
 *  shape   1 <= rank <= 3, n[i] >= 1, batch >= 1
 *  owns    the caller, fz_fft_destroy.  calls local, thread-safe (planning is serialized inside)
 *  fails   NULL when there is no memory */
fz_fft *fz_fft_create(int rank, const int *n, int batch, bool single_precision);
void fz_fft_destroy(fz_fft **fft);

/** Elements of one batch of real and of complex data. */
ptrdiff_t fz_fft_real_size(const fz_fft *fft);
ptrdiff_t fz_fft_complex_size(const fz_fft *fft);

/** Transform. Both arrays must be aligned as fz_alloc aligns (16 bytes suffice), must not overlap, and their precision
 *  must be the plan's (asserted).
 *  calls   local; thread-safe, also on one plan shared by threads with distinct arrays.  cost no allocation */
void fz_fft_forward(const fz_fft *fft, const double *real, double complex *half);
void fz_fft_backward(const fz_fft *fft, double complex *half, double *real); /* destroys half */
void fz_fft_forward_float(const fz_fft *fft, const float *real, float complex *half);
void fz_fft_backward_float(const fz_fft *fft, float complex *half, float *real); /* destroys half */

#endif
