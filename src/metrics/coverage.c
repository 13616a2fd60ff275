#include "metrics/coverage.h"

#include <math.h>

#include "core/memory.h"

/* Information relative to the shell's mean in logarithmic bins: from 1e-4 to 1e2, less counts as the first. */
enum { BINS = 96 };
static const double LOWEST = 1e-4, HIGHEST = 1e2;

static double value_of(int bin) {
  return LOWEST * pow(HIGHEST / LOWEST, (bin + 0.5) / BINS);
}

static int bin_of(double value) {
  if (!(value > LOWEST)) return 0;
  int bin = (int)(BINS * log(value / LOWEST) / log(HIGHEST / LOWEST));
  return bin < BINS ? bin : BINS - 1;
}

typedef void visitor(int shell, double value, void *to);

/* Cells with jx > 1: nearer to 0 a part of the sum is stored on the other side. */
static void for_each(const fz_cube *cube, const double *cell, int kmax, visitor *visit, void *to) {
  for (int jz = -cube->reach; jz <= cube->reach; jz++)
    for (int jy = -cube->reach; jy <= cube->reach; jy++, cell += cube->nx)
      for (int jx = 2; jx <= cube->reach; jx++) {
        double k = sqrt((double)jz * jz + (double)jy * jy + (double)jx * jx) / cube->over;
        int shell = (int)lrint(k);
        if (shell >= 1 && shell <= kmax) visit(shell, cell[jx + 1], to);
      }
}

typedef struct tally {
  double *sum, *count; /* [kmax + 1] */
  double *bin;         /* [kmax + 1][BINS] */
} tally;

static void add_to_mean(int shell, double value, void *to) {
  tally *t = to;
  t->sum[shell] += value;
  t->count[shell]++;
}

static void add_to_bin(int shell, double value, void *to) {
  tally *t = to;
  double mean = t->sum[shell] / t->count[shell];
  t->bin[shell * BINS + bin_of(mean > 0 ? value / mean : 0)]++;
}

static double half_correlation(const double *bin, double lambda) {
  double square = 0, sum = 0;
  for (int i = 0; i < BINS; i++) {
    double x = lambda * value_of(i), w = x / (1 + x);
    square += bin[i] * w * w;
    sum += bin[i] * w;
  }
  return sum > 0 ? square / sum : 0;
}

static double true_correlation(const double *bin, double lambda) {
  double sum = 0, count = 0;
  for (int i = 0; i < BINS; i++) {
    double x = 2 * lambda * value_of(i);
    sum += bin[i] * x / (1 + x);
    count += bin[i];
  }
  return count > 0 ? sqrt(sum / count) : 0;
}

/* H rises with lambda. */
static double find_lambda(const double *bin, double fsc) {
  double low = -25, high = 25;
  for (int i = 0; i < 60; i++) {
    double middle = 0.5 * (low + high);
    *(half_correlation(bin, exp(middle)) < fsc ? &low : &high) = middle;
  }
  return exp(0.5 * (low + high));
}

fz_status fz_coverage_foretell(const fz_cube *cube, const double *cell, const double *fsc, int kmax, double *foretold) {
  tally t = {fz_alloc(kmax + 1, sizeof(double)), fz_alloc(kmax + 1, sizeof(double)),
             fz_alloc((ptrdiff_t)(kmax + 1) * BINS, sizeof(double))};
  fz_status st = t.sum && t.count && t.bin ? FZ_OK : FZ_ENOMEM;
  if (st == FZ_OK) {
    for_each(cube, cell, kmax, add_to_mean, &t);
    for_each(cube, cell, kmax, add_to_bin, &t);
    foretold[0] = 1;
  }
  for (int s = 1; s <= kmax && st == FZ_OK; s++)
    foretold[s] =
        fsc[s] > 0 ? true_correlation(t.bin + s * BINS, find_lambda(t.bin + s * BINS, fmin(fsc[s], 0.9999))) : 0;
  fz_free(&t.sum);
  fz_free(&t.count);
  fz_free(&t.bin);
  return st;
}
