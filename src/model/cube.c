#include "model/cube.h"

#include <complex.h>

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

/* The real output needs H(j) = (T(j) + conj T(-j)) / 2 on the half jx >= 0 that a complex-to-real transform reads. */
static void add_cell(double complex *half, int p, int jz, int jy, int jx, double complex value) {
  ptrdiff_t row = p / 2 + 1;
  int x = wrap(jx, p), mirror = wrap(-jx, p);
  value *= 0.5;
  if (x <= p / 2) half[((ptrdiff_t)wrap(jz, p) * p + wrap(jy, p)) * row + x] += value;
  if (mirror <= p / 2) half[((ptrdiff_t)wrap(-jz, p) * p + wrap(-jy, p)) * row + mirror] += conj(value);
}

fz_status fz_cube_to_voxels(const fz_cube *cube, const double *cell, int components, int out, double *voxel) {
  int p = cube->over * cube->m, reach = cube->reach, dims[3] = {p, p, p};
  ptrdiff_t half_size = (ptrdiff_t)p * p * (p / 2 + 1);
  fz_status st = FZ_ENOMEM;
  double complex *half = fz_alloc(half_size, sizeof *half);
  double *real = fz_alloc((ptrdiff_t)p * p * p, sizeof *real), *inverse = fz_alloc(out, sizeof *inverse);
  fz_fft *fft = fz_fft_create(3, dims, 1, false);
  if (!half || !real || !inverse || !fft) goto done;
  ptrdiff_t at = 0;
  for (int jz = -reach; jz <= reach; jz++)
    for (int jy = -reach; jy <= reach; jy++)
      for (int jx = -1; jx <= reach; jx++, at++) {
        double complex t = components == 2 ? cell[2 * at] + I * cell[2 * at + 1] : cell[at];
        if (t != 0.0) add_cell(half, p, jz, jy, jx, t);
      }
  fz_fft_backward(fft, half, real);
  for (int i = 0; i < out; i++) inverse[i] = 1.0 / fz_kb_transform((double)(i - out / 2) / p);
  at = 0;
  for (int z = 0; z < out; z++)
    for (int y = 0; y < out; y++)
      for (int x = 0; x < out; x++, at++) {
        ptrdiff_t from = ((ptrdiff_t)wrap(z - out / 2, p) * p + wrap(y - out / 2, p)) * p + wrap(x - out / 2, p);
        voxel[at] = real[from] * inverse[z] * inverse[y] * inverse[x];
      }
  st = FZ_OK;
done:
  fz_fft_destroy(&fft);
  fz_free(&inverse);
  fz_free(&real);
  fz_free(&half);
  return st;
}
