#include "model/forward.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "model/frequencies.h"
#include "model/image_transform.h"
#include "model/projector.h"

struct fz_forward {
  int n;
  double mean_coefficient; /* (1/n) sum of the voxels */
  fz_frequencies frequency;
  fz_projector *projector;
  fz_image_transform *transform;
  float *re, *im;       /* [frequency.padded] */
  double complex *half; /* [n][n/2+1] */
};

fz_forward *fz_forward_create(const fz_map *map) {
  int n = map->n;
  ptrdiff_t size = (ptrdiff_t)n * n * n;
  fz_forward *f = fz_alloc(1, sizeof *f);
  double *voxel = fz_alloc(size, sizeof *voxel);
  if (!f || !voxel) goto failed;
  f->n = n;
  if (fz_frequencies_init(&f->frequency, n / 2 - 1) != FZ_OK) goto failed;
  f->projector = fz_projector_create(n, n / 2 - 1);
  f->transform = fz_image_transform_create(n);
  f->re = fz_alloc(f->frequency.padded, sizeof *f->re);
  f->im = fz_alloc(f->frequency.padded, sizeof *f->im);
  f->half = fz_alloc((ptrdiff_t)n * (n / 2 + 1), sizeof *f->half);
  if (!f->projector || !f->transform || !f->re || !f->im || !f->half) goto failed;
  for (ptrdiff_t i = 0; i < size; i++) {
    voxel[i] = (double)map->voxel[i];
    f->mean_coefficient += voxel[i] / n;
  }
  if (fz_projector_set(f->projector, voxel, 1.0 / n) != FZ_OK) goto failed;
  fz_projector_seal(f->projector);
  fz_free(&voxel);
  return f;
failed:
  fz_free(&voxel);
  fz_forward_destroy(&f);
  return NULL;
}

void fz_forward_destroy(fz_forward **f) {
  if (!*f) return;
  fz_frequencies_clear(&(*f)->frequency);
  fz_projector_destroy(&(*f)->projector);
  fz_image_transform_destroy(&(*f)->transform);
  fz_free(&(*f)->re);
  fz_free(&(*f)->im);
  fz_free(&(*f)->half);
  fz_free(f);
}

/* re, im: the slice with the CTF, not yet shifted. */
static void slice(fz_forward *f, const fz_particle *q, const fz_optics *optics, double pixel_A) {
  const fz_frequencies *k = &f->frequency;
  fz_rotation pose = fz_rotation_from_euler(q->rot_deg, q->tilt_deg, q->psi_deg);
  fz_projector_slice(f->projector, k, &pose, f->re, f->im);
  double per_A = 1.0 / (f->n * pixel_A);
  fz_ctf_terms terms = optics ? fz_ctf_prepare(&q->ctf, optics) : (fz_ctf_terms){0};
  for (int i = 0; optics && i < k->count; i++) {
    double c = fz_ctf_at(&terms, k->kx[i] * per_A, k->ky[i] * per_A);
    f->re[i] = (float)(c * (double)f->re[i]);
    f->im[i] = (float)(c * (double)f->im[i]);
  }
}

void fz_forward_image(fz_forward *f, const fz_particle *q, const fz_optics *optics, double pixel_A, double *pixels) {
  const fz_frequencies *k = &f->frequency;
  int n = f->n, row = n / 2 + 1;
  slice(f, q, optics, pixel_A);
  memset(f->half, 0, sizeof *f->half * (size_t)n * (size_t)row);
  double turn_x = 2 * 3.14159265358979323846 / n * q->origin_x_A / pixel_A;
  double turn_y = 2 * 3.14159265358979323846 / n * q->origin_y_A / pixel_A;
  f->half[0] = f->mean_coefficient * (optics ? fz_ctf_value(&q->ctf, optics, 0, 0) : 1.0);
  for (int i = 0; i < k->count; i++) {
    int kx = k->kx[i], ky = k->ky[i];
    double complex v = ((double)f->re[i] + I * (double)f->im[i]) * cexp(I * (turn_x * kx + turn_y * ky));
    f->half[(ptrdiff_t)((ky + n) % n) * row + kx] = v;
    if (kx == 0) f->half[(ptrdiff_t)((n - ky) % n) * row] = conj(v);
  }
  fz_image_transform_backward(f->transform, f->half, pixels);
}

double fz_forward_variance(fz_forward *f, const fz_particle *q, const fz_optics *optics, double pixel_A) {
  double power = 0;
  slice(f, q, optics, pixel_A);
  for (int i = 0; i < f->frequency.count; i++) power += pow((double)f->re[i], 2) + pow((double)f->im[i], 2);
  return 2 * power / ((double)f->n * f->n);
}
