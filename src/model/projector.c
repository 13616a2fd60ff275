#include "model/projector.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#include "core/fft.h"
#include "core/memory.h"
#include "model/kaiser_bessel.h"

#ifdef FZ_DOUBLE
#define forward fz_fft_forward
#define fill_table fz_kb_fill_table_f64
typedef double complex complex_real;
enum { SINGLE = 0 };
#else
#define forward fz_fft_forward_float
#define fill_table fz_kb_fill_table_f32
typedef float complex complex_real;
enum { SINGLE = 1 };
#endif

/* Four neighbours along x: complex cells fill one vec8, real ones one vec4. */
typedef fz_real vec8 __attribute__((vector_size(8 * sizeof(fz_real)), aligned(sizeof(fz_real))));
typedef fz_real vec4 __attribute__((vector_size(4 * sizeof(fz_real)), aligned(sizeof(fz_real))));

#define INLINE static inline __attribute__((always_inline)) /* into each instruction set's version of a kernel */

struct fz_projector {
  fz_cube cube;
  fz_fft *fft;
  fz_real *padded;    /* [2m][2m][2m] */
  complex_real *half; /* [2m][2m][m+1] */
  double *inverse;    /* [m] 1 / phi^ */
  fz_real *cell;      /* [cells][2] */
  fz_real table[4 * (FZ_KB_TABLE + 1)];
};

fz_projector *fz_projector_create(int m, int kmax) {
  fz_projector *p = fz_alloc(1, sizeof *p);
  if (!p) return NULL;
  p->cube = fz_cube_make(m, 2, kmax);
  int n = 2 * m, dims[3] = {n, n, n};
  p->fft = fz_fft_create(3, dims, 1, SINGLE);
  p->padded = fz_alloc((ptrdiff_t)n * n * n, sizeof *p->padded);
  p->half = fz_alloc((ptrdiff_t)n * n * (m + 1), sizeof *p->half);
  p->inverse = fz_alloc(m, sizeof *p->inverse);
  p->cell = fz_alloc(2 * p->cube.cells, sizeof *p->cell);
  if (!p->fft || !p->padded || !p->half || !p->inverse || !p->cell) {
    fz_projector_destroy(&p);
    return NULL;
  }
  for (int i = 0; i < m; i++) p->inverse[i] = 1.0 / fz_kb_transform((double)(i - m / 2) / n);
  fill_table(p->table);
  return p;
}

void fz_projector_destroy(fz_projector **p) {
  if (!*p) return;
  fz_fft_destroy(&(*p)->fft);
  fz_free(&(*p)->padded);
  fz_free(&(*p)->half);
  fz_free(&(*p)->inverse);
  fz_free(&(*p)->cell);
  fz_free(p);
}

void fz_projector_seal(fz_projector *p) {
  fz_fft_destroy(&p->fft);
  fz_free(&p->padded);
  fz_free(&p->half);
}

static int wrap(int j, int n) {
  return (j % n + n) % n;
}

fz_status fz_projector_set(fz_projector *p, const double *voxel, double scale) {
  int m = p->cube.m, n = 2 * m, reach = p->cube.reach;
  FZ_ASSERT(p->padded);
  memset(p->padded, 0, sizeof *p->padded * (size_t)n * (size_t)n * (size_t)n);
  ptrdiff_t at = 0;
  for (int z = 0; z < m; z++)
    for (int y = 0; y < m; y++) {
      fz_real *row = p->padded + ((ptrdiff_t)wrap(z - m / 2, n) * n + wrap(y - m / 2, n)) * n;
      double factor = scale * p->inverse[z] * p->inverse[y];
      for (int x = 0; x < m; x++, at++) row[wrap(x - m / 2, n)] = (fz_real)(voxel[at] * factor * p->inverse[x]);
    }
  forward(p->fft, p->padded, p->half);
  at = 0;
  for (int jz = -reach; jz <= reach; jz++)
    for (int jy = -reach; jy <= reach; jy++)
      for (int jx = -1; jx <= reach; jx++, at++) {
        int x = wrap(jx, n), flip = x > n / 2;
        int z = wrap(flip ? -jz : jz, n), y = wrap(flip ? -jy : jy, n);
        if (flip) x = n - x;
        complex_real v = p->half[((ptrdiff_t)z * n + y) * (m + 1) + x];
        p->cell[2 * at] = (fz_real)creal(v);
        p->cell[2 * at + 1] = (fz_real)(flip ? -cimag(v) : cimag(v));
      }
  return FZ_OK;
}

typedef struct taps {
  ptrdiff_t first; /* cell of the lowest corner */
  int conjugate;
  vec4 x, y, z;
  vec4 dx, dy, dz; /* derivatives by the place on the grid; unused ones cost nothing */
} taps;

/* The kernel ends at a height of 9e-4, which the table makes a ramp in its first and last interval: the slope of the
 * interval beside it stands for those. */
