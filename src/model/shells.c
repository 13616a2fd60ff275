#include "model/shells.h"

#include <complex.h>
#include <math.h>

#include "core/fft.h"
#include "core/memory.h"
#include "model/radial.h"

static const double PI = 3.14159265358979323846, EDGE = 2;

static double radius(int m, int z, int y, int x) {
  double a = z <= m / 2 ? z : z - m, b = y <= m / 2 ? y : y - m;
  return sqrt(a * a + b * b + (double)x * x);
}

static void add_product(fz_shell_products *p, double complex a, double complex b, double weight) {
  p->aa += weight * (creal(a) * creal(a) + cimag(a) * cimag(a));
  p->bb += weight * (creal(b) * creal(b) + cimag(b) * cimag(b));
  p->ab += weight * (creal(a) * creal(b) + cimag(a) * cimag(b));
}

typedef struct ball {
  int m, shells;
  double complex *f[2]; /* [m][m][m/2 + 1] transforms, phase origin in the centre */
  fz_radial radial[2];
} ball;

static void clear_ball(ball *b) {
  for (int i = 0; i < 2; i++) {
    fz_free(&b->f[i]);
    fz_radial_clear(&b->radial[i]);
  }
}

/* Call `visit` for each stored coefficient of a shell below `shells`; twice: how many it stands for. */
static void for_each(ball *b, void visit(ball *, ptrdiff_t at, int squares, int shell, double twice, void *),
                     void *to) {
  int m = b->m, row = m / 2 + 1;
  ptrdiff_t i = 0;
  for (int z = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < row; x++, i++) {
        int kz = z <= m / 2 ? z : z - m, ky = y <= m / 2 ? y : y - m, squares = x * x + ky * ky + kz * kz;
        int shell = (int)lrint(sqrt((double)squares));
        if (shell < b->shells) visit(b, i, squares, shell, x == 0 || 2 * x == m ? 1 : 2, to);
      }
}

static void add_radial(ball *b, ptrdiff_t at, int squares, int shell, double twice, void *unused) {
  (void)shell, (void)unused;
  for (int i = 0; i < 2; i++) {
    b->radial[i].count[squares] += twice;
    b->radial[i].sum[squares] += twice * creal(b->f[i][at]);
  }
}

typedef struct totals {
  fz_shell_products *whole, *turned;
  double *count;
} totals;

static void add_coefficient(ball *b, ptrdiff_t at, int squares, int shell, double twice, void *to) {
  totals *t = to;
  double complex f = b->f[0][at], g = b->f[1][at];
  t->count[shell] += twice;
  add_product(&t->whole[shell], f, g, twice);
  if (t->turned)
    add_product(&t->turned[shell], f - b->radial[0].average[squares], g - b->radial[1].average[squares], twice);
}

static fz_status transform(const fz_fft *fft, int m, const double *volume, double complex **half) {
  int row = m / 2 + 1;
  *half = fz_alloc((ptrdiff_t)m * m * row, sizeof **half);
  if (!*half) return FZ_ENOMEM;
  fz_fft_forward(fft, volume, *half);
  ptrdiff_t i = 0;
  for (int z = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < row; x++, i++) (*half)[i] *= cexp(2 * PI * I * ((double)((x + y + z) % m) * (m / 2) / m));
  return FZ_OK;
}

static void divide(fz_shell_products *p, double count) {
  p->aa /= count;
  p->bb /= count;
  p->ab /= count;
}

fz_status fz_shells_multiply(int m, const double *a, const double *b, int shells, fz_shell_products *whole,
                             fz_shell_products *turned) {
  ball pair = {.m = m, .shells = shells};
  fz_fft *fft = fz_fft_create(3, (int[]){m, m, m}, 1, false);
  totals sums = {whole, turned, fz_alloc(shells, sizeof *sums.count)};
  fz_status st = fft && sums.count ? FZ_OK : FZ_ENOMEM;
  FZ_TRY(st);
  FZ_TRY(transform(fft, m, a, &pair.f[0]));
  FZ_TRY(transform(fft, m, b, &pair.f[1]));
  for (int i = 0; i < 2 && turned; i++) FZ_TRY(fz_radial_init(&pair.radial[i], shells));
  if (turned) for_each(&pair, add_radial, NULL);
  for (int i = 0; i < 2 && turned; i++) FZ_TRY(fz_radial_fit(&pair.radial[i]));
  for (int s = 0; s < shells; s++) {
    whole[s] = (fz_shell_products){0};
    if (turned) turned[s] = (fz_shell_products){0};
  }
  for_each(&pair, add_coefficient, &sums);
  for (int s = 0; s < shells; s++) {
    divide(&whole[s], sums.count[s]);
    if (turned) divide(&turned[s], sums.count[s]);
  }
done:
  fz_fft_destroy(&fft);
  clear_ball(&pair);
  fz_free(&sums.count);
  return st;
}

double fz_shell_fsc(const fz_shell_products *p) {
  return p->aa > 0 && p->bb > 0 ? p->ab / (sqrt(p->aa) * sqrt(p->bb)) : 0;
}

double fz_shells_part(const double *fsc, int kmax, double threshold) {
  for (int s = 2; s <= kmax; s++)
    if (fsc[s] < threshold) return s - 1 + fmin(1, fmax(0, (fsc[s - 1] - threshold) / (fsc[s - 1] - fsc[s])));
  return kmax;
}

double fz_shells_last(const double *fsc, int kmax, double threshold) {
  for (int s = kmax; s >= 3; s--)
    if (fsc[s] + fsc[s - 1] + fsc[s - 2] >= 3 * threshold) return s;
  return 0;
}

fz_status fz_shells_take(int m, const double *from, int last, double *to) {
  ptrdiff_t size = (ptrdiff_t)m * m * m;
  int row = m / 2 + 1;
  fz_fft *fft = fz_fft_create(3, (int[]){m, m, m}, 1, false);
  double *difference = fz_alloc(size, sizeof *difference);
  double complex *half = fz_alloc((ptrdiff_t)m * m * row, sizeof *half);
  fz_status st = fft && difference && half ? FZ_OK : FZ_ENOMEM;
  if (st != FZ_OK) goto done;
  for (ptrdiff_t i = 0; i < size; i++) difference[i] = from[i] - to[i];
  fz_fft_forward(fft, difference, half);
  ptrdiff_t i = 0;
  for (int z = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < row; x++, i++) {
        double t = (radius(m, z, y, x) - last) / EDGE;
        half[i] *= (t <= 0 ? 1 : t >= 1 ? 0 : 0.5 + 0.5 * cos(PI * t)) / (double)size;
      }
  fz_fft_backward(fft, half, difference);
  for (ptrdiff_t k = 0; k < size; k++) to[k] += difference[k];
done:
  fz_fft_destroy(&fft);
  fz_free(&difference);
  fz_free(&half);
  return st;
}
