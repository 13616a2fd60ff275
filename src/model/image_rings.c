#include "model/image_rings.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

#include "core/fft.h"
#include "core/memory.h"
#include "core/real.h"

static const double PI = 3.14159265358979323846;
static const double DISTRUST = 1e-4; /* of a sample of T: variance of its error over its variance */
enum { CHUNK = 32, FINE = 2 };       /* radii solved for together; angular oversampling of covariances */

struct fz_image_rings {
  const fz_frequencies *f;
  const fz_rings *rings;
  double support;
  int n_q, n_radii;
  int32_t *order;        /* [count] points by radius */
  int32_t *first;        /* [n_radii + 1] where in `order` each radius begins */
  double *radius;        /* [n_radii] the distinct |k| */
  double *cosine, *sine; /* [count] of the points' angles, in order */
  float *v;              /* [n_q][n_radii][n_rings] */
  fz_fft *circle;        /* n_rings circles at once */
};

/* What one call to make() needs. */
typedef struct scratch {
  double *x[2];      /* [count] real parts, imaginary parts, in order */
  double *c, *s;     /* [count] cos, -sin of q angle */
  double *term[2];   /* [count] */
  double *sum[2];    /* [n_rings] */
  double *circles;   /* [n_rings][n_angles] */
  double complex *b; /* [n_rings][n_q] */
} scratch;

static ptrdiff_t cut_scratch(const fz_image_rings *r, void *block, scratch *s) {
  ptrdiff_t count = (r->f->count + 7) / 8 * 8, rings = (r->rings->n_rings + 7) / 8 * 8, at = 0;
  ptrdiff_t circles = ((ptrdiff_t)r->rings->n_rings * r->rings->n_angles + 7) / 8 * 8;
  struct {
    double **to;
    ptrdiff_t size;
  } part[] = {
      {&s->x[0], count},    {&s->x[1], count},   {&s->c, count},      {&s->s, count},         {&s->term[0], count},
      {&s->term[1], count}, {&s->sum[0], rings}, {&s->sum[1], rings}, {&s->circles, circles}, {NULL, 0}};
  for (int i = 0; part[i].to; i++) {
    *part[i].to = block ? (double *)block + at : NULL;
    at += part[i].size;
  }
  s->b = block ? (double complex *)((double *)block + at) : NULL;
  return (ptrdiff_t)sizeof(double) * (at + 2 * (ptrdiff_t)r->rings->n_rings * r->n_q);
}

/* Covariance of T at two points a distance d apart, 1 at d = 0: the transform of the disc's profile, (1 - u^2)^(3/2),
 * which is the projection of 1 - r^2 in a ball. */
static double covariance(double z) {
  if (z < 1.0) {
    double term = 1.0, sum = 1.0;
    for (int j = 1; j < 12; j++) {
      term *= -0.25 * z * z / (j * (j + 2.5));
      sum += term;
    }
    return sum;
  }
  double z2 = z * z;
  return 15 * ((3 - z2) * sin(z) - 3 * z * cos(z)) / (z2 * z2 * z);
}

/* The first n_q angular coefficients of the covariance between circles of radii a and b, from n samples. */
static void angular_covariance(const fz_image_rings *r, double a, double b, fz_fft *fft, int n, double *sample,
                               double complex *spectrum, double *coefficient) {
  for (int t = 0; t <= n / 2; t++) {
    double d2 = a * a + b * b - 2 * a * b * cos(2 * PI * t / n);
    sample[t] = covariance(2 * PI * r->support * sqrt(fmax(d2, 0)));
    if (t > 0) sample[n - t] = sample[t];
  }
  fz_fft_forward(fft, sample, spectrum);
  for (int q = 0; q < r->n_q; q++) coefficient[q] = creal(spectrum[q]) / n;
}

/* In place: the lower triangle of L with L L^T = m. */
static void factorize(int n, double *m) {
  for (int j = 0; j < n; j++)
    for (int i = j; i < n; i++) {
      double sum = m[i * n + j];
      for (int k = 0; k < j; k++) sum -= m[i * n + k] * m[j * n + k];
      m[i * n + j] = i == j ? sqrt(sum) : sum / m[j * n + j];
    }
}

/* x := (L L^T)^-1 x for CHUNK right-hand sides, x [n][CHUNK]. */
static void solve(int n, const double *l, double *x) {
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < i; k++)
      for (int c = 0; c < CHUNK; c++) x[i * CHUNK + c] -= l[i * n + k] * x[k * CHUNK + c];
    for (int c = 0; c < CHUNK; c++) x[i * CHUNK + c] /= l[i * n + i];
  }
  for (int i = n - 1; i >= 0; i--) {
    for (int k = i + 1; k < n; k++)
      for (int c = 0; c < CHUNK; c++) x[i * CHUNK + c] -= l[k * n + i] * x[k * CHUNK + c];
    for (int c = 0; c < CHUNK; c++) x[i * CHUNK + c] /= l[i * n + i];
  }
}