INLINE vec4 axis_slopes(const fz_real *table, double f) {
  int t = (int)(f * FZ_KB_TABLE);
  vec4 low, high;
  t = t < 1 ? 1 : t > FZ_KB_TABLE - 2 ? FZ_KB_TABLE - 2 : t;
  memcpy(&low, table + 4 * t, sizeof low);
  memcpy(&high, table + 4 * t + 4, sizeof high);
  return (high - low) * (fz_real)FZ_KB_TABLE;
}

/* f = q - floor(q) is 1 where q lies below an integer by less than rounding can tell: the last row is then the upper.
 */
INLINE vec4 axis_weights(const fz_real *table, double f) {
  double position = f * FZ_KB_TABLE;
  int t = position < FZ_KB_TABLE ? (int)position : FZ_KB_TABLE - 1;
  fz_real part = (fz_real)(position - t);
  vec4 low, high;
  memcpy(&low, table + 4 * t, sizeof low);
  memcpy(&high, table + 4 * t + 4, sizeof high);
  return low + (high - low) * part;
}

INLINE taps find_taps(const fz_cube *cube, const fz_real *table, const fz_rotation *a, double kx, double ky) {
  double q[3];
  for (int i = 0; i < 3; i++) q[i] = cube->over * (kx * a->m[0][i] + ky * a->m[1][i]);
  taps t;
  t.conjugate = q[0] < 0;
  if (t.conjugate)
    for (int i = 0; i < 3; i++) q[i] = -q[i];
  double fx = floor(q[0]), fy = floor(q[1]), fz = floor(q[2]);
  t.x = axis_weights(table, q[0] - fx);
  t.dx = axis_slopes(table, q[0] - fx);
  t.y = axis_weights(table, q[1] - fy);
  t.dy = axis_slopes(table, q[1] - fy);
  t.z = axis_weights(table, q[2] - fz);
  t.dz = axis_slopes(table, q[2] - fz);
  ptrdiff_t ix = (ptrdiff_t)fx - 1 + 1, iy = (ptrdiff_t)fy - 1 + cube->reach, iz = (ptrdiff_t)fz - 1 + cube->reach;
  t.first = (iz * cube->ny + iy) * cube->nx + ix;
  return t;
}

/* sum over x of complex cells times real weights */
INLINE void along_x(vec8 row, vec4 weight, fz_real *re, fz_real *im) {
  *re = row[0] * weight[0] + row[2] * weight[1] + row[4] * weight[2] + row[6] * weight[3];
  *im = row[1] * weight[0] + row[3] * weight[1] + row[5] * weight[2] + row[7] * weight[3];
}

INLINE void slice_point(const fz_projector *p, const fz_rotation *a, double kx, double ky, fz_real *re, fz_real *im) {
  const fz_cube *cube = &p->cube;
  taps t = find_taps(cube, p->table, a, kx, ky);
  vec8 sum = {0};
  for (int z = 0; z < 4; z++)
    for (int y = 0; y < 4; y++) {
      vec8 row;
      memcpy(&row, p->cell + 2 * (t.first + (z * cube->ny + y) * cube->nx), sizeof row);
      sum += row * (t.z[z] * t.y[y]);
    }
  along_x(sum, t.x, re, im);
  if (t.conjugate) *im = -*im;
}

INLINE void tangent_point(const fz_projector *p, const fz_rotation *a, double kx, double ky, int i,
                          const fz_tangents *to) {
  const fz_cube *cube = &p->cube;
  taps t = find_taps(cube, p->table, a, kx, ky);
  vec8 sum = {0}, by_y = {0}, by_z = {0};
  for (int z = 0; z < 4; z++)
    for (int y = 0; y < 4; y++) {
      vec8 row;
      memcpy(&row, p->cell + 2 * (t.first + (z * cube->ny + y) * cube->nx), sizeof row);
      sum += row * (t.z[z] * t.y[y]);
      by_y += row * (t.z[z] * t.dy[y]);
      by_z += row * (t.dz[z] * t.y[y]);
    }
  fz_real re, im, g_re[3], g_im[3];
  along_x(sum, t.x, &re, &im);
  along_x(sum, t.dx, &g_re[0], &g_im[0]);
  along_x(by_y, t.x, &g_re[1], &g_im[1]);
  along_x(by_z, t.x, &g_re[2], &g_im[2]);
  /* A point that stands for its conjugate at -q: s(q) = conj S(-q), so the real part of the gradient changes sign. */
  fz_real over = (fz_real)cube->over, sign_re = t.conjugate ? -over : over;
  to->re[i] = re;
  to->im[i] = t.conjugate ? -im : im;
  to->out_re[i] = to->out_im[i] = to->spin_re[i] = to->spin_im[i] = 0;
  for (int c = 0; c < 3; c++) {
    fz_real out = (fz_real)a->m[2][c], spin = (fz_real)(ky * a->m[0][c] - kx * a->m[1][c]);
    to->out_re[i] += sign_re * out * g_re[c];
    to->out_im[i] += over * out * g_im[c];
    to->spin_re[i] += sign_re * spin * g_re[c];
    to->spin_im[i] += over * spin * g_im[c];
  }
}

