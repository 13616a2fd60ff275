#include "pose/spherical_design.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"

static const double PI = 3.14159265358979323846;
static const double EXACT = 1e-13;  /* moments of a design: rounding, with room */
static const double ENOUGH = 2e-16; /* no step is tried beyond this */
enum { STEPS_MAX = 200, ATTEMPTS = 6 };

/* Point of the sphere with its azimuth apart, so that poles need no care. */
typedef struct site {
  double c, s, cos_phi, sin_phi;
} site;

/* Half of the points, their even moments and the derivatives of these. */
typedef struct search {
  int degree, n, k; /* highest even degree, points of one half, moments */
  double *x;        /* [n][3] */
  double *trial;    /* [n][3] */
  double *r;        /* [k] moments of x */
  double *moment;   /* [k] moments of trial */
  double *jacobian; /* [k][2n]: along theta and phi of each point */
  double *gram;     /* [k][k] */
  double *solution; /* [k] */
  double *step;     /* [2n] */
} search;

/* ---- harmonics ---- */

static site site_of(const double *x) {
  site p = {.c = x[2], .s = hypot(x[0], x[1]), .cos_phi = 1};
  if (p.s > 0) {
    p.cos_phi = x[0] / p.s;
    p.sin_phi = x[1] / p.s;
  }
  return p;
}

/* Legendre functions of order m, mean square 1 with their azimuthal factor, divided by sin theta if m > 0.
 * shape  q [degree + 1], filled from m on, zero below */
static void legendre(int degree, int m, double c, double s, double *q) {
  double start = m ? sqrt(2.0) : 1.0;
  for (int i = 1; i <= m; i++) start *= sqrt((2.0 * i + 1) / (2.0 * i)) * (i > 1 ? s : 1);
  memset(q, 0, sizeof *q * (size_t)(degree + 1));
  q[m] = start;
  if (m < degree) q[m + 1] = sqrt(2.0 * m + 3) * c * start;
  for (int l = m + 2; l <= degree; l++) {
    double a = sqrt((4.0 * l * l - 1) / ((double)l * l - (double)m * m));
    double b = sqrt(((l - 1.0) * (l - 1.0) - (double)m * m) / (4.0 * (l - 1.0) * (l - 1.0) - 1));
    q[l] = a * (c * q[l - 1] - b * q[l - 2]);
  }
}

/* Place of the cosine (or, for m > 0, after it the sine) harmonic in a list of degrees 2, 4, ... */
static int even_place(int l, int m) {
  return (l - 2) * (l + 1) / 2 + (m ? 2 * m - 1 : 0);
}

/* Add the harmonics of one point to the sums; derivatives, unless NULL, go to columns 2i, 2i + 1 of the Jacobian. */
static void add_point(const search *d, const double *x, int i, double *q, double *moment, double *jacobian) {
  site p = site_of(x);
  double cm = 1, sm = 0, weight = 1.0 / d->n;
  ptrdiff_t columns = 2 * (ptrdiff_t)d->n;
  for (int m = 0; m <= d->degree; m++) {
    legendre(d->degree, m, p.c, p.s, q);
    for (int l = m < 2 ? 2 : m + m % 2; l <= d->degree; l += 2) {
      int at = even_place(l, m);
      double value = (m ? p.s : 1) * q[l] * weight;
      moment[at] += value * cm;
      if (m) moment[at + 1] += value * sm;
      if (!jacobian || !m) continue;
      double fall = sqrt(((double)l * l - (double)m * m) * (2.0 * l + 1) / (2.0 * l - 1));
      double slope = (l * p.c * q[l] - fall * q[l - 1]) * weight, around = m * q[l] * weight;
      double *row = jacobian + at * columns + 2 * (ptrdiff_t)i;
      row[0] = slope * cm;
      row[1] = -around * sm;
      row[columns] = slope * sm;
      row[columns + 1] = around * cm;
      if (m == 1) row[-columns] = -sqrt(l * (l + 1.0) / 2) * p.s * q[l] * weight;
    }
    double turned = cm * p.cos_phi - sm * p.sin_phi;
    sm = sm * p.cos_phi + cm * p.sin_phi;
    cm = turned;
  }
}

static double moments(const search *d, const double *x, double *q, double *moment, double *jacobian) {
  memset(moment, 0, sizeof *moment * (size_t)d->k);
  for (int i = 0; i < d->n; i++) add_point(d, x + 3 * (ptrdiff_t)i, i, q, moment, jacobian);
  double sum = 0;
  for (int j = 0; j < d->k; j++) sum += moment[j] * moment[j];
  return sum;
}

/* ---- the search ---- */

