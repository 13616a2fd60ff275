#include "estep/spectra.h"

#include <math.h>

static const double PI = 3.14159265358979323846;
static const double WEAK_CTF = 0.15;          /* mean c^2 */
static const double TRUST = 0.1;              /* of the background, as a share of it */
static const double UNEXPLAINED = 1e-2;       /* of an image's power, by any map */
static const double BROAD_GAIN = 40;          /* nats */
static const double COOLING = 4, COLD = 0.05; /* from pass to pass; as a share of the noise */
static const double STRONG = 4;               /* signal to noise: the prior hardly matters */
static const double LEAST_RATIO = 0.02;       /* of signal to noise in a half-map: what does not show may be there */

/* Power of the group's images in a shell, noise and signal, as it would be without the mask. */
static double power_of(const fz_dataset *data, ptrdiff_t at) {
  return data->power[at] / data->mask_share;
}

/* Sum over images of c^2/sigma2, by one coefficient of the map in this shell. */
static double precision_of(const fz_dataset *data, int s) {
  double sum = 0;
  for (ptrdiff_t g = 0; g < data->n_groups; g++) {
    ptrdiff_t at = g * data->n_shells + s;
    sum += data->group_images[g] * data->ctf2[at] / data->sigma2[at];
  }
  return sum / (2.0 * s);
}

/* ---- signal ---- */

/* What the power of the images leaves for the signal, or what the average of all images could just not tell. */
static double signal_of_images(const fz_dataset *data, int s) {
  double excess = 0, ctf2 = 0, images = 0, noise = 0;
  for (ptrdiff_t g = 0; g < data->n_groups; g++) {
    double count = data->group_images[g];
    ptrdiff_t at = g * data->n_shells + s;
    excess += count * (data->power[at] - data->mask_share * data->noise[at]);
    ctf2 += count * data->ctf2[at];
    noise += count * data->noise[at];
    images += count;
  }
  return fmax(excess, 1e-3 * noise / sqrt(images)) / fmax(ctf2, 1e-3 * images);
}

static bool weak_ctf(const fz_dataset *data, int s) {
  double ctf2 = 0, images = 0;
  for (ptrdiff_t g = 0; g < data->n_groups; g++) {
    ctf2 += data->group_images[g] * data->ctf2[g * data->n_shells + s];
    images += data->group_images[g];
  }
  return ctf2 < WEAK_CTF * images;
}

static void signal_from_images(fz_dataset *data) {
  int shells = data->n_shells;
  for (int s = shells - 1; s > 0; s--) {
    double tau2 = signal_of_images(data, s);
    /* Where the CTF lets almost nothing through, what is seen is leakage of the mean through the mask, divided by
     * nearly zero: there the spectrum may at most double from shell to shell. */
    data->signal_tau2[s] = weak_ctf(data, s) && s + 1 < shells ? fmin(tau2, 2 * data->signal_tau2[s + 1]) : tau2;
  }
  data->signal_tau2[0] = data->signal_tau2[1];
}

/* Share of the box in which maps lie. */
static double mask_volume(const fz_dataset *data) {
  double r = data->mask_radius_px / data->box;
  return fmin(1, 4.0 / 3 * PI * r * r * r);
}

double fz_spectra_prior(const fz_dataset *data, int shell) {
  return data->signal_tau2[shell < data->n_shells ? shell : data->n_shells - 1];
}

/* Factor from shell to shell at the end of the band, by least squares in its logarithm; at most 1. */
static double fall_of(const fz_dataset *data, int kmax) {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (int s = kmax - kmax / 3; s <= kmax; s++) {
    double value = log(data->signal_tau2[s]);
    n++;
    x += s;
    y += value;
    xx += (double)s * s;
    xy += s * value;
  }
  double slope = n > 1 ? (n * xy - x * y) / (n * xx - x * x) : 0;
  return exp(fmin(0, slope));
}

/* More than this does not fit into the images' power, were the background known to two per cent. */
static double largest_signal(const fz_dataset *data, int s) {
  double excess = 0, ctf2 = 0;
  for (ptrdiff_t g = 0; g < data->n_groups; g++) {
    ptrdiff_t at = g * data->n_shells + s;
    excess +=
        data->group_images[g] * fmax(0.02 * data->background[at], power_of(data, at) - 0.98 * data->background[at]);
    ctf2 += data->group_images[g] * fmax(data->ctf2[at], 1e-3);
  }
  return data->mask_share * excess / ctf2;
}

void fz_spectra_update_signal(fz_dataset *data, const double *cross, const double *fsc, int kmax) {
  double last = HUGE_VAL, fall = 0, inside = mask_volume(data);
  for (int s = 1; s < data->n_shells; s++) {
    double precision = 0.5 * precision_of(data, s);
    if (s <= kmax) {
      double seen = precision * fz_spectra_prior(data, s), w = seen / (1 + seen);
      double ratio = fmax(fsc[s], 0) / fmax(1 - fsc[s], 1e-3);
      double tau2 = seen > STRONG ? cross[s] / (w * w) : inside * ratio / precision;
      last = fmax(tau2, LEAST_RATIO * inside / precision);
      data->signal_tau2[s] = last;
    } else {
      if (s == kmax + 1) fall = fall_of(data, kmax);
      last *= fall;
      data->signal_tau2[s] = fmin(last, largest_signal(data, s));
    }
  }
  data->signal_tau2[0] = data->signal_tau2[1];
}

