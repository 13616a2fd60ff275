#include "estep/polar_layout.h"

#include <math.h>

#include "core/memory.h"

static const double PI = 3.14159265358979323846;

/* Highest order of Bessel functions that matter at argument x: beyond x they fall like an Airy function whose scale is
 * (x/2)^(1/3); four of its lengths leave less than 1e-4. */
static int bandwidth(double x) {
  return (int)ceil(x + 4.0 * cbrt(x / 2));
}

static fz_status fill(fz_polar_layout *l, const fz_rings *rings, double rho) {
  l->lowest = fz_alloc(l->top + 1, sizeof *l->lowest);
  l->first = fz_alloc(l->top + 2, sizeof *l->first);
  if (!l->lowest || !l->first) {
    fz_polar_layout_clear(l);
    return FZ_ENOMEM;
  }
  for (int q = 0; q <= l->top; q++) {
    int r = 0;
    while (rho > 0 && r < l->n_rings - 1 && bandwidth(2 * PI * rings->radius[r] * rho) < q) r++;
    l->lowest[q] = r;
    l->first[q + 1] = l->first[q] + (q % l->step ? 0 : l->n_rings - r);
  }
  l->n_pairs = l->first[l->top + 1];
  return FZ_OK;
}

fz_status fz_polar_layout_slices(fz_polar_layout *layout, const fz_rings *rings, double rho) {
  int top = bandwidth(2 * PI * rings->radius[rings->n_rings - 1] * rho), most = rings->n_angles / 2 - 1;
  *layout = (fz_polar_layout){.n_rings = rings->n_rings, .n_angles = rings->n_angles, .step = 1};
  layout->top = top < most ? top : most;
  return fill(layout, rings, rho);
}

fz_status fz_polar_layout_squares(fz_polar_layout *layout, const fz_rings *rings) {
  int most = rings->n_angles / 2 - 1, n = rings->norm->n_rings;
  *layout = (fz_polar_layout){.n_rings = n, .n_angles = rings->n_angles, .step = 2, .top = most & ~1};
  return fill(layout, rings->norm, 0);
}

void fz_polar_layout_clear(fz_polar_layout *layout) {
  fz_free(&layout->lowest);
  fz_free(&layout->first);
  *layout = (fz_polar_layout){0};
}
