#include "model/spherical_basis.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/memory.h"

static const double PI = 3.14159265358979323846;
enum { RADIAL_NODES = 128, HARMONICS_MAX = (FZ_SPHERICAL_DEGREE_MAX + 1) * (FZ_SPHERICAL_DEGREE_MAX + 1) };

fz_status fz_spherical_basis_init(fz_spherical_basis *b, int degree, const int *n_radial, double band, fz_error *err) {
  *b = (fz_spherical_basis){.degree = degree, .band = band};
  bool fine = degree >= 0 && degree <= FZ_SPHERICAL_DEGREE_MAX && band > 0 && band <= PI;
  for (int l = 0; fine && l <= degree; l++) {
    fine = n_radial[l] >= 0 && n_radial[l] <= FZ_SPHERICAL_ZEROS_MAX;
    b->n_radial[l] = n_radial[l];
    b->n_profiles += n_radial[l];
    b->dim += (2 * l + 1) * n_radial[l];
  }
  if (!fine || b->dim == 0)
    return fz_fail(err, FZ_EINVAL, "no spherical basis of degree %d (0 .. %d), band %g, with up to %d radial functions",
                   degree, FZ_SPHERICAL_DEGREE_MAX, band, FZ_SPHERICAL_ZEROS_MAX);
  b->zero = fz_alloc(b->n_profiles, sizeof *b->zero);
  b->norm = fz_alloc(b->n_profiles, sizeof *b->norm);
  if (!b->zero || !b->norm) {
    fz_spherical_basis_clear(b);
    return fz_fail(err, FZ_ENOMEM, "no memory for a spherical basis");
  }
  double *zero = b->zero, *norm = b->norm, j[FZ_SPHERICAL_DEGREE_MAX + 2];
  for (int l = 0; l <= degree; l++) {
    fz_spherical_bessel_zeros(l, n_radial[l], zero);
    for (int s = 0; s < n_radial[l]; s++) {
      fz_spherical_bessel(l + 1, *zero++, j);
      *norm++ = sqrt(2 / (band * band * band)) / fabs(j[l + 1]);
    }
  }
  return FZ_OK;
}

void fz_spherical_basis_clear(fz_spherical_basis *b) {
  fz_free(&b->zero);
  fz_free(&b->norm);
}

int fz_spherical_basis_rule(double band, double radius, int *n_radial) {
  double zero[FZ_SPHERICAL_ZEROS_MAX];
  int degree = -1;
  for (int l = 0; l <= FZ_SPHERICAL_DEGREE_MAX; l++) {
    fz_spherical_bessel_zeros(l, FZ_SPHERICAL_ZEROS_MAX, zero);
    n_radial[l] = 0;
    while (n_radial[l] + 1 < FZ_SPHERICAL_ZEROS_MAX && zero[n_radial[l] + 1] <= 2 * band * radius) n_radial[l]++;
    if (n_radial[l] > 0) degree = l;
  }
  return degree;
}

/* ---- sums over the basis ---- */

/* out [dim] = profile_ls harmonic_lm */
static void outer(const fz_spherical_basis *b, const double *profile, const double *harmonic, double *out) {
  for (int l = 0; l <= b->degree; l++)
    for (int s = 0; s < b->n_radial[l]; s++, profile++)
      for (int m = -l; m <= l; m++) *out++ = *profile * harmonic[l * l + l + m];
}

/* (-i)^l is this, times -i to the parity of l turned into +i: 1, -i, -1, +i -> 1, -1, -1, 1 */
static double phase(int l) {
  return l % 4 == 1 || l % 4 == 2 ? -1 : 1;
}

/* F_ls(k) */
static void profiles(const fz_spherical_basis *b, double k, double *f) {
  double j[FZ_SPHERICAL_DEGREE_MAX + 2];
  ptrdiff_t i = 0;
  for (int l = 0; l <= b->degree; l++)
    for (int s = 0; s < b->n_radial[l]; s++, i++) {
      fz_spherical_bessel(l, b->zero[i] * k / b->band, j);
      f[i] = k < b->band ? b->norm[i] * j[l] : 0;
    }
}

static double length_of(const double *x) {
  return hypot(hypot(x[0], x[1]), x[2]);
}

void fz_spherical_basis_values(const fz_spherical_basis *b, const double k[3], double *value) {
  double f[(FZ_SPHERICAL_DEGREE_MAX + 1) * FZ_SPHERICAL_ZEROS_MAX], y[HARMONICS_MAX];
  profiles(b, length_of(k), f);
  for (int l = 0, i = 0; l <= b->degree; l++)
    for (int s = 0; s < b->n_radial[l]; s++) f[i++] *= phase(l);
  fz_spherical_harmonics(b->degree, k, y);
  outer(b, f, y, value);
}

