#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "io/cli/mra.h"
#include "io/numbers.h"

/* The shapes of the thesis' problem, stretched to any length (orbit/mra.h has its figures for 16). */
static void fill_pulse(int n, double *signal) {
  for (int i = 0; i < n; i++) {
    double t = (double)i / n - 0.5;
    signal[i] = exp(-t * t / (2 * 0.12 * 0.12));
  }
}

static void fill_two_gaussians(int n, double *density) {
  for (int i = 0; i < n; i++) {
    double at = 16.0 * i / n, a = (at - 4) / 1.5, b = (at - 11) / 1.5;
    density[i] = 0.6 * exp(-a * a / 2) + 0.4 * exp(-b * b / 2);
  }
}

static fz_status read_column(const char *path, int n, const char *what, double *out, fz_error *err) {
  fz_io_numbers numbers;
  fz_status st = fz_io_numbers_read(path, &numbers, err);
  if (st != FZ_OK) return st;
  if (numbers.rows * numbers.columns != n)
    st = fz_fail(err, FZ_EINPUT, "%s: %lld numbers; the %s has --length %d", path,
                 (long long)(numbers.rows * numbers.columns), what, n);
  else
    memcpy(out, numbers.value, sizeof *out * (size_t)n);
  fz_free(&numbers.value);
  return st;
}

static fz_status make_signal(const fz_mra_request *r, double *signal, fz_error *err) {
  int n = (int)r->length;
  double square = 0;
  if (!strcmp(r->signal, "random")) {
    fz_random random = fz_random_stream((uint64_t)r->seed, FZ_PURPOSE_PHANTOM, 0, 0);
    for (int i = 0; i < n; i++) signal[i] = fz_random_normal(&random);
  } else if (!strcmp(r->signal, "pulse")) {
    fill_pulse(n, signal);
  } else {
    return read_column(r->signal, n, "signal", signal, err);
  }
  for (int i = 0; i < n; i++) square += signal[i] * signal[i];
  for (int i = 0; i < n; i++) signal[i] /= sqrt(square);
  return FZ_OK;
}

static fz_status make_density(const fz_mra_request *r, double *density, fz_error *err) {
  int n = (int)r->length;
  double sum = 0;
  if (!strcmp(r->density, "uniform")) {
    for (int i = 0; i < n; i++) density[i] = 1;
  } else if (!strcmp(r->density, "two-gaussians")) {
    fill_two_gaussians(n, density);
  } else {
    fz_status st = read_column(r->density, n, "density", density, err);
    if (st != FZ_OK) return st;
  }
  for (int i = 0; i < n; i++) {
    if (density[i] < 0) return fz_fail(err, FZ_EINPUT, "%s: a density cannot be negative", r->density);
    sum += density[i];
  }
  if (!(sum > 0)) return fz_fail(err, FZ_EINPUT, "%s: a density cannot be zero everywhere", r->density);
  for (int i = 0; i < n; i++) density[i] /= sum;
  return FZ_OK;
}

static fz_status read_observations(const fz_mra_request *r, fz_mra_problem *p, fz_error *err) {
  fz_io_numbers numbers;
  fz_status st = fz_io_numbers_read(r->data, &numbers, err);
  if (st != FZ_OK) return st;
  if (numbers.columns > r->length) {
    fz_free(&numbers.value);
    return fz_fail(err, FZ_EINPUT, "%s: rows of %lld numbers do not fit a signal of --length %lld", r->data,
                   (long long)numbers.columns, (long long)r->length);
  }
  p->x = numbers.value;
  p->spec.n = numbers.rows;
  p->spec.window = (int)numbers.columns;
  return FZ_OK;
}

fz_status fz_mra_problem_open(const fz_mra_request *r, fz_mra_problem *p, fz_error *err) {
  fz_status st;
  *p = (fz_mra_problem){.spec = {.length = (int)r->length,
                                 .window = (int)(r->window ? r->window : r->length),
                                 .sigma = r->sigma,
                                 .n = r->observations,
                                 .seed = (uint64_t)r->seed}};
  if (p->spec.window > p->spec.length)
    return fz_fail(err, FZ_EINVAL, "--window %d is larger than --length %d", p->spec.window, p->spec.length);
  p->density = fz_alloc(r->length, sizeof *p->density);
  if (!p->density) return fz_fail(err, FZ_ENOMEM, "no memory");
  FZ_TRY(make_density(r, p->density, err));
  p->spec.density = p->density;
  if (r->data) return read_observations(r, p, err);
  p->signal = fz_alloc(r->length, sizeof *p->signal);
  p->x = fz_alloc(p->spec.n * p->spec.window, sizeof *p->x);
  if (!p->signal || !p->x) return fz_fail(err, FZ_ENOMEM, "no memory for %lld observations", (long long)p->spec.n);
  FZ_TRY(make_signal(r, p->signal, err));
  p->spec.signal = p->signal;
  fz_mra_simulate(&p->spec, p->x, NULL);
done:
  return st;
}

void fz_mra_problem_clear(fz_mra_problem *p) {
  fz_free(&p->signal);
  fz_free(&p->density);
  fz_free(&p->x);
}
