#include "model/rings.h"

#include <math.h>

#include "core/memory.h"
#include "model/frequencies.h"

static const double PI = 3.14159265358979323846;
enum { FEWEST_ANGLES = 24 };

static int suits(int n_angles, int kmax) {
  if (n_angles < FEWEST_ANGLES || n_angles % 4 != 0 || n_angles < 2 * PI * kmax) return 0;
  for (int prime = 2; prime <= 5; prime++)
    while (n_angles % prime == 0) n_angles /= prime;
  return n_angles == 1;
}

int fz_rings_angles(int kmax, int least) {
  int n = least > FEWEST_ANGLES ? (least + 3) / 4 * 4 : FEWEST_ANGLES;
  while (!suits(n, kmax)) n += 4;
  return n;
}

/* What the sum of r f(r) over r = 1, 2, .. lacks to be the integral of r f less f(0)/(2 pi), f = 1, r^2, r^4: by
 * Euler-Maclaurin 1/12 - 1/(2 pi), -1/120, 1/252 (less zeta(-1), zeta(-3), zeta(-5)).  Made up for at r = 1, 2, 3, or
 * at fewer radii where the band is not that wide. */
static double end_correction(int r, int kmax) {
  static const double none = 1.0 / 12, second = -1.0 / 120, fourth = 1.0 / 252;
  double f0 = none - 1 / (2 * PI);
  int n = kmax > 3 ? 3 : kmax - 1;
  if (r > n) return 0;
  if (n == 1) return f0;
  if (n == 2) return r == 1 ? (4 * f0 - second) / 3 : (second - f0) / 3;
  switch (r) {
    case 1: return (36 * f0 - 13 * second + fourth) / 24;
    case 2: return (-9 * f0 + 10 * second - fourth) / 15;
    default: return (4 * f0 - 5 * second + fourth) / 40;
  }
}

fz_status fz_rings_init(fz_rings *rings, int kmax, int n_angles) {
  *rings = (fz_rings){.kmax = kmax, .n_rings = kmax + 1, .n_angles = n_angles};
  if (kmax < 1 || !suits(n_angles, kmax)) return FZ_EINVAL;
  rings->radius = fz_alloc(rings->n_rings, sizeof *rings->radius);
  rings->weight = fz_alloc(rings->n_rings, sizeof *rings->weight);
  rings->cosine = fz_alloc(n_angles / 2, sizeof *rings->cosine);
  rings->sine = fz_alloc(n_angles / 2, sizeof *rings->sine);
  if (!rings->radius || !rings->weight || !rings->cosine || !rings->sine) {
    fz_rings_clear(rings);
    return FZ_ENOMEM;
  }
  for (int i = 0; i < kmax; i++) {
    rings->radius[i] = i + 1;
    rings->weight[i] = 2 * PI / n_angles * (i + 1 + end_correction(i + 1, kmax)) * fz_taper(i + 1, kmax);
  }
  rings->radius[kmax] = kmax + 0.5;
  for (int a = 0; a < n_angles / 2; a++) {
    rings->cosine[a] = cos(2 * PI * a / n_angles);
    rings->sine[a] = sin(2 * PI * a / n_angles);
  }
  return FZ_OK;
}

void fz_rings_clear(fz_rings *rings) {
  fz_free(&rings->radius);
  fz_free(&rings->weight);
  fz_free(&rings->cosine);
  fz_free(&rings->sine);
  *rings = (fz_rings){0};
}