double complex fz_spherical_basis_transform(const fz_spherical_basis *b, const double *a, const double k[3]) {
  double *value = fz_alloc(b->dim, sizeof *value), part[2] = {0, 0};
  if (!value) return NAN;
  fz_spherical_basis_values(b, k, value);
  for (ptrdiff_t l = 0, i = 0; l <= b->degree; l++)
    for (ptrdiff_t c = (2 * l + 1) * b->n_radial[l]; c > 0; c--, i++) part[l % 2] += a[i] * value[i];
  fz_free(&value);
  return part[0] + I * part[1];
}

/* ---- slices ---- */

static int half_of(int n) {
  return (n - 1) / 2;
}

int fz_slice_numbers(int n) {
  return (2 * half_of(n) + 1) * (2 * half_of(n) + 1);
}

/* The next stored frequency in integer cycles per box, row by row from (1, 0). */
static void next_frequency(int n, int *jx, int *jy) {
  if (++*jx > half_of(n)) {
    *jx = -half_of(n);
    ++*jy;
  }
}

fz_status fz_spherical_basis_slice(const fz_spherical_basis *b, int n, const fz_rotation *rotation, double *matrix) {
  const int p = fz_slice_numbers(n);
  double *value = fz_alloc(b->dim, sizeof *value);
  if (!value) return FZ_ENOMEM;
  fz_rotation back = fz_rotation_inverse(rotation);
  for (int i = 0, jx = 0, jy = 0; i < p; i += i ? 2 : 1, next_frequency(n, &jx, &jy)) {
    double k[3] = {2 * PI * jx / n, 2 * PI * jy / n, 0}, factor = (i ? sqrt(2) : 1) / n;
    fz_rotation_apply(&back, k, k);
    fz_spherical_basis_values(b, k, value);
    for (ptrdiff_t l = 0, a = 0; l <= b->degree; l++)
      for (ptrdiff_t c = (2 * l + 1) * b->n_radial[l]; c > 0; c--, a++) {
        double *at = matrix + a * p + i;
        at[0] = l % 2 ? 0 : factor * value[a];
        if (i) at[1] = l % 2 ? factor * value[a] : 0;
      }
  }
  fz_free(&value);
  return FZ_OK;
}

void fz_slice_image(int n, const double *x, double *pixel) {
  const int p = fz_slice_numbers(n);
  for (int y = 0; y < n; y++)
    for (int column = 0; column < n; column++) {
      double sum = x[0];
      int jx = 1, jy = 0;
      for (int i = 1; i < p; i += 2, next_frequency(n, &jx, &jy)) {
        double angle = 2 * PI * (jx * (column - n / 2) + jy * (y - n / 2)) / n;
        sum += sqrt(2) * (x[i] * cos(angle) - x[i + 1] * sin(angle));
      }
      pixel[y * n + column] = sum / n;
    }
}

/* ---- coefficients ---- */

/* integral over (0, band) of exp(-width^2 k^2/2) j_l(k radius) F_ls(k) k^2, all l and s */
static void gaussian_profiles(const fz_spherical_basis *b, double width, double radius, double *f, double *integral) {
  double node[RADIAL_NODES], weight[RADIAL_NODES], j[FZ_SPHERICAL_DEGREE_MAX + 2];
  fz_gauss_legendre(RADIAL_NODES, node, weight);
  memset(integral, 0, sizeof *integral * (size_t)b->n_profiles);
  for (int q = 0; q < RADIAL_NODES; q++) {
    double k = b->band * (node[q] + 1) / 2;
    double factor = b->band / 2 * weight[q] * k * k * exp(-width * width * k * k / 2);
    fz_spherical_bessel(b->degree, k * radius, j);
    profiles(b, k, f);
    for (int l = 0, i = 0; l <= b->degree; l++)
      for (int s = 0; s < b->n_radial[l]; s++, i++) integral[i] += factor * j[l] * f[i];
  }
}

