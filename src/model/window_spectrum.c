#include "model/window_spectrum.h"

#include <complex.h>
#include <math.h>

#include "core/fft.h"
#include "core/memory.h"

/* More would follow the noise of the estimate. */
enum { STEPS = 3 };

struct fz_window_spectrum {
  int shells;
  double *coupling; /* [shells][shells] M */
  double *loss;     /* [shells] */
  double *work;     /* [2 shells] */
};

typedef struct plane {
  int n, half, shells;
  fz_fft *fft;
  double *real;                 /* [n][n] */
  double complex *spread, *one; /* [n][half] transform of |W|^2 over its sum; of a shell */
  int *shell;                   /* [n][n] */
  double *count;                /* [shells] */
} plane;

static void clear_plane(plane *p) {
  fz_fft_destroy(&p->fft);
  fz_free(&p->real);
  fz_free(&p->spread);
  fz_free(&p->one);
  fz_free(&p->shell);
  fz_free(&p->count);
}

static fz_status make_plane(plane *p, int n) {
  *p = (plane){.n = n, .half = n / 2 + 1, .shells = n / 2 + 1, .fft = fz_fft_create(2, (int[]){n, n}, 1, false)};
  ptrdiff_t size = (ptrdiff_t)n * n, half = (ptrdiff_t)n * p->half;
  p->real = fz_alloc(size, sizeof *p->real);
  p->spread = fz_alloc(half, sizeof *p->spread);
  p->one = fz_alloc(half, sizeof *p->one);
  p->shell = fz_alloc(size, sizeof *p->shell);
  p->count = fz_alloc(p->shells, sizeof *p->count);
  if (!p->fft || !p->real || !p->spread || !p->one || !p->shell || !p->count) return FZ_ENOMEM;
  for (int y = 0, i = 0; y < n; y++)
    for (int x = 0; x < n; x++, i++) {
      int s = (int)lrint(hypot(x <= n / 2 ? x : x - n, y <= n / 2 ? y : y - n));
      p->shell[i] = s < p->shells ? s : p->shells - 1;
      p->count[p->shell[i]]++;
    }
  return FZ_OK;
}

static double complex at(const double complex *half, int n, int y, int x) {
  if (x <= n / 2) return half[(ptrdiff_t)y * (n / 2 + 1) + x];
  return conj(half[(ptrdiff_t)((n - y) % n) * (n / 2 + 1) + n - x]);
}

/* spread = transform of |W|^2 / (n^2 sum w^2), whose value at 0 is 1; loss of white noise. */
static fz_status look_through(plane *p, const double *window, const double *core, double *loss) {
  int n = p->n;
  ptrdiff_t size = (ptrdiff_t)n * n, half = (ptrdiff_t)n * p->half;
  double squares = 0, pixels = 0;
  double complex *w = fz_alloc(half, sizeof *w), *c = fz_alloc(half, sizeof *c);
  fz_status st = w && c ? FZ_OK : FZ_ENOMEM;
  if (st != FZ_OK) goto done;
  fz_fft_forward(p->fft, window, w);
  for (ptrdiff_t i = 0; i < size; i++) {
    p->real[i] = window[i] * core[i];
    squares += window[i] * window[i];
    pixels += core[i];
  }
  fz_fft_forward(p->fft, p->real, c);
  for (int y = 0, i = 0; y < n; y++)
    for (int x = 0; x < n; x++, i++) {
      double complex a = at(w, n, y, x), b = at(c, n, y, x);
      double power = creal(a) * creal(a) + cimag(a) * cimag(a);
      p->real[i] = power / ((double)size * squares);
      loss[p->shell[i]] += (1 - (2 * creal(conj(a) * b) - power) / (pixels * squares)) / p->count[p->shell[i]];
    }
  fz_fft_forward(p->fft, p->real, p->spread);
done:
  fz_free(&w);
  fz_free(&c);
  return st;
}

/* Column s of M: a shell of ones, blurred by |W|^2. */
static void couple(plane *p, int s, double *coupling) {
  ptrdiff_t size = (ptrdiff_t)p->n * p->n, half = (ptrdiff_t)p->n * p->half;
  for (ptrdiff_t i = 0; i < size; i++) p->real[i] = p->shell[i] == s;
  fz_fft_forward(p->fft, p->real, p->one);
  for (ptrdiff_t i = 0; i < half; i++) p->one[i] *= p->spread[i];
  fz_fft_backward(p->fft, p->one, p->real);
  for (ptrdiff_t i = 0; i < size; i++)
    coupling[p->shell[i] * p->shells + s] += fmax(0, p->real[i]) / ((double)size * p->count[p->shell[i]]);
}

fz_window_spectrum *fz_window_spectrum_create(int n, const double *window, const double *core) {
  fz_window_spectrum *w = fz_alloc(1, sizeof *w);
  if (!w) return NULL;
  plane p;
  fz_status st = make_plane(&p, n);
  w->shells = p.shells;
  w->coupling = fz_alloc((ptrdiff_t)p.shells * p.shells, sizeof *w->coupling);
  w->loss = fz_alloc(p.shells, sizeof *w->loss);
  w->work = fz_alloc(2 * (ptrdiff_t)p.shells, sizeof *w->work);
  if (!w->coupling || !w->loss || !w->work) st = FZ_ENOMEM;
  if (st == FZ_OK) st = look_through(&p, window, core, w->loss);
  for (int s = 0; s < p.shells && st == FZ_OK; s++) couple(&p, s, w->coupling);
  clear_plane(&p);
  if (st != FZ_OK) fz_window_spectrum_destroy(&w);
  return w;
}

void fz_window_spectrum_destroy(fz_window_spectrum **w) {
  if (!*w) return;
  fz_free(&(*w)->coupling);
  fz_free(&(*w)->loss);
  fz_free(&(*w)->work);
  fz_free(w);
}

void fz_window_spectrum_undo(const fz_window_spectrum *w, const double *seen, double *sigma2) {
  int n = w->shells;
  double *target = w->work, *ratio = w->work + n;
  for (int s = 1; s < n; s++) sigma2[s] = target[s] = seen[s] / w->loss[s];
  sigma2[0] = sigma2[1];
  for (int step = 0; step < STEPS; step++) {
    for (int s = 1; s < n; s++) {
      double blurred = 0;
      for (int t = 0; t < n; t++) blurred += w->coupling[s * n + t] * sigma2[t];
      ratio[s] = blurred > 0 ? target[s] / blurred : 1;
    }
    for (int t = 1; t < n; t++) {
      double sum = 0, weight = 0;
      for (int s = 1; s < n; s++) {
        sum += w->coupling[s * n + t] * ratio[s];
        weight += w->coupling[s * n + t];
      }
      sigma2[t] *= weight > 0 ? sum / weight : 1;
    }
    sigma2[0] = sigma2[1];
  }
}