INLINE void insert_complex_point(const fz_cube *cube, const fz_real *table, const fz_rotation *a, double kx, double ky,
                                 fz_real re, fz_real im, fz_real *cell) {
  taps t = find_taps(cube, table, a, kx, ky);
  fz_real c = t.conjugate ? -im : im;
  vec8 value = {re * t.x[0], c * t.x[0], re * t.x[1], c * t.x[1], re * t.x[2], c * t.x[2], re * t.x[3], c * t.x[3]};
  for (int z = 0; z < 4; z++)
    for (int y = 0; y < 4; y++) {
      fz_real *to = cell + 2 * (t.first + (z * cube->ny + y) * cube->nx);
      vec8 row;
      memcpy(&row, to, sizeof row);
      row += value * (t.z[z] * t.y[y]);
      memcpy(to, &row, sizeof row);
    }
}

INLINE void insert_real_point(const fz_cube *cube, const fz_real *table, const fz_rotation *a, double kx, double ky,
                              fz_real value, fz_real *cell) {
  taps t = find_taps(cube, table, a, kx, ky);
  vec4 along_x = t.x * value;
  for (int z = 0; z < 4; z++)
    for (int y = 0; y < 4; y++) {
      fz_real *to = cell + t.first + (z * cube->ny + y) * cube->nx;
      vec4 row;
      memcpy(&row, to, sizeof row);
      row += along_x * (t.z[z] * t.y[y]);
      memcpy(to, &row, sizeof row);
    }
}

FZ_KERNEL void fz_projector_slice(const fz_projector *p, const fz_frequencies *f, const fz_rotation *a, fz_real *re,
                                  fz_real *im) {
  for (int i = 0; i < f->count; i++) slice_point(p, a, f->kx[i], f->ky[i], re + i, im + i);
  for (int i = f->count; i < f->padded; i++) re[i] = im[i] = 0;
}

FZ_KERNEL void fz_projector_tangents(const fz_projector *p, const fz_frequencies *f, const fz_rotation *a,
                                     const fz_tangents *t) {
  for (int i = 0; i < f->count; i++) tangent_point(p, a, f->kx[i], f->ky[i], i, t);
  for (int i = f->count; i < f->padded; i++)
    t->re[i] = t->im[i] = t->out_re[i] = t->out_im[i] = t->spin_re[i] = t->spin_im[i] = 0;
}

FZ_KERNEL void fz_projector_rings(const fz_projector *p, const fz_rings *rings, const fz_rotation *a, fz_real *re,
                                  fz_real *im) {
  for (int ring = 0, i = 0; ring < rings->n_rings; ring++)
    for (int t = 0; t < rings->n_angles / 2; t++, i++)
      slice_point(p, a, rings->radius[ring] * rings->cosine[t], rings->radius[ring] * rings->sine[t], re + i, im + i);
}

FZ_KERNEL void fz_insert_complex(const fz_cube *cube, const fz_real *table, const fz_frequencies *f,
                                 const fz_rotation *a, const fz_real *re, const fz_real *im, fz_real *cell) {
  for (int i = 0; i < f->count; i++) insert_complex_point(cube, table, a, f->kx[i], f->ky[i], re[i], im[i], cell);
}

FZ_KERNEL void fz_insert_real(const fz_cube *cube, const fz_real *table, const fz_frequencies *f, const fz_rotation *a,
                              const fz_real *value, fz_real *cell) {
  for (int i = 0; i < f->count; i++) insert_real_point(cube, table, a, f->kx[i], f->ky[i], value[i], cell);
}

FZ_KERNEL void fz_insert_rings_complex(const fz_cube *cube, const fz_real *table, const fz_rings *rings,
                                       const fz_rotation *a, const fz_real *re, const fz_real *im, fz_real *cell) {
  for (int ring = 0, i = 0; ring < rings->n_rings; ring++)
    for (int t = 0; t < rings->n_angles / 2; t++, i++)
      insert_complex_point(cube, table, a, rings->radius[ring] * rings->cosine[t], rings->radius[ring] * rings->sine[t],
                           re[i], im[i], cell);
}

FZ_KERNEL void fz_insert_rings_real(const fz_cube *cube, const fz_real *table, const fz_rings *rings,
                                    const fz_rotation *a, const fz_real *value, fz_real *cell) {
  for (int ring = 0, i = 0; ring < rings->n_rings; ring++)
    for (int t = 0; t < rings->n_angles / 2; t++, i++)
      insert_real_point(cube, table, a, rings->radius[ring] * rings->cosine[t], rings->radius[ring] * rings->sine[t],
                        value[i], cell);
}