fz_status fz_spherical_basis_project(const fz_spherical_basis *b, const fz_gaussians *g, double pixel_A, double *a) {
  double *f = fz_alloc(b->n_profiles, sizeof *f), *integral = fz_alloc(b->n_profiles, sizeof *integral);
  double *term = fz_alloc(b->dim, sizeof *term), y[HARMONICS_MAX];
  fz_status st = f && integral && term ? FZ_OK : FZ_ENOMEM;
  memset(a, 0, sizeof *a * (size_t)b->dim);
  for (ptrdiff_t j = 0; j < g->n && st == FZ_OK; j++) {
    const fz_gaussian *item = g->item + j;
    gaussian_profiles(b, item->width_A / pixel_A, length_of(item->at_A) / pixel_A, f, integral);
    fz_spherical_harmonics(b->degree, item->at_A, y);
    outer(b, integral, y, term);
    for (ptrdiff_t i = 0; i < b->dim; i++) a[i] += 4 * PI * item->weight * term[i];
  }
  fz_free(&f);
  fz_free(&integral);
  fz_free(&term);
  return st;
}

/* out_m = sum_m' D_mm' a_m' for one (l, s), D_mm' = int Y_lm(x) Y_lm'(R' x) dx as a sum over nodes:
 * turned[node] = sum_m' Y_lm'(R' x) a_m' first. */
fz_status fz_spherical_basis_rotate(const fz_spherical_basis *b, const fz_rotation *rotation, const double *a,
                                    double *out) {
  const int polar = b->degree + 1, around = 2 * b->degree + 1, harmonics = (b->degree + 1) * (b->degree + 1);
  double node[FZ_SPHERICAL_DEGREE_MAX + 1], weight[FZ_SPHERICAL_DEGREE_MAX + 1];
  double *y = fz_alloc(2 * harmonics, sizeof *y);
  if (!y) return FZ_ENOMEM;
  fz_rotation back = fz_rotation_inverse(rotation);
  fz_gauss_legendre(polar, node, weight);
  memset(out, 0, sizeof *out * (size_t)b->dim);
  for (int q = 0; q < polar * around; q++) {
    double c = node[q / around], s = sqrt(1 - c * c), phi = 2 * PI * (q % around) / around;
    double x[3] = {s * cos(phi), s * sin(phi), c}, *turned = y + harmonics;
    fz_spherical_harmonics(b->degree, x, y);
    fz_rotation_apply(&back, x, x);
    fz_spherical_harmonics(b->degree, x, turned);
    for (int l = 0, i = 0; l <= b->degree; l++)
      for (int r = 0; r < b->n_radial[l]; r++, i += 2 * l + 1) {
        double sum = 0;
        for (int m = 0; m < 2 * l + 1; m++) sum += turned[l * l + m] * a[i + m];
        for (int m = 0; m < 2 * l + 1; m++) out[i + m] += weight[q / around] * 2 * PI / around * sum * y[l * l + m];
      }
  }
  fz_free(&y);
  return FZ_OK;
}

/* int_0^1 x^2 j_l(Rx) j_l(tx) dx = R j_{l+1}(R) j_l(t) / (R^2 - t^2) at a zero R; at t = R its limit, with two terms
 * of Taylor's series, below which the quotient would lose digits. */
static double overlap(int l, double zero, double t) {
  double at_zero[FZ_SPHERICAL_DEGREE_MAX + 2], at_t[FZ_SPHERICAL_DEGREE_MAX + 2], d = t - zero;
  fz_spherical_bessel(l + 1, zero, at_zero);
  double next = at_zero[l + 1];
  if (fabs(d) < 1e-4) {
    double curve = (6 + l * (l + 1.0)) / (zero * zero) - 1;
    return next * next / 2 * (1 - d / zero + d * d / 6 * curve) / (1 + d / (2 * zero));
  }
  fz_spherical_bessel(l, t, at_t);
  return zero * next * at_t[l] / ((zero - t) * (zero + t));
}

double fz_spherical_basis_density(const fz_spherical_basis *b, const double *a, const double r[3]) {
  double y[HARMONICS_MAX], sum = 0, t = b->band * length_of(r);
  const double volume = b->band * b->band * b->band / (2 * PI * PI);
  fz_spherical_harmonics(b->degree, r, y);
  for (int l = 0, i = 0; l <= b->degree; l++)
    for (int s = 0; s < b->n_radial[l]; s++, i++) {
      double g = volume * b->norm[i] * overlap(l, b->zero[i], t);
      for (int m = 0; m < 2 * l + 1; m++) sum += *a++ * g * y[l * l + m];
    }
  return sum;
}

void fz_spherical_basis_volume(const fz_spherical_basis *b, const double *a, int n, double step, float *voxel) {
  for (int z = 0; z < n; z++)
    for (int y = 0; y < n; y++)
      for (int x = 0; x < n; x++) {
        double r[3] = {step * (x - n / 2), step * (y - n / 2), step * (z - n / 2)};
        *voxel++ = (float)fz_spherical_basis_density(b, a, r);
      }
}