static void normalize(double *x) {
  double norm = sqrt(x[0] * x[0] + x[1] * x[1] + x[2] * x[2]);
  for (int c = 0; c < 3; c++) x[c] /= norm;
}

/* A spiral over one hemisphere; further attempts shake it by part of the distance between points. */
static void set_start(search *d, int attempt) {
  const double golden = PI * (3 - sqrt(5.0));
  fz_random random = fz_random_stream((uint64_t)attempt, FZ_PURPOSE_GRID_ROTATION, 0, (uint64_t)d->n);
  double shake = attempt ? 0.4 * sqrt(2 * PI / d->n) : 0;
  for (int i = 0; i < d->n; i++) {
    double *x = d->x + 3 * (ptrdiff_t)i, z = 1 - (i + 0.5) / d->n, s = sqrt(1 - z * z);
    x[0] = s * cos(golden * i);
    x[1] = s * sin(golden * i);
    x[2] = z;
    for (int c = 0; c < 3 && attempt; c++) x[c] += shake * fz_random_normal(&random);
    normalize(x);
  }
}

/* Cholesky factor of the lower triangle of a [n][n], in blocks so that the work is in BLAS. */
static bool factorize(double *a, int n) {
  enum { BLOCK = 48 };
  for (int j = 0; j < n; j += BLOCK) {
    int width = n - j < BLOCK ? n - j : BLOCK, below = n - j - width;
    double *diagonal = a + (ptrdiff_t)j * n + j, *panel = diagonal + (ptrdiff_t)width * n;
    for (int c = 0; c < width; c++)
      for (int row = c; row < width; row++) {
        double *x = diagonal + (ptrdiff_t)row * n, *y = diagonal + (ptrdiff_t)c * n, sum = x[c];
        for (int i = 0; i < c; i++) sum -= x[i] * y[i];
        if (row == c && !(sum > 0)) return false;
        x[c] = row == c ? sqrt(sum) : sum / y[c];
      }
    if (!below) break;
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, below, width, 1, diagonal, n, panel,
                n);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, below, width, -1, panel, n, 1, panel + width, n);
  }
  return true;
}

/* step = -J' y, (J J' + lambda) y = r, lambda in units of the mean diagonal; the linear model leaves lambda y of r.
 * False when the matrix is not positive. */
static bool find_step(search *d, double lambda, double *model) {
  int columns = 2 * d->n;
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, d->k, columns, 1, d->jacobian, columns, 0, d->gram, d->k);
  double trace = 0;
  for (int i = 0; i < d->k; i++) trace += d->gram[(ptrdiff_t)i * d->k + i];
  double damping = lambda * trace / d->k;
  for (int i = 0; i < d->k; i++) d->gram[(ptrdiff_t)i * d->k + i] += damping;
  if (!factorize(d->gram, d->k)) return false;
  memcpy(d->solution, d->r, sizeof *d->r * (size_t)d->k);
  cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, d->k, d->gram, d->k, d->solution, 1);
  cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, d->k, d->gram, d->k, d->solution, 1);
  cblas_dgemv(CblasRowMajor, CblasTrans, d->k, columns, -1, d->jacobian, columns, d->solution, 1, 0, d->step, 1);
  *model = 0;
  for (int i = 0; i < d->k; i++) *model += damping * damping * d->solution[i] * d->solution[i];
  return true;
}

static void move(search *d) {
  for (int i = 0; i < d->n; i++) {
    const double *x = d->x + 3 * (ptrdiff_t)i, *u = d->step + 2 * (ptrdiff_t)i;
    double *to = d->trial + 3 * (ptrdiff_t)i;
    site p = site_of(x);
    to[0] = x[0] + u[0] * p.c * p.cos_phi - u[1] * p.sin_phi;
    to[1] = x[1] + u[0] * p.c * p.sin_phi + u[1] * p.cos_phi;
    to[2] = x[2] - u[0] * p.s;
    normalize(to);
  }
}

/* Levenberg-Marquardt with the damping of Nielsen 1999: by how much of the linear model's gain was had.
 * Returns whether the moments of d->x are rounding at the end. */
static bool descend(search *d, double *q) {
  double lambda = 1e-3, rise = 2, value = moments(d, d->x, q, d->r, d->jacobian);
  for (int i = 0; i < STEPS_MAX && value > ENOUGH * ENOUGH * d->k && lambda < 1e6; i++) {
    double next = HUGE_VAL, model = 0;
    if (find_step(d, lambda, &model)) {
      move(d);
      next = moments(d, d->trial, q, d->moment, NULL);
    }
    if (next < value) {
      double surplus = 2 * (value - next) / (value - model) - 1;
      lambda = fmax(lambda * fmax(1e-1, 1 - surplus * surplus * surplus), 1e-13);
      rise = 2;
      memcpy(d->x, d->trial, sizeof *d->x * 3 * (size_t)d->n);
      value = moments(d, d->x, q, d->r, d->jacobian);
    } else if (value < EXACT * EXACT) {
      break;
    } else {
      lambda *= rise;
      rise *= 2;
    }
  }
  return value < EXACT * EXACT;
}

