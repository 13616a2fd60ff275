#include "model/frequencies.h"

#include <math.h>

#include "core/memory.h"

double fz_taper(double r, int kmax) {
  if (r <= kmax - 1) return 1.0;
  if (r >= kmax + 1) return 0.0;
  return 0.5 + 0.5 * cos(0.5 * 3.14159265358979323846 * (r - kmax + 1));
}

static int in_half(int kx, int ky) {
  return kx > 0 || (kx == 0 && ky > 0);
}

static int inside(int kx, int ky, int kmax) {
  return kx * kx + ky * ky < (kmax + 1) * (kmax + 1);
}

/* Index of each point of the half-plane by its coordinates: [2 kmax + 1][kmax + 1], ky from -kmax. */
static int32_t *make_lookup(const fz_frequencies *f) {
  int32_t *at = fz_alloc((ptrdiff_t)(2 * f->kmax + 1) * (f->kmax + 1), sizeof *at);
  for (int p = 0; at && p < f->count; p++) at[(f->ky[p] + f->kmax) * (f->kmax + 1) + f->kx[p]] = p;
  return at;
}

fz_status fz_frequencies_init(fz_frequencies *f, int kmax) {
  *f = (fz_frequencies){.kmax = kmax, .n_shells = kmax + 2};
  for (int ky = -kmax; ky <= kmax; ky++)
    for (int kx = 0; kx <= kmax; kx++)
      if (in_half(kx, ky) && inside(kx, ky, kmax)) f->count++;
  f->padded = (f->count + 15) / 16 * 16;
  f->kx = fz_alloc(f->padded, sizeof *f->kx);
  f->ky = fz_alloc(f->padded, sizeof *f->ky);
  f->shell = fz_alloc(f->padded, sizeof *f->shell);
  f->weight = fz_alloc(f->padded, sizeof *f->weight);
  f->turned = fz_alloc(f->padded, sizeof *f->turned);
  f->turned_conjugate = fz_alloc(f->padded, sizeof *f->turned_conjugate);
  if (!f->kx || !f->ky || !f->shell || !f->weight || !f->turned || !f->turned_conjugate) {
    fz_frequencies_clear(f);
    return FZ_ENOMEM;
  }
  int p = 0;
  for (int ky = -kmax; ky <= kmax; ky++)
    for (int kx = 0; kx <= kmax; kx++) {
      if (!in_half(kx, ky) || !inside(kx, ky, kmax)) continue;
      double r = sqrt((double)(kx * kx + ky * ky));
      f->kx[p] = (int16_t)kx;
      f->ky[p] = (int16_t)ky;
      f->shell[p] = (int16_t)lrint(r);
      f->weight[p] = 2.0 * fz_taper(r, kmax);
      p++;
    }
  int32_t *lookup = make_lookup(f);
  if (!lookup) {
    fz_frequencies_clear(f);
    return FZ_ENOMEM;
  }
  for (p = 0; p < f->count; p++) {
    int x = f->ky[p], y = -f->kx[p], conjugate = !in_half(x, y);
    f->turned[p] = lookup[((conjugate ? -y : y) + kmax) * (kmax + 1) + (conjugate ? -x : x)];
    f->turned_conjugate[p] = (int8_t)conjugate;
  }
  for (p = f->count; p < f->padded; p++) f->turned[p] = p;
  fz_free(&lookup);
  return FZ_OK;
}

void fz_frequencies_clear(fz_frequencies *f) {
  fz_free(&f->kx);
  fz_free(&f->ky);
  fz_free(&f->shell);
  fz_free(&f->weight);
  fz_free(&f->turned);
  fz_free(&f->turned_conjugate);
  *f = (fz_frequencies){0};
}