/* ---- noise ---- */

static double weigh(double background, double rest, double signal) {
  double s2 = signal * signal, e2 = TRUST * TRUST * background * background;
  return (background * s2 + rest * e2) / (s2 + e2);
}

static double noise_of(const fz_dataset *data, ptrdiff_t at, double rest) {
  double power = power_of(data, at), b = fmin(data->background[at], power);
  return weigh(b, fmin(rest, power), power - b);
}

void fz_spectra_begin(fz_dataset *data) {
  for (ptrdiff_t g = 0; g < data->n_groups; g++)
    for (int s = 0; s < data->n_shells; s++) {
      ptrdiff_t at = g * data->n_shells + s;
      data->noise[at] = s ? noise_of(data, at, power_of(data, at)) : data->background[at];
    }
  fz_spectra_anneal(data, 0);
  signal_from_images(data);
}

void fz_spectra_update_noise(fz_dataset *data, const fz_statistics_layout *l, const int64_t *words,
                             const double *shell_weight, int reach) {
  double share = data->mask_share, inside = mask_volume(data);
  for (ptrdiff_t g = 0; g < data->n_groups; g++) {
    double images = fz_statistics_scalar(l, words, FZ_SECTION_IMAGES, g);
    for (int s = 1; s < reach && s < l->n_shells - 1 && images > 0; s++) {
      ptrdiff_t at = g * data->n_shells + s;
      double seen = precision_of(data, s) * fz_spectra_prior(data, s);
      double freedom = 4 * PI * s * s * inside * seen / (1 + seen) * images / (double)data->n;
      double samples = fmax(0.5, 1 - freedom / (2 * PI * s * images)) * images * shell_weight[s] * share;
      double rest = data->sigma2[at] * fz_statistics_scalar(l, words, FZ_SECTION_RESIDUAL, g * l->n_shells + s);
      data->noise[at] = noise_of(data, at, rest / samples);
    }
  }
}

double fz_spectra_gain_change(const fz_dataset *data, const fz_statistics_layout *l, const int64_t *words,
                              const double *shell_weight, const double *before) {
  double sum = 0;
  for (ptrdiff_t g = 0; g < data->n_groups; g++)
    for (int s = 1; s < l->n_shells && s < data->n_shells; s++) {
      ptrdiff_t at = g * data->n_shells + s;
      double power = data->group_images[g] * shell_weight[s] * data->power[at] / before[at];
      double left = fz_statistics_scalar(l, words, FZ_SECTION_RESIDUAL, g * l->n_shells + s);
      sum += 0.5 * (power - left) * (before[at] / data->sigma2[at] - 1);
    }
  return sum;
}

/* ---- annealing ---- */

static double annealed(const fz_dataset *data, ptrdiff_t at, double f) {
  double power = power_of(data, at), noise = data->noise[at];
  return fmax(noise + f * fmax(0, power - noise), UNEXPLAINED * power);
}

void fz_spectra_anneal(fz_dataset *data, double f) {
  for (ptrdiff_t at = 0; at < (ptrdiff_t)data->n_groups * data->n_shells; at++)
    data->sigma2[at] = at % data->n_shells ? annealed(data, at, f) : data->noise[at];
}

static double gain_at(const fz_dataset *data, int kmax, double f) {
  double share = data->mask_share, sum = 0, images = 0;
  for (ptrdiff_t g = 0; g < data->n_groups; g++) {
    images += data->group_images[g];
    for (int s = 1; s <= kmax && s < data->n_shells; s++) {
      ptrdiff_t at = g * data->n_shells + s;
      double signal = fmax(0, power_of(data, at) - data->noise[at]);
      sum += data->group_images[g] * PI * s * share * signal / annealed(data, at, f);
    }
  }
  return sum / images;
}

double fz_spectra_annealing(const fz_dataset *data, int kmax) {
  double gain = gain_at(data, kmax, 0);
  return fmin(1, fmax(0, gain / BROAD_GAIN - 1));
}

double fz_spectra_cool(const fz_dataset *data, double f) {
  double largest = 0;
  f /= COOLING;
  for (ptrdiff_t at = 0; at < (ptrdiff_t)data->n_groups * data->n_shells; at++)
    if (at % data->n_shells) largest = fmax(largest, f * (power_of(data, at) / data->noise[at] - 1));
  return largest < COLD || f < UNEXPLAINED ? 0 : f;
}

int fz_spectra_annealed_passes(const fz_dataset *data, double f) {
  int passes = 0;
  for (; f > 0; passes++) f = fz_spectra_cool(data, f);
  return passes;
}

int fz_spectra_reach(const fz_dataset *data) {
  int s = 1;
  for (; s < data->n_shells; s++)
    if (data->signal_tau2[s] * precision_of(data, s) < 1.0 / 3) break;
  return s - 1;
}
