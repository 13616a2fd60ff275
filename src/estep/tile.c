#include "estep/tile.h"

#include <math.h>
#include <stdbool.h>

#include "core/memory.h"
#include "model/preprocess.h"

static ptrdiff_t ring_points(const fz_rings *rings) {
  return (ptrdiff_t)rings->n_rings * (rings->n_angles / 2);
}

fz_status fz_tile_init(fz_tile *tile, int capacity, const fz_frequencies *f, const fz_rings *rings) {
  *tile = (fz_tile){.padded = f->padded, .rings = rings};
  tile->re = fz_alloc((ptrdiff_t)capacity * f->padded, sizeof(double));
  tile->im = fz_alloc((ptrdiff_t)capacity * f->padded, sizeof(double));
  tile->c2 = fz_alloc((ptrdiff_t)capacity * f->padded, sizeof(double));
  tile->power = fz_alloc((ptrdiff_t)capacity * f->n_shells, sizeof(double));
  tile->image = fz_alloc(capacity, sizeof *tile->image);
  bool complete = tile->re && tile->im && tile->c2 && tile->power && tile->image;
  if (rings) {
    ptrdiff_t size = capacity * ring_points(rings);
    tile->ring_re = fz_alloc(size, sizeof(double));
    tile->ring_im = fz_alloc(size, sizeof(double));
    tile->ring_c2 = fz_alloc(capacity * ring_points(rings->norm), sizeof(double));
    complete = complete && tile->ring_re && tile->ring_im && tile->ring_c2;
  }
  if (complete) return FZ_OK;
  fz_tile_clear(tile);
  return FZ_ENOMEM;
}

void fz_tile_clear(fz_tile *tile) {
  fz_free(&tile->re);
  fz_free(&tile->im);
  fz_free(&tile->c2);
  fz_free(&tile->power);
  fz_free(&tile->ring_re);
  fz_free(&tile->ring_im);
  fz_free(&tile->ring_c2);
  fz_free(&tile->image);
  *tile = (fz_tile){0};
}

void fz_tile_set_image(fz_tile *tile, int i, const fz_frequencies *f, const double complex *half, int box,
                       const fz_ctf *ctf, const fz_optics *optics, const double *sigma2, double centre_x_px,
                       double centre_y_px) {
  double *re = tile->re + (ptrdiff_t)i * f->padded, *im = tile->im + (ptrdiff_t)i * f->padded;
  double *c2 = tile->c2 + (ptrdiff_t)i * f->padded, *power = tile->power + (ptrdiff_t)i * f->n_shells;
  double per_A = 1.0 / (box * optics->pixel_A), turn = 2 * 3.14159265358979323846 / box;
  fz_ctf_terms terms = fz_ctf_prepare(ctf, optics);
  for (int s = 0; s < f->n_shells; s++) power[s] = 0;
  for (int p = 0; p < f->count; p++) {
    int kx = f->kx[p], ky = f->ky[p];
    double c = fz_ctf_at(&terms, kx * per_A, ky * per_A);
    double w = f->weight[p] / sigma2[f->shell[p]];
    double complex x = fz_half_at(half, box, kx, ky);
    power[f->shell[p]] += w * (creal(x) * creal(x) + cimag(x) * cimag(x));
    x *= c * w * cexp(I * turn * (kx * centre_x_px + ky * centre_y_px));
    re[p] = creal(x);
    im[p] = cimag(x);
    c2[p] = c * c * w;
  }
}

void fz_tile_set_rings(fz_tile *tile, int i, const fz_image_rings *convert, void *scratch, int box, const fz_ctf *ctf,
                       const fz_optics *optics, const double *sigma2) {
  const fz_rings *rings = tile->rings;
  ptrdiff_t row = i * ring_points(rings), lattice = (ptrdiff_t)i * tile->padded;
  FZ_ASSERT(rings == fz_image_rings_of(convert));
  fz_image_rings_make(convert, tile->re + lattice, tile->im + lattice, scratch, tile->ring_re + row,
                      tile->ring_im + row);
  const fz_rings *norm = rings->norm;
  double per_A = 1.0 / (box * optics->pixel_A), *c2 = tile->ring_c2 + i * ring_points(norm);
  fz_ctf_terms terms = fz_ctf_prepare(ctf, optics);
  for (int ring = 0; ring < norm->n_rings; ring++) {
    double k = norm->radius[ring], r = k * per_A;
    /* Rings half-way between shells belong to both. */
    double w = norm->weight[ring] * 0.5 * (1 / sigma2[(int)fmax(1, floor(k))] + 1 / sigma2[(int)ceil(k)]);
    for (int a = 0; a < norm->n_angles / 2; a++) {
      double c = fz_ctf_at(&terms, r * norm->cosine[a], r * norm->sine[a]);
      *c2++ = c * c * w;
    }
  }
}
