#include "metrics/fsc.h"

#include <math.h>
#include <stddef.h>

#include "core/fft.h"
#include "core/memory.h"

int fz_fsc_shells(int n) {
  return n / 2 + 1;
}

/* Transform of the masked map; `work` holds n^3 reals. */
static fz_status transform(const fz_fft *fft, const fz_map *map, const float *mask, double *work, double complex *out,
                           fz_error *err) {
  ptrdiff_t size = fz_fft_real_size(fft);
  double sum = 0;
  for (ptrdiff_t i = 0; i < size; i++) {
    work[i] = mask ? (double)map->voxel[i] * mask[i] : map->voxel[i];
    sum += work[i] * 0; /* NaN if anything is not finite */
  }
  if (isnan(sum)) return fz_fail(err, FZ_EINPUT, "a map holds values that are not finite");
  fz_fft_forward(fft, work, out);
  return FZ_OK;
}

/* Weight and add each stored coefficient to its shell; coefficients beyond Nyquist's sphere belong to none. */
static void add_shells(int n, const double complex *a, const double complex *b, double *cross, double *pa, double *pb) {
  int half = n / 2 + 1;
  for (int z = 0; z < n; z++)
    for (int y = 0; y < n; y++) {
      double fz = z < (n + 1) / 2 ? z : z - n, fy = y < (n + 1) / 2 ? y : y - n;
      const double complex *ra = a + ((ptrdiff_t)z * n + y) * half, *rb = b + ((ptrdiff_t)z * n + y) * half;
      for (int x = 0; x < half; x++) {
        long s = lrint(sqrt(fz * fz + fy * fy + (double)x * x));
        if (s >= half) continue;
        double w = x == 0 || 2 * x == n ? 1 : 2;
        cross[s] += w * (creal(ra[x]) * creal(rb[x]) + cimag(ra[x]) * cimag(rb[x]));
        pa[s] += w * (creal(ra[x]) * creal(ra[x]) + cimag(ra[x]) * cimag(ra[x]));
        pb[s] += w * (creal(rb[x]) * creal(rb[x]) + cimag(rb[x]) * cimag(rb[x]));
      }
    }
}

fz_status fz_fsc_compute(const fz_map *a, const fz_map *b, const float *mask, double *fsc, fz_error *err) {
  int n = a->n, shells = fz_fsc_shells(n);
  if (n < 2 || b->n != n) return fz_fail(err, FZ_EINVAL, "maps of %d and %d voxels cannot be compared", n, b->n);
  fz_status st = FZ_OK;
  fz_fft *fft = fz_fft_create(3, (const int[3]){n, n, n}, 1, false);
  double *work = fft ? fz_alloc(fz_fft_real_size(fft), sizeof *work) : NULL;
  double complex *fa = fft ? fz_alloc(fz_fft_complex_size(fft), sizeof *fa) : NULL;
  double complex *fb = fft ? fz_alloc(fz_fft_complex_size(fft), sizeof *fb) : NULL;
  double *sums = fz_alloc(3 * (ptrdiff_t)shells, sizeof *sums);
  if (!work || !fa || !fb || !sums) {
    st = fz_fail(err, FZ_ENOMEM, "no memory for the FSC of %d^3 voxels", n);
    goto done;
  }
  FZ_TRY(transform(fft, a, mask, work, fa, err));
  FZ_TRY(transform(fft, b, mask, work, fb, err));
  double *cross = sums, *pa = sums + shells, *pb = sums + 2 * shells;
  add_shells(n, fa, fb, cross, pa, pb);
  for (int s = 0; s < shells; s++) fsc[s] = pa[s] > 0 && pb[s] > 0 ? cross[s] / (sqrt(pa[s]) * sqrt(pb[s])) : 0;
done:
  fz_free(&sums);
  fz_free(&fb);
  fz_free(&fa);
  fz_free(&work);
  fz_fft_destroy(&fft);
  return st;
}

fz_fsc_crossing fz_fsc_cross(const double *fsc, int n, double voxel_A, double threshold) {
  for (int s = 1; s < fz_fsc_shells(n); s++) {
    if (!(fsc[s] < threshold)) continue;
    double shell = s;
    if (s > 1 && fsc[s - 1] > fsc[s]) shell = s - 1 + (fsc[s - 1] - threshold) / (fsc[s - 1] - fsc[s]);
    return (fz_fsc_crossing){.shell = shell, .resolution_A = n * voxel_A / shell};
  }
  return (fz_fsc_crossing){.shell = n / 2, .resolution_A = n * voxel_A / (n / 2), .never = true};
}

void fz_fsc_sphere(int n, double radius_voxels, double edge_voxels, float *mask) {
  static const double pi = 3.14159265358979323846;
  for (ptrdiff_t z = 0, i = 0; z < n; z++)
    for (ptrdiff_t y = 0; y < n; y++)
      for (ptrdiff_t x = 0; x < n; x++, i++) {
        double dx = (double)(x - n / 2), dy = (double)(y - n / 2), dz = (double)(z - n / 2);
        double beyond = sqrt(dx * dx + dy * dy + dz * dz) - radius_voxels;
        if (beyond < 0 || beyond > edge_voxels)
          mask[i] = beyond < 0 ? 1 : 0;
        else
          mask[i] = edge_voxels > 0 ? (float)(0.5 + 0.5 * cos(pi * beyond / edge_voxels)) : 1;
      }
}
