#include "model/cube.h"

#include <complex.h>
#include <string.h>

#include "core/fft.h"
#include "core/memory.h"
#include "model/kaiser_bessel.h"

fz_cube fz_cube_make(int m, int over, int kmax) {
  fz_cube c = {.m = m, .over = over, .kmax = kmax, .reach = over * (kmax + 1) + 2};
  c.nx = c.reach + 2;
  c.ny = 2 * c.reach + 1;
  c.cells = c.ny * c.ny * c.nx;
  return c;
}

int fz_work_box(int kmax) {
  for (int m = 2 * (kmax + 2);; m += 2) {
    int r = m;
    for (int prime = 2; prime <= 5; prime++)
      while (r % prime == 0) r /= prime;
    if (r == 1) return m;
  }
}

static int wrap(int j, int p) {
  return (j % p + p) % p;
}

static double complex value_at(const double *cell, int components, int jx) {
  const double *at = cell + (jx + 1) * components;
  return components == 2 ? CMPLX(at[0], at[1]) : at[0];
}

/* The real output needs H(j) = (T(j) + conj T(-j)) / 2 on the half 0 <= jx <= p/2 that a complex-to-real transform
 * reads.  The conjugate's share lies there for jx = -1, 0 and from p/2 on; cells beyond wrap around. */
static void add_row(const double *cell, int components, int reach, int p, double complex *row, double complex *mirror) {
  int last = reach < p / 2 ? reach : p / 2;
  for (int jx = 0; jx <= last; jx++) row[jx] += 0.5 * value_at(cell, components, jx);
  mirror[1] += 0.5 * conj(value_at(cell, components, -1));
  mirror[0] += 0.5 * conj(value_at(cell, components, 0));
  for (int jx = p / 2; jx <= reach; jx++) mirror[p - jx] += 0.5 * conj(value_at(cell, components, jx));
}

void fz_cube_to_half(const fz_cube *cube, const double *cell, int components, double complex *half) {
  int p = cube->over * cube->m, reach = cube->reach;
  ptrdiff_t row = p / 2 + 1;
  FZ_ASSERT(p % 2 == 0 && reach < p);
  memset(half, 0, sizeof *half * (size_t)p * (size_t)p * (size_t)row);
  for (int jz = -reach; jz <= reach; jz++)
    for (int jy = -reach; jy <= reach; jy++, cell += components * cube->nx)
      add_row(cell, components, reach, p, half + ((ptrdiff_t)wrap(jz, p) * p + wrap(jy, p)) * row,
              half + ((ptrdiff_t)wrap(-jz, p) * p + wrap(-jy, p)) * row);
}

/* In one dimension: where voxel i of `out` lies on the grid of p. */
static int place(int i, int out, int p, bool centred) {
  return centred ? wrap(i - out / 2, p) : i < out - out / 2 ? i : p - (out - i);
}

fz_status fz_cube_crop(int p, const double *real, int out, bool centred, double *voxel) {
  double *inverse = fz_alloc(out, sizeof *inverse);
  if (!inverse) return FZ_ENOMEM;
  for (int i = 0; i < out; i++) {
    int at = place(i, out, p, centred);
    inverse[i] = 1.0 / fz_kb_transform((double)(at <= p / 2 ? at : at - p) / p);
  }
  for (int z = 0; z < out; z++)
    for (int y = 0; y < out; y++) {
      const double *from = real + ((ptrdiff_t)place(z, out, p, centred) * p + place(y, out, p, centred)) * p;
      double factor = inverse[z] * inverse[y];
      for (int x = 0; x < out; x++) *voxel++ = from[place(x, out, p, centred)] * (factor * inverse[x]);
    }
  fz_free(&inverse);
  return FZ_OK;
}

fz_status fz_cube_to_voxels(const fz_cube *cube, const double *cell, int components, int out, double *voxel) {
  int p = cube->over * cube->m, dims[3] = {p, p, p};
  fz_status st = FZ_ENOMEM;
  double complex *half = fz_alloc((ptrdiff_t)p * p * (p / 2 + 1), sizeof *half);
  double *real = fz_alloc((ptrdiff_t)p * p * p, sizeof *real);
  fz_fft *fft = fz_fft_create(3, dims, 1, false);
  if (half && real && fft) {
    fz_cube_to_half(cube, cell, components, half);
    fz_fft_backward(fft, half, real);
    st = fz_cube_crop(p, real, out, true, voxel);
  }
  fz_fft_destroy(&fft);
  fz_free(&real);
  fz_free(&half);
  return st;
}
