#include "core/fft.h"

#include <fftw3.h>
#include <pthread.h>

#include "core/memory.h"
#include "core/status.h"

struct fz_fft {
  bool single_precision;
  ptrdiff_t real_size, complex_size;
  fftw_plan forward, backward; /* double precision, or NULL */
  fftwf_plan forward_float, backward_float;
};

/* FFTW's planner keeps global state; executing a plan does not. */
static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

static bool plan_double(fz_fft *fft, int rank, const int *n, int batch, int real, int half) {
  double *x = fftw_alloc_real((size_t)fft->real_size);
  fftw_complex *f = fftw_alloc_complex((size_t)fft->complex_size);
  if (x && f) {
    fftw_forget_wisdom(); /* what was planned before must not steer this plan */
    fft->forward = fftw_plan_many_dft_r2c(rank, n, batch, x, NULL, 1, real, f, NULL, 1, half, FFTW_ESTIMATE);
    fft->backward = fftw_plan_many_dft_c2r(rank, n, batch, f, NULL, 1, half, x, NULL, 1, real, FFTW_ESTIMATE);
  }
  fftw_free(x);
  fftw_free(f);
  return fft->forward && fft->backward;
}

static bool plan_float(fz_fft *fft, int rank, const int *n, int batch, int real, int half) {
  float *x = fftwf_alloc_real((size_t)fft->real_size);
  fftwf_complex *f = fftwf_alloc_complex((size_t)fft->complex_size);
  if (x && f) {
    fftwf_forget_wisdom();
    fft->forward_float = fftwf_plan_many_dft_r2c(rank, n, batch, x, NULL, 1, real, f, NULL, 1, half, FFTW_ESTIMATE);
    fft->backward_float = fftwf_plan_many_dft_c2r(rank, n, batch, f, NULL, 1, half, x, NULL, 1, real, FFTW_ESTIMATE);
  }
  fftwf_free(x);
  fftwf_free(f);
  return fft->forward_float && fft->backward_float;
}

fz_fft *fz_fft_create(int rank, const int *n, int batch, bool single_precision) {
  FZ_ASSERT(rank >= 1 && rank <= 3 && batch >= 1);
  int real = 1, half = 1;
  for (int d = 0; d < rank; d++) {
    FZ_ASSERT(n[d] >= 1);
    real *= n[d];
    half *= d == rank - 1 ? n[d] / 2 + 1 : n[d];
  }
  fz_fft *fft = fz_alloc(1, sizeof *fft);
  if (!fft) return NULL;
  fft->single_precision = single_precision;
  fft->real_size = (ptrdiff_t)real * batch;
  fft->complex_size = (ptrdiff_t)half * batch;
  pthread_mutex_lock(&planner);
  bool planned =
      single_precision ? plan_float(fft, rank, n, batch, real, half) : plan_double(fft, rank, n, batch, real, half);
  pthread_mutex_unlock(&planner);
  if (!planned) fz_fft_destroy(&fft);
  return fft;
}

void fz_fft_destroy(fz_fft **fft) {
  fz_fft *p = *fft;
  if (!p) return;
  pthread_mutex_lock(&planner);
  if (p->forward) fftw_destroy_plan(p->forward);
  if (p->backward) fftw_destroy_plan(p->backward);
  if (p->forward_float) fftwf_destroy_plan(p->forward_float);
  if (p->backward_float) fftwf_destroy_plan(p->backward_float);
  pthread_mutex_unlock(&planner);
  fz_free(fft);
}

ptrdiff_t fz_fft_real_size(const fz_fft *fft) {
  return fft->real_size;
}
ptrdiff_t fz_fft_complex_size(const fz_fft *fft) {
  return fft->complex_size;
}

static bool aligned(const void *a, const void *b) {
  return fftw_alignment_of((double *)a) == 0 && fftw_alignment_of((double *)b) == 0;
}

/* FFTW asks for non-const input, but a real-to-complex transform out of place keeps it. */
void fz_fft_forward(const fz_fft *fft, const double *real, double complex *half) {
  FZ_ASSERT(!fft->single_precision && aligned(real, half));
  fftw_execute_dft_r2c(fft->forward, (double *)real, half);
}

void fz_fft_backward(const fz_fft *fft, double complex *half, double *real) {
  FZ_ASSERT(!fft->single_precision && aligned(half, real));
  fftw_execute_dft_c2r(fft->backward, half, real);
}

void fz_fft_forward_float(const fz_fft *fft, const float *real, float complex *half) {
  FZ_ASSERT(fft->single_precision && aligned(real, half));
  fftwf_execute_dft_r2c(fft->forward_float, (float *)real, half);
}

void fz_fft_backward_float(const fz_fft *fft, float complex *half, float *real) {
  FZ_ASSERT(fft->single_precision && aligned(half, real));
  fftwf_execute_dft_c2r(fft->backward_float, half, real);
}
