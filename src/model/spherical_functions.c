#include "model/spherical_functions.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

/* x^l/(2l+1)!! (1 - (x^2/2)/(2l+3) + (x^2/2)^2/(2 (2l+3)(2l+5)) - ...): below 1 nothing cancels. */
static double bessel_series(int l, double x) {
  double term = 1, sum = 0;
  for (int i = 1; i <= l; i++) term *= x / (2 * i + 1);
  for (int k = 1; k < 14; k++) {
    sum += term;
    term *= -x * x / 2 / (k * (2.0 * (l + k) + 1));
  }
  return sum;
}

static void bessel_upwards(int degree, double x, double *j) {
  j[0] = sin(x) / x;
  if (degree > 0) j[1] = (j[0] - cos(x)) / x;
  for (int l = 1; l < degree; l++) j[l + 1] = (2 * l + 1) / x * j[l] - j[l - 1];
}

/* From far above any start dies out; j_0 or j_1, whichever is larger, gives the scale. */
static void bessel_downwards(int degree, double x, double *j) {
  double above = 0, here = 1e-290;
  for (int l = degree + 40; l > 0; l--) {
    double below = (2 * l + 1) / x * here - above;
    above = here;
    here = below;
    if (l <= degree) j[l] = above;
  }
  double first[2] = {sin(x) / x, (sin(x) / x - cos(x)) / x};
  double scale = fabs(first[0]) > fabs(first[1]) ? first[0] / here : first[1] / above;
  j[0] = here * scale;
  for (int l = 1; l <= degree; l++) j[l] *= scale;
}

void fz_spherical_bessel(int degree, double x, double *j) {
  if (x < 1)
    for (int l = 0; l <= degree; l++) j[l] = bessel_series(l, x);
  else if (degree < x)
    bessel_upwards(degree, x, j);
  else
    bessel_downwards(degree, x, j);
}

static double bessel(int l, double x) {
  double j[FZ_SPHERICAL_DEGREE_MAX + 2];
  fz_spherical_bessel(l, x, j);
  return j[l];
}

static double bisect(int l, double low, double high) {
  double sign = bessel(l, low);
  for (;;) {
    double middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if ((bessel(l, middle) > 0) == (sign > 0))
      low = middle;
    else
      high = middle;
  }
}

void fz_spherical_bessel_zeros(int l, int count, double *zero) {
  double z[FZ_SPHERICAL_ZEROS_MAX + FZ_SPHERICAL_DEGREE_MAX + 1];
  for (int s = 0; s < count + l; s++) z[s] = (s + 1) * PI;
  for (int i = 1; i <= l; i++)
    for (int s = 0; s < count + l - i; s++) z[s] = bisect(i, z[s], z[s + 1]);
  for (int s = 0; s < count; s++) zero[s] = z[s];
}

/* Orthonormal Legendre functions of order m for degrees m .. degree, by the three-term recurrence in the degree. */
static void legendre(int degree, int m, double c, double s, double *p) {
  double start = sqrt((m ? 2 : 1) / (4 * PI));
  for (int i = 1; i <= m; i++) start *= s * sqrt((2.0 * i + 1) / (2.0 * i));
  p[m] = start;
  if (m < degree) p[m + 1] = sqrt(2.0 * m + 3) * c * start;
  for (int l = m + 2; l <= degree; l++) {
    double square = (double)l * l, below = (l - 1.0) * (l - 1.0), order = (double)m * m;
    double a = sqrt((4 * square - 1) / (square - order)), b = sqrt((below - order) / (4 * below - 1));
    p[l] = a * (c * p[l - 1] - b * p[l - 2]);
  }
}

void fz_spherical_harmonics(int degree, const double x[3], double *value) {
  double p[FZ_SPHERICAL_DEGREE_MAX + 1], across = hypot(x[0], x[1]), length = hypot(across, x[2]);
  double c = length > 0 ? x[2] / length : 1, s = length > 0 ? across / length : 0;
  double cos_phi = across > 0 ? x[0] / across : 1, sin_phi = across > 0 ? x[1] / across : 0, cm = 1, sm = 0;
  for (int m = 0; m <= degree; m++) {
    legendre(degree, m, c, s, p);
    for (int l = m; l <= degree; l++) {
      if (m) value[l * l + l - m] = p[l] * sm;
      value[l * l + l + m] = p[l] * cm;
    }
    double next = cm * cos_phi - sm * sin_phi;
    sm = cm * sin_phi + sm * cos_phi;
    cm = next;
  }
}

/* P_n(x) and, through *slope, its derivative. */
static double legendre_polynomial(int n, double x, double *slope) {
  double below = 1, here = x;
  for (int l = 1; l < n; l++) {
    double next = ((2 * l + 1) * x * here - l * below) / (l + 1);
    below = here;
    here = next;
  }
  *slope = n * (below - x * here) / (1 - x * x);
  return here;
}

void fz_gauss_legendre(int n, double *node, double *weight) {
  for (int i = 0; i < n; i++) {
    double x = cos(PI * (i + 0.75) / (n + 0.5)), slope;
    for (int newton = 0; newton < 8; newton++) x -= legendre_polynomial(n, x, &slope) / slope;
    legendre_polynomial(n, x, &slope);
    node[i] = x;
    weight[i] = 2 / ((1 - x * x) * slope * slope);
  }
}
