#include "estep/scan.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

#include "core/fixed.h"
#include "core/memory.h"
#include "estep/dataset.h"
#include "estep/spectra.h"

enum { PART = 64, POWER = 0, BACKGROUND = 1, CTF2 = 2, CONTRAST_SHELLS = 6 };
/* Images are normalized by their background, so a shell's mean power stays far below this bound or is absurd. */
static const double LARGEST_POWER = 1e8, LEAST_POWER = 1e-6, LARGEST_CONTRAST = 1e3, PI = 3.14159265358979323846;

fz_status fz_scan_init(fz_scan *scan, int n_groups, int n_shells, int64_t images) {
  *scan = (fz_scan){.n_groups = n_groups, .n_shells = n_shells, .scale = fz_fixed_scale(LARGEST_POWER, images + 1)};
  scan->n_words = (ptrdiff_t)n_groups * (3 * n_shells + 1) + 2;
  scan->words = fz_alloc(scan->n_words, sizeof *scan->words);
  scan->largest = fz_alloc((ptrdiff_t)n_groups * n_shells, sizeof *scan->largest);
  if (scan->words && scan->largest) return FZ_OK;
  fz_scan_clear(scan);
  return FZ_ENOMEM;
}

void fz_scan_clear(fz_scan *scan) {
  fz_free(&scan->words);
  fz_free(&scan->largest);
  *scan = (fz_scan){0};
}

typedef struct image_spectrum {
  double power[3]; /* of one shell: means of |X|^2, background, c^2 */
  double count, largest, largest_ctf;
} image_spectrum;

/* Sums over the half-plane kx >= 0; the kx = 0 line holds both conjugates, so its ky < 0 half is left out. */
static void add_spectrum(const fz_dataset *data, const double complex *half, const fz_particle *particle, int kind,
                         image_spectrum *s) {
  int n = data->box, row = n / 2 + 1;
  const fz_optics *optics = &data->table->optics[particle->optics];
  fz_ctf_terms terms = fz_ctf_prepare(&particle->ctf, optics);
  double per_A = 1.0 / (n * optics->pixel_A);
  for (int y = 0; y < n; y++)
    for (int x = 0; x < row; x++) {
      int ky = y <= n / 2 ? y : y - n;
      int shell = (int)lrint(sqrt((double)x * x + (double)ky * ky));
      if (shell == 0 || shell >= data->n_shells || (x == 0 && ky < 0)) continue;
      double complex v = half[(ptrdiff_t)y * row + x];
      double power = creal(v) * creal(v) + cimag(v) * cimag(v);
      s[shell].power[kind] += power;
      if (kind != POWER) continue;
      double c = fz_ctf_at(&terms, x * per_A, ky * per_A);
      s[shell].power[CTF2] += c * c;
      s[shell].largest_ctf = fmax(s[shell].largest_ctf, fabs(c));
      s[shell].count++;
      s[shell].largest = fmax(s[shell].largest, sqrt(power));
    }
}

/* See scan.h. */
static double contrast_of(const fz_dataset *data, const double complex *half, const fz_particle *particle) {
  int n = data->box, last = CONTRAST_SHELLS < data->n_shells ? CONTRAST_SHELLS : data->n_shells;
  fz_ctf_terms terms = fz_ctf_prepare(&particle->ctf, &data->table->optics[particle->optics]);
  double per_A = 1.0 / (n * data->table->optics[particle->optics].pixel_A);
  double width = 2 * PI * data->mask_radius_px / 3 / n, sum = 0, norm = 0;
  for (int ky = 1 - last; ky < last; ky++)
    for (int kx = 0; kx < last; kx++) {
      int square = kx * kx + ky * ky;
      if (square == 0 || square >= last * last || (kx == 0 && ky < 0)) continue;
      double b = fz_ctf_at(&terms, kx * per_A, ky * per_A) * exp(-0.5 * width * width * square);
      sum += creal(fz_half_at(half, n, kx, ky)) * b;
      norm += b * b;
    }
  return norm > 0 ? fmax(-LARGEST_CONTRAST, fmin(LARGEST_CONTRAST, sum / sqrt(norm))) : 0;
}

