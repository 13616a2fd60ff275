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

int fz_rings_angles(int kmax) {
  int n = FEWEST_ANGLES;
  while (!suits(n, kmax)) n += 4;
  return n;
}

fz_status fz_rings_init(fz_rings *rings, int kmax, int n_angles) {
  *rings = (fz_rings){.kmax = kmax, .n_rings = kmax, .n_angles = n_angles};
  if (kmax < 1 || !suits(n_angles, kmax)) return FZ_EINVAL;
  rings->radius = fz_alloc(rings->n_rings, sizeof *rings->radius);
  rings->weight = fz_alloc(rings->n_rings, sizeof *rings->weight);
  rings->cosine = fz_alloc(n_angles / 2, sizeof *rings->cosine);
  rings->sine = fz_alloc(n_angles / 2, sizeof *rings->sine);
  if (!rings->radius || !rings->weight || !rings->cosine || !rings->sine) {
    fz_rings_clear(rings);
    return FZ_ENOMEM;
  }
  for (int i = 0; i < rings->n_rings; i++) {
    double r = rings->radius[i] = i + 1;
    rings->weight[i] = 2 * PI * r / n_angles * fz_taper(r, kmax);
  }
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
