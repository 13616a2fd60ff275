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
  return n == 60 ? 64 : n; /* two passes of radix 8 are as fast as three for 60 */
}

/* What the sum of h r f(r) over r = h, 2h, .. lacks to be the integral of r f less f(0)/(2 pi), for f = 1, (r/h)^2,
 * (r/h)^4: by Euler-Maclaurin h^2/12 - 1/(2 pi), -h^2/120, h^2/252 (less zeta(-1), zeta(-3), zeta(-5)).  Made up for at
 * the first three radii. */
static double end_correction(int i, double h) {
  double f0 = h * h / 12 - 1 / (2 * PI), second = -h * h / 120, fourth = h * h / 252;
  switch (i) {
    case 1: return (36 * f0 - 13 * second + fourth) / 24;
    case 2: return (-9 * f0 + 10 * second - fourth) / 15;
    case 3: return (4 * f0 - 5 * second + fourth) / 40;
    default: return 0;
  }
}

static fz_status fill(fz_rings *rings, int kmax, int n_rings, int n_angles) {
  *rings = (fz_rings){.kmax = kmax, .n_rings = n_rings, .n_angles = n_angles};
  rings->radius = fz_alloc(n_rings, sizeof *rings->radius);
  rings->cosine = fz_alloc(n_angles / 2, sizeof *rings->cosine);
  rings->sine = fz_alloc(n_angles / 2, sizeof *rings->sine);
  if (!rings->radius || !rings->cosine || !rings->sine) return FZ_ENOMEM;
  for (int a = 0; a < n_angles / 2; a++) {
    rings->cosine[a] = cos(2 * PI * a / n_angles);
    rings->sine[a] = sin(2 * PI * a / n_angles);
  }
  return FZ_OK;
}

static fz_status make(fz_rings *rings, int kmax, int n_angles) {
  fz_status st = fill(rings, kmax, kmax + 1, n_angles);
  rings->norm = fz_alloc(1, sizeof *rings->norm);
  if (st != FZ_OK || !rings->norm) return FZ_ENOMEM;
  for (int i = 0; i < kmax; i++) rings->radius[i] = i + 1;
  rings->radius[kmax] = kmax + 0.5;
  fz_rings *norm = rings->norm;
  st = fill(norm, kmax, 2 * kmax + 1, n_angles);
  norm->weight = fz_alloc(norm->n_rings, sizeof *norm->weight);
  if (st != FZ_OK || !norm->weight) return FZ_ENOMEM;
  for (int i = 0; i < norm->n_rings; i++) {
    double h = 0.5, r = norm->radius[i] = h * (i + 1);
    norm->weight[i] = 2 * PI / n_angles * (h * r + end_correction(i + 1, h)) * fz_taper(r, kmax);
  }
  return FZ_OK;
}

fz_status fz_rings_init(fz_rings *rings, int kmax, int n_angles) {
  *rings = (fz_rings){0};
  if (kmax < 1 || !suits(n_angles, kmax)) return FZ_EINVAL;
  fz_status st = make(rings, kmax, n_angles);
  if (st != FZ_OK) fz_rings_clear(rings);
  return st;
}

void fz_rings_clear(fz_rings *rings) {
  if (rings->norm) fz_rings_clear(rings->norm);
  fz_free(&rings->norm);
  fz_free(&rings->radius);
  fz_free(&rings->weight);
  fz_free(&rings->cosine);
  fz_free(&rings->sine);
  *rings = (fz_rings){0};
}