static void add_fixed(fz_scan *scan, ptrdiff_t at, double value) {
  int64_t fixed = 0;
  fz_fixed_from_double(value, scan->scale, &fixed);
  scan->words[at] += fixed;
}

static void merge_image(fz_scan *scan, const fz_particle *particle, const image_spectrum *s, double contrast) {
  ptrdiff_t shells = scan->n_shells, plane = scan->n_groups * shells, group = particle->optics;
  for (int kind = 0; kind < 3; kind++)
    for (int i = 1; i < shells; i++)
      add_fixed(scan, kind * plane + group * shells + i, fmin(s[i].power[kind] / s[i].count, LARGEST_POWER));
  scan->words[3 * plane + group]++;
  add_fixed(scan, scan->n_words - 2, contrast);
  add_fixed(scan, scan->n_words - 1, contrast * contrast);
  for (int i = 1; i < shells; i++) {
    double *largest = &scan->largest[group * shells + i];
    *largest = fmax(*largest, s[i].largest);
    scan->largest_ctf = fmax(scan->largest_ctf, s[i].largest_ctf);
  }
}

typedef struct scratch {
  float *pixels;
  void *plane;
  double complex *half;
  image_spectrum *spectrum;
} scratch;

static fz_image_moments moments_of(const fz_preprocess *p, const float *pixels, ptrdiff_t n) {
  double sum = 0, square = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += (double)pixels[i];
  double mean = sum / (double)n;
  for (ptrdiff_t i = 0; i < n; i++) square += ((double)pixels[i] - mean) * ((double)pixels[i] - mean);
  return (fz_image_moments){(float)mean, (float)sqrt(square / (double)n),
                            (float)fz_preprocess_background_deviation(p, pixels)};
}

static fz_image_fault look_at(fz_scan *scan, const fz_dataset *data, int64_t i, const float *pixels, scratch *s) {
  const fz_particle *particle = &data->table->particle[i];
  fz_image_fault fault = fz_preprocess_image(data->preprocess, pixels, s->plane, s->half);
  if (fault) return fault;
  memset(s->spectrum, 0, sizeof *s->spectrum * (size_t)data->n_shells);
  add_spectrum(data, s->half, particle, POWER, s->spectrum);
  double contrast = contrast_of(data, s->half, particle);
  fault = fz_preprocess_background(data->preprocess, pixels, s->plane, s->half);
  if (fault) return fault;
  add_spectrum(data, s->half, particle, BACKGROUND, s->spectrum);
#pragma omp critical(fz_scan_merge)
  merge_image(scan, particle, s->spectrum, contrast);
  return FZ_IMAGE_GOOD;
}

/* The images id[0 .. n), or one by one what can be read of them. */
static void read_good(const fz_images *images, const int64_t *id, int n, float *pixels, uint8_t *fault) {
  ptrdiff_t plane = (ptrdiff_t)images->box * images->box;
  if (images->read(images->self, id, n, pixels, NULL) == FZ_OK) return;
  for (int i = 0; i < n; i++)
    if (images->read(images->self, id + i, 1, pixels + i * plane, NULL) != FZ_OK) fault[i] = FZ_IMAGE_UNREADABLE;
}

/* Images start .. start + count of the part, those that are not out already; n of them are looked at. */
static void scan_some(fz_scan *scan, const fz_dataset *data, int64_t first, int count, uint8_t *fault,
                      fz_image_moments *moments, scratch *s) {
  ptrdiff_t pixels = (ptrdiff_t)data->box * data->box;
  int64_t id[PART];
  uint8_t found[PART] = {0};
  int n = 0;
  for (int i = 0; i < count; i++)
    if (!fault[i]) id[n++] = first + i;
  if (n > 0) read_good(&data->images, id, n, s->pixels, found);
  for (int i = 0; i < n; i++) {
    const float *image = s->pixels + i * pixels;
    if (!found[i]) found[i] = (uint8_t)look_at(scan, data, id[i], image, s);
    fault[id[i] - first] = found[i];
    if (!found[i] && moments) moments[id[i] - first] = moments_of(data->preprocess, image, pixels);
  }
}