/* Factors of the rings' own covariances, as sampled (aliases included), plus distrust: [n_q][n_rings][n_rings]. */
static void make_factors(const fz_image_rings *r, fz_fft *fft, double *sample, double complex *spectrum,
                         double *coefficient, double *factor) {
  int n = r->rings->n_rings;
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) {
      angular_covariance(r, r->rings->radius[i], r->rings->radius[j], fft, r->rings->n_angles, sample, spectrum,
                         coefficient);
      for (int q = 0; q < r->n_q; q++)
        factor[((ptrdiff_t)q * n + i) * n + j] = coefficient[q] + (i == j) * DISTRUST / r->rings->n_angles;
    }
  for (int q = 0; q < r->n_q; q++) factorize(n, factor + (ptrdiff_t)q * n * n);
}

static fz_status make_coefficients(fz_image_rings *r) {
  int n = r->rings->n_rings, fine = FINE * r->rings->n_angles;
  fz_fft *plain = fz_fft_create(1, &r->rings->n_angles, 1, false), *finer = fz_fft_create(1, &fine, 1, false);
  double *sample = fz_alloc(fine, sizeof *sample), *coefficient = fz_alloc(r->n_q, sizeof *coefficient);
  double complex *spectrum = fz_alloc(fine / 2 + 1, sizeof *spectrum);
  double *factor = fz_alloc((ptrdiff_t)r->n_q * n * n, sizeof *factor);
  double *side = fz_alloc((ptrdiff_t)r->n_q * n * CHUNK, sizeof *side);
  fz_status st = plain && finer && sample && coefficient && spectrum && factor && side ? FZ_OK : FZ_ENOMEM;
  if (st != FZ_OK) goto done;
  make_factors(r, plain, sample, spectrum, coefficient, factor);
  for (int first = 0; first < r->n_radii; first += CHUNK) {
    int count = r->n_radii - first < CHUNK ? r->n_radii - first : CHUNK;
    for (int i = 0; i < n; i++)
      for (int c = 0; c < count; c++) {
        angular_covariance(r, r->rings->radius[i], r->radius[first + c], finer, fine, sample, spectrum, coefficient);
        coefficient[r->n_q - 1] *= 2; /* both signs of the last frequency are one cosine */
        for (int q = 0; q < r->n_q; q++) side[((ptrdiff_t)q * n + i) * CHUNK + c] = coefficient[q];
      }
    for (int q = 0; q < r->n_q; q++) {
      double *x = side + (ptrdiff_t)q * n * CHUNK;
      solve(n, factor + (ptrdiff_t)q * n * n, x);
      for (int c = 0; c < count; c++)
        for (int i = 0; i < n; i++)
          r->v[((ptrdiff_t)q * r->n_radii + first + c) * n + i] = (float)(x[i * CHUNK + c] / r->rings->n_angles);
    }
  }
done:
  fz_free(&side);
  fz_free(&factor);
  fz_free(&spectrum);
  fz_free(&coefficient);
  fz_free(&sample);
  fz_fft_destroy(&finer);
  fz_fft_destroy(&plain);
  return st;
}

typedef struct point {
  int square, index;
} point;

static int by_radius(const void *a, const void *b) {
  const point *x = a, *y = b;
  return x->square != y->square ? x->square - y->square : x->index - y->index;
}

static fz_status sort_points(fz_image_rings *r) {
  const fz_frequencies *f = r->f;
  point *p = fz_alloc(f->count, sizeof *p);
  if (!p) return FZ_ENOMEM;
  for (int i = 0; i < f->count; i++) p[i] = (point){f->kx[i] * f->kx[i] + f->ky[i] * f->ky[i], i};
  qsort(p, (size_t)f->count, sizeof *p, by_radius);
  for (int i = 0; i < f->count; i++) {
    double k = sqrt((double)p[i].square);
    if (i == 0 || p[i].square != p[i - 1].square) {
      r->radius[r->n_radii] = k;
      r->first[r->n_radii++] = i;
    }
    r->order[i] = p[i].index;
    r->cosine[i] = f->kx[p[i].index] / k;
    r->sine[i] = f->ky[p[i].index] / k;
  }
  r->first[r->n_radii] = f->count;
  fz_free(&p);
  return FZ_OK;
}

