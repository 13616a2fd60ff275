#include "model/preprocess.h"

#include <math.h>

#include "core/memory.h"
#include "core/real.h"
#include "model/image_transform.h"

struct fz_preprocess {
  int n;
  double share, background_share, background_pixels, least;
  double *mask;    /* [n][n] */
  double *outside; /* [n][n] 1 at background pixels, which make the statistics; 0 elsewhere */
  fz_image_transform *transform;
};

static const struct {
  const char *word, *sentence;
} fault_name[FZ_IMAGE_FAULTS] = {{"good", "is good"},
                                 {"not_finite", "has pixels that are not finite numbers"},
                                 {"constant", "is constant"},
                                 {"unreadable", "cannot be read"},
                                 {"wrong_scale", "has a mean or a deviation far from those of the other images"}};

const char *fz_image_fault_word(int fault) {
  return fault_name[fault].word;
}
const char *fz_image_fault_sentence(int fault) {
  return fault_name[fault].sentence;
}

fz_preprocess *fz_preprocess_create(int n, double radius_px, double edge_px) {
  fz_preprocess *p = fz_alloc(1, sizeof *p);
  if (!p) return NULL;
  p->n = n;
  p->mask = fz_alloc((ptrdiff_t)n * n, sizeof *p->mask);
  p->outside = fz_alloc((ptrdiff_t)n * n, sizeof *p->outside);
  p->transform = fz_image_transform_create(n);
  if (!p->mask || !p->outside || !p->transform) {
    fz_preprocess_destroy(&p);
    return NULL;
  }
  for (int y = 0, i = 0; y < n; y++)
    for (int x = 0; x < n; x++, i++) {
      double r = hypot(x - n / 2, y - n / 2), t = (r - radius_px) / edge_px;
      p->mask[i] = t <= 0 ? 1.0 : t >= 1 ? 0.0 : 0.5 + 0.5 * cos(3.14159265358979323846 * t);
      p->outside[i] = r > radius_px;
      p->background_pixels += p->outside[i];
      p->share += p->mask[i] * p->mask[i] / ((double)n * n);
      p->background_share += (1 - p->mask[i]) * (1 - p->mask[i]) / ((double)n * n);
    }
  return p;
}

void fz_preprocess_destroy(fz_preprocess **p) {
  if (!*p) return;
  fz_free(&(*p)->mask);
  fz_free(&(*p)->outside);
  fz_image_transform_destroy(&(*p)->transform);
  fz_free(p);
}

double fz_preprocess_mask_share(const fz_preprocess *p) {
  return p->share;
}

fz_window_spectrum *fz_preprocess_background_window(const fz_preprocess *p) {
  ptrdiff_t size = (ptrdiff_t)p->n * p->n;
  double *window = fz_alloc(size, sizeof *window);
  for (ptrdiff_t i = 0; window && i < size; i++) window[i] = 1 - p->mask[i];
  fz_window_spectrum *w = window ? fz_window_spectrum_create(p->n, window, p->outside) : NULL;
  fz_free(&window);
  return w;
}

void fz_preprocess_set_least_deviation(fz_preprocess *p, double least) {
  p->least = least;
}

ptrdiff_t fz_preprocess_scratch_size(const fz_preprocess *p) {
  return (ptrdiff_t)sizeof(double) * p->n * p->n;
}

enum { LANES = 8 };

/* Sums over pixels of weight (x - mean)^power, power 1 or 2, lane by lane and then all. */
FZ_KERNEL static double background_sum(const fz_preprocess *p, const float *x, double mean, int power) {
  double lane[LANES] = {0}, sum = 0;
  ptrdiff_t size = (ptrdiff_t)p->n * p->n, whole = size / LANES * LANES;
  for (ptrdiff_t i = 0; i < whole; i += LANES)
    for (int j = 0; j < LANES; j++) {
      double d = x[i + j] - mean;
      lane[j] += p->outside[i + j] * (power == 1 ? d : d * d);
    }
  for (ptrdiff_t i = whole; i < size; i++) lane[0] += p->outside[i] * (power == 1 ? x[i] - mean : pow(x[i] - mean, 2));
  for (int j = 0; j < LANES; j++) sum += lane[j];
  return sum;
}

static fz_image_fault background_statistics(const fz_preprocess *p, const float *pixels, double *mean, double *sd) {
  /* 0 times what is not finite is not finite: the whole image is looked at. */
  double sum = background_sum(p, pixels, 0, 1);
  if (!isfinite(sum)) return FZ_IMAGE_NOT_FINITE;
  *mean = sum / p->background_pixels;
  *sd = sqrt(background_sum(p, pixels, *mean, 2) / p->background_pixels);
  if (!isfinite(*sd)) return FZ_IMAGE_NOT_FINITE;
  return *sd > 1e-6 * fabs(*mean) && *sd > 0 ? FZ_IMAGE_GOOD : FZ_IMAGE_CONSTANT;
}

double fz_preprocess_background_deviation(const fz_preprocess *p, const float *pixels) {
  double mean = 0, sd = 0;
  return background_statistics(p, pixels, &mean, &sd) == FZ_IMAGE_NOT_FINITE ? NAN : sd;
}

fz_image_fault fz_preprocess_image(const fz_preprocess *p, const float *pixels, void *scratch, double complex *half) {
  double mean, sd, *z = scratch;
  fz_image_fault fault = background_statistics(p, pixels, &mean, &sd);
  if (fault) return fault;
  double scale = 1 / hypot(sd, p->least);
  for (ptrdiff_t i = 0; i < (ptrdiff_t)p->n * p->n; i++) z[i] = (pixels[i] - mean) * scale * p->mask[i];
  fz_image_transform_of(p->transform, z, half);
  return FZ_IMAGE_GOOD;
}

fz_image_fault fz_preprocess_background(const fz_preprocess *p, const float *pixels, void *scratch,
                                        double complex *half) {
  double mean, sd, *z = scratch;
  fz_image_fault fault = background_statistics(p, pixels, &mean, &sd);
  if (fault) return fault;
  double scale = 1 / (hypot(sd, p->least) * sqrt(p->background_share));
  for (ptrdiff_t i = 0; i < (ptrdiff_t)p->n * p->n; i++) z[i] = (pixels[i] - mean) * scale * (1 - p->mask[i]);
  fz_image_transform_of(p->transform, z, half);
  return FZ_IMAGE_GOOD;
}

double complex fz_half_at(const double complex *half, int n, int kx, int ky) {
  int flip = kx < 0;
  if (flip) {
    kx = -kx;
    ky = -ky;
  }
  double complex v = half[(ptrdiff_t)(ky < 0 ? ky + n : ky) * (n / 2 + 1) + kx];
  return flip ? conj(v) : v;
}
