#include "orbit/mra.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"

/* A remainder that is never negative. */
static int wrap(int i, int length) {
  return (i % length + length) % length;
}

fz_mra_spec fz_mra_thesis(double *signal, double *density, uint64_t seed) {
  enum { LENGTH = FZ_MRA_THESIS_LENGTH };
  double square = 0, sum = 0;
  for (int i = 0; i < LENGTH; i++) {
    double t = (double)i / LENGTH - 0.5, a = (i - 4) / 1.5, b = (i - 11) / 1.5;
    signal[i] = exp(-t * t / (2 * 0.12 * 0.12));
    density[i] = 0.6 * exp(-a * a / 2) + 0.4 * exp(-b * b / 2);
    square += signal[i] * signal[i];
    sum += density[i];
  }
  for (int i = 0; i < LENGTH; i++) {
    signal[i] /= sqrt(square);
    density[i] /= sum;
  }
  return (fz_mra_spec){
      .length = LENGTH, .window = 12, .sigma = 0.2, .n = 3000, .seed = seed, .signal = signal, .density = density};
}

static int draw_shift(const fz_mra_spec *s, int64_t i) {
  fz_random r = fz_random_stream(s->seed, FZ_PURPOSE_SIM_SHIFT, 0, (uint64_t)i);
  double left = fz_random_uniform(&r);
  int l = 0;
  while (l < s->length - 1 && left >= s->density[l]) left -= s->density[l++];
  return l;
}

void fz_mra_simulate(const fz_mra_spec *s, double *x, int *shift) {
  for (int64_t i = 0; i < s->n; i++) {
    fz_random r = fz_random_stream(s->seed, FZ_PURPOSE_SIM_NOISE, 0, (uint64_t)i);
    int l = draw_shift(s, i);
    if (shift) shift[i] = l;
    for (int k = 0; k < s->window; k++)
      x[i * s->window + k] = s->signal[wrap(k - l, s->length)] + s->sigma * fz_random_normal(&r);
  }
}

void fz_mra_matrix(int length, int window, double *matrix) {
  memset(matrix, 0, sizeof *matrix * (size_t)length * (size_t)length * (size_t)window);
  for (int l = 0; l < length; l++)
    for (int k = 0; k < window; k++) matrix[((ptrdiff_t)l * length + wrap(k - l, length)) * window + k] = 1;
}

static fz_status check_spec(const fz_mra_spec *s, fz_error *err) {
  if (s->length < 2 || s->length > FZ_MRA_LENGTH_MAX || s->window < 1 || s->window > s->length || s->n < 1 ||
      !(s->sigma > 0))
    return fz_fail(err, FZ_EINVAL, "multireference alignment of %lld observations, window %d of %d, noise %g",
                   (long long)s->n, s->window, s->length, s->sigma);
  return FZ_OK;
}

fz_status fz_mra_open(const fz_mra_spec *spec, bool estimate_density, int tile, int threads, fz_orbit_model **out,
                      fz_error *err) {
  *out = NULL;
  fz_status st = check_spec(spec, err);
  if (st != FZ_OK) return st;
  double *x = fz_alloc((ptrdiff_t)spec->n * spec->window, sizeof *x);
  double *matrix = fz_alloc((ptrdiff_t)spec->length * spec->length * spec->window, sizeof *matrix);
  if (!x || !matrix) st = fz_fail(err, FZ_ENOMEM, "no memory for %lld observations", (long long)spec->n);
  if (st == FZ_OK) {
    fz_mra_simulate(spec, x, NULL);
    fz_mra_matrix(spec->length, spec->window, matrix);
    fz_orbit_spec model = {.n_candidates = spec->length,
                           .p = spec->window,
                           .d = spec->length,
                           .matrix = matrix,
                           .n = spec->n,
                           .x = x,
                           .sigma = spec->sigma,
                           .prior = spec->density,
                           .estimate_prior = estimate_density,
                           .tile = tile,
                           .threads = threads};
    st = fz_orbit_model_create(&model, out, err);
  }
  fz_free(&x);
  fz_free(&matrix);
  return st;
}

void fz_mra_start(int length, uint64_t seed, bool estimate_density, double *w) {
  fz_random r = fz_random_stream(seed, FZ_PURPOSE_START_VOLUME, 0, 0);
  double square = 0;
  for (int i = 0; i < length; i++) {
    w[i] = fz_random_normal(&r);
    square += w[i] * w[i];
  }
  for (int i = 0; i < length; i++) w[i] /= sqrt(square);
  for (int i = 0; i < length && estimate_density; i++) w[length + i] = 0;
}

/* sum_l |softmax(rho~)[l] - truth[(l + s) mod n]| */
static double density_distance(int n, const double *log_density, const double *truth, int s) {
  double most = -HUGE_VAL, sum = 0, distance = 0;
  for (int l = 0; l < n; l++) most = fmax(most, log_density[l]);
  for (int l = 0; l < n; l++) sum += exp(log_density[l] - most);
  for (int l = 0; l < n; l++) distance += fabs(exp(log_density[l] - most) / sum - truth[wrap(l + s, n)]);
  return distance;
}

double fz_mra_error(const fz_mra_spec *truth, const double *w, double *density_error) {
  const int n = truth->length;
  double best = HUGE_VAL, square = 0;
  int at = 0;
  for (int i = 0; i < n; i++) square += truth->signal[i] * truth->signal[i];
  for (int s = 0; s < n; s++) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += pow(w[i] - truth->signal[wrap(i - s, n)], 2);
    if (sum < best) {
      best = sum;
      at = s;
    }
  }
  if (density_error) *density_error = density_distance(n, w + n, truth->density, at);
  return sqrt(best / square);
}