fz_image_rings *fz_image_rings_create(const fz_frequencies *f, const fz_rings *rings, double support) {
  FZ_ASSERT(f->kmax == rings->kmax && support > 0 && support <= 0.5);
  fz_image_rings *r = fz_alloc(1, sizeof *r);
  if (!r) return NULL;
  *r = (fz_image_rings){.f = f, .rings = rings, .support = support, .n_q = rings->n_angles / 2 + 1};
  r->order = fz_alloc(f->count, sizeof *r->order);
  r->first = fz_alloc(f->count + 1, sizeof *r->first);
  r->radius = fz_alloc(f->count, sizeof *r->radius);
  r->cosine = fz_alloc(f->count, sizeof *r->cosine);
  r->sine = fz_alloc(f->count, sizeof *r->sine);
  r->circle = fz_fft_create(1, &rings->n_angles, rings->n_rings, false);
  if (!r->order || !r->first || !r->radius || !r->cosine || !r->sine || !r->circle || sort_points(r) != FZ_OK)
    goto failed;
  r->v = fz_alloc((ptrdiff_t)r->n_q * r->n_radii * rings->n_rings, sizeof *r->v);
  if (!r->v || make_coefficients(r) != FZ_OK) goto failed;
  return r;
failed:
  fz_image_rings_destroy(&r);
  return NULL;
}

void fz_image_rings_destroy(fz_image_rings **r) {
  if (!*r) return;
  fz_free(&(*r)->order);
  fz_free(&(*r)->first);
  fz_free(&(*r)->radius);
  fz_free(&(*r)->cosine);
  fz_free(&(*r)->sine);
  fz_free(&(*r)->v);
  fz_fft_destroy(&(*r)->circle);
  fz_free(r);
}

int64_t fz_image_rings_bytes(const fz_frequencies *f, const fz_rings *rings) {
  int most = (f->kmax + 1) * (f->kmax + 1);
  int64_t radii = 0;
  char *seen = fz_alloc(most, 1);
  for (int p = 0; seen && p < f->count; p++) {
    char *this = &seen[f->kx[p] * f->kx[p] + f->ky[p] * f->ky[p]];
    radii += !*this;
    *this = 1;
  }
  fz_free(&seen);
  return (rings->n_angles / 2 + 1) * radii * rings->n_rings * (int64_t)sizeof(float) +
         f->count * (int64_t)(2 * sizeof(int32_t) + 3 * sizeof(double));
}

const fz_rings *fz_image_rings_of(const fz_image_rings *r) {
  return r->rings;
}

ptrdiff_t fz_image_rings_scratch_size(const fz_image_rings *r) {
  scratch s;
  return cut_scratch(r, NULL, &s);
}

/* Angular coefficients of the row at each radius, sum of x exp(-i q angle), spread over the rings.  Because the image
 * is real, even q see only real parts of x and odd q only imaginary parts (times i, left out). */
FZ_KERNEL static void spread(const fz_image_rings *r, int q, const scratch *s) {
  const double *x = s->x[q % 2];
  int count = r->f->count, n = r->rings->n_rings;
  for (int p = 0; p < count; p++) {
    s->term[0][p] = x[p] * s->c[p];
    s->term[1][p] = x[p] * s->s[p];
    double c = s->c[p] * r->cosine[p] + s->s[p] * r->sine[p];
    s->s[p] = s->s[p] * r->cosine[p] - s->c[p] * r->sine[p];
    s->c[p] = c;
  }
  double *sum_re = s->sum[0], *sum_im = s->sum[1];
  for (int i = 0; i < n; i++) sum_re[i] = sum_im[i] = 0;
  for (int k = 0; k < r->n_radii; k++) {
    const float *v = r->v + ((ptrdiff_t)q * r->n_radii + k) * n;
    double re = 0, im = 0;
    for (int p = r->first[k]; p < r->first[k + 1]; p++) {
      re += s->term[0][p];
      im += s->term[1][p];
    }
    for (int i = 0; i < n; i++) {
      sum_re[i] += (double)v[i] * re;
      sum_im[i] += (double)v[i] * im;
    }
  }
}

void fz_image_rings_make(const fz_image_rings *r, const double *re, const double *im, void *block, double *ring_re,
                         double *ring_im) {
  scratch s;
  cut_scratch(r, block, &s);
  int n = r->rings->n_rings, angles = r->rings->n_angles, half = angles / 2;
  for (int p = 0; p < r->f->count; p++) {
    s.x[0][p] = re[r->order[p]];
    s.x[1][p] = im[r->order[p]];
    s.c[p] = 1;
    s.s[p] = 0;
  }
  for (int q = 0; q < r->n_q; q++) {
    spread(r, q, &s);
    for (int i = 0; i < n; i++) s.b[(ptrdiff_t)i * r->n_q + q] = s.sum[0][i] + (q < half ? I * s.sum[1][i] : 0);
  }
  fz_fft_backward(r->circle, s.b, s.circles);
  /* Even frequencies repeat after half a turn, odd ones change their sign: that tells them apart again. */
  for (int i = 0, at = 0; i < n; i++)
    for (int a = 0; a < half; a++, at++) {
      double here = s.circles[(ptrdiff_t)i * angles + a], opposite = s.circles[(ptrdiff_t)i * angles + a + half];
      ring_re[at] = 0.5 * (here + opposite);
      ring_im[at] = 0.5 * (here - opposite);
    }
}