static void clear(search *d) {
  fz_free(&d->x);
  fz_free(&d->trial);
  fz_free(&d->r);
  fz_free(&d->moment);
  fz_free(&d->jacobian);
  fz_free(&d->gram);
  fz_free(&d->solution);
  fz_free(&d->step);
}

static fz_status init(search *d, int t, int n_points) {
  *d = (search){.degree = t - t % 2, .n = n_points / 2};
  d->k = d->degree * (d->degree + 3) / 2;
  d->x = fz_alloc(3 * d->n, sizeof *d->x);
  d->trial = fz_alloc(3 * d->n, sizeof *d->trial);
  d->r = fz_alloc(d->k, sizeof *d->r);
  d->moment = fz_alloc(d->k, sizeof *d->moment);
  d->jacobian = fz_alloc((ptrdiff_t)d->k * 2 * d->n, sizeof *d->jacobian);
  d->gram = fz_alloc((ptrdiff_t)d->k * d->k, sizeof *d->gram);
  d->solution = fz_alloc(d->k, sizeof *d->solution);
  d->step = fz_alloc(2 * d->n, sizeof *d->step);
  bool complete = d->x && d->trial && d->r && d->moment && d->jacobian && d->gram && d->solution && d->step;
  return complete ? FZ_OK : FZ_ENOMEM;
}

/* ---- the interface ---- */

int fz_spherical_design_points(int t) {
  int odd = t | 1;
  return (odd + 1) * (odd + 1) / 2;
}

fz_status fz_spherical_design(int t, int n_points, double *theta, double *phi, fz_error *err) {
  if (t < 1 || t > FZ_DESIGN_DEGREE_MAX)
    return fz_fail(err, FZ_EINVAL, "spherical designs are computed for degrees 1 to %d, not %d", FZ_DESIGN_DEGREE_MAX,
                   t);
  if (n_points < 2 || n_points % 2 || n_points > 1 << 20)
    return fz_fail(err, FZ_EINVAL, "an antipodal design has an even number of points, not %d", n_points);
  search d = {0};
  bool found = false;
  fz_status st = init(&d, t, n_points);
  double *q = fz_alloc(t + 1, sizeof *q);
  if (st != FZ_OK || !q) {
    st = fz_fail(err, FZ_ENOMEM, "no memory for a spherical design of %d points", n_points);
    goto done;
  }
  for (int attempt = 0; attempt < ATTEMPTS && !found; attempt++) {
    set_start(&d, attempt);
    found = descend(&d, q);
  }
  if (!found) {
    st = fz_fail(err, FZ_EDIVERGED, "found no spherical %d-design of %d points; %d are enough", t, n_points,
                 fz_spherical_design_points(t));
    goto done;
  }
  for (int i = 0; i < d.n; i++) {
    site p = site_of(d.x + 3 * (ptrdiff_t)i);
    theta[i] = atan2(p.s, p.c);
    phi[i] = atan2(p.sin_phi, p.cos_phi);
    theta[i + d.n] = atan2(p.s, -p.c);
    phi[i + d.n] = phi[i] > 0 ? phi[i] - PI : phi[i] + PI;
  }
done:
  fz_free(&q);
  clear(&d);
  return st;
}

double fz_spherical_design_error(int t, int n_points, const double *theta, const double *phi) {
  double *q = fz_alloc(t + 1, sizeof *q), *sum = fz_alloc((t + 1) * 2, sizeof *sum), largest = 0;
  for (int m = 0; m <= t && q && sum; m++) {
    memset(sum, 0, sizeof *sum * 2 * (size_t)(t + 1));
    for (int i = 0; i < n_points; i++) {
      double s = sin(theta[i]);
      legendre(t, m, cos(theta[i]), s, q);
      for (int l = m; l <= t; l++) {
        sum[2 * l] += (m ? s : 1) * q[l] * cos(m * phi[i]);
        sum[2 * l + 1] += (m ? s : 1) * q[l] * sin(m * phi[i]);
      }
    }
    for (int l = m > 1 ? m : 1; l <= t; l++)
      largest = fmax(largest, fmax(fabs(sum[2 * l]), fabs(sum[2 * l + 1])) / n_points);
  }
  if (!q || !sum) largest = HUGE_VAL;
  fz_free(&q);
  fz_free(&sum);
  return largest;
}