fz_status fz_scan_part(fz_scan *scan, const fz_dataset *data, int64_t first, int64_t n, uint8_t *fault,
                       fz_image_moments *moments, fz_error *err) {
  ptrdiff_t pixels = (ptrdiff_t)data->box * data->box, half = (ptrdiff_t)data->box * (data->box / 2 + 1);
  fz_status worst = FZ_OK;
  int64_t parts = (n + PART - 1) / PART;
#pragma omp parallel
  {
    scratch s = {fz_alloc(PART * pixels, sizeof(float)), fz_alloc(fz_preprocess_scratch_size(data->preprocess), 1),
                 fz_alloc(half, sizeof(double complex)), fz_alloc(data->n_shells, sizeof(image_spectrum))};
    bool ready = s.pixels && s.plane && s.half && s.spectrum;
#pragma omp for schedule(dynamic, 1)
    for (int64_t part = 0; part < parts; part++) {
      int64_t at = part * PART;
      if (ready)
        scan_some(scan, data, first + at, (int)(n - at < PART ? n - at : PART), fault + at,
                  moments ? moments + at : NULL, &s);
    }
    if (!ready) {
#pragma omp critical(fz_scan_merge)
      worst = FZ_ENOMEM;
    }
    fz_free(&s.pixels);
    fz_free(&s.plane);
    fz_free(&s.half);
    fz_free(&s.spectrum);
  }
  if (worst == FZ_ENOMEM) return fz_fail(err, worst, "no memory to scan images of %d px", data->box);
  return worst;
}

/* Means over the group's images; seen [n_shells] is scratch. */
static void finish_group(const fz_scan *scan, int g, const fz_window_spectrum *window, double *seen, fz_dataset *data) {
  ptrdiff_t shells = scan->n_shells, plane = scan->n_groups * shells;
  double images = fmax(1, data->group_images[g] = (double)scan->words[3 * plane + g]);
  double *background = data->background + g * shells;
  for (int s = 1; s < shells; s++) {
    ptrdiff_t at = g * shells + s;
    data->power[at] = fmax(fz_fixed_to_double(scan->words[at], scan->scale) / images, LEAST_POWER);
    data->ctf2[at] = fz_fixed_to_double(scan->words[2 * plane + at], scan->scale) / images;
    seen[s] = fmax(fz_fixed_to_double(scan->words[plane + at], scan->scale) / images, LEAST_POWER);
  }
  fz_window_spectrum_undo(window, seen, background);
  /* Taking the background's mean away has emptied the lowest shells: what was left of them tells little. */
  for (int s = 2; s >= 0 && shells > 3; s--) background[s] = fmax(background[s], background[3]);
}

fz_status fz_scan_finish(const fz_scan *scan, fz_dataset *data) {
  ptrdiff_t plane = (ptrdiff_t)scan->n_groups * scan->n_shells;
  fz_window_spectrum *window = fz_preprocess_background_window(data->preprocess);
  double *seen = fz_alloc(scan->n_shells, sizeof *seen), scale = scan->scale;
  fz_status st = window && seen ? fz_dataset_make_spectra(data) : FZ_ENOMEM;
  if (st != FZ_OK) goto done;
  memcpy(data->largest, scan->largest, sizeof(double) * (size_t)plane);
  data->largest_ctf = scan->largest_ctf;
  double n = 0, sum = fz_fixed_to_double(scan->words[scan->n_words - 2], scale);
  for (int g = 0; g < scan->n_groups; g++) n += (double)scan->words[3 * plane + g];
  double variance = fz_fixed_to_double(scan->words[scan->n_words - 1], scale) / n - sum / n * (sum / n);
  data->contrast = n > 1 && variance > 0 ? sum / n / sqrt(variance / n) : 0;
  for (int g = 0; g < scan->n_groups; g++) finish_group(scan, g, window, seen, data);
  fz_spectra_begin(data);
done:
  fz_window_spectrum_destroy(&window);
  fz_free(&seen);
  return st;
}
