#include "model/kaiser_bessel.h"

#include <math.h>
#include <stddef.h>

static const double PI = 3.14159265358979323846;
static const double BETA = 8.996149; /* pi sqrt((W/s)^2 (s - 1/2)^2 - 0.8) for width W = 4, oversampling s = 2 */

static double bessel_i0(double x) {
  double term = 1.0, sum = 1.0;
  for (int k = 1; term > 1e-17 * sum; k++) {
    term *= (0.5 * x / k) * (0.5 * x / k);
    sum += term;
  }
  return sum;
}

double fz_kb_value(double u) {
  double r = 1.0 - 0.25 * u * u;
  return r > 0.0 ? bessel_i0(BETA * sqrt(r)) / bessel_i0(BETA) : 0.0;
}

double fz_kb_transform(double x) {
  double a = BETA * BETA - 16.0 * PI * PI * x * x, s = sqrt(fabs(a));
  double ratio = s < 1e-9 ? 1.0 : a > 0 ? sinh(s) / s : sin(s) / s;
  return 4.0 * ratio / bessel_i0(BETA);
}

static double tap(int t, int k) {
  return fz_kb_value((double)(k - 1) - (double)t / FZ_KB_TABLE);
}

void fz_kb_fill_table_f32(float *table) {
  for (int t = 0; t <= FZ_KB_TABLE; t++)
    for (int k = 0; k < 4; k++) table[4 * t + k] = (float)tap(t, k);
}

void fz_kb_fill_table_f64(double *table) {
  for (int t = 0; t <= FZ_KB_TABLE; t++)
    for (int k = 0; k < 4; k++) table[4 * t + k] = tap(t, k);
}
