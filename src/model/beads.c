#include "model/beads.h"

#include <math.h>
#include <string.h>

enum { TRIES = 60 };
static const double BEAD = 0.05;
static const double BEAD_WEIGHT = 1.9687e-3; /* (2 pi)^(3/2) BEAD^3: a bead of this width has the density 1 */

static double distance2(const double a[3], const double b[3]) {
  double sum = 0;
  for (int c = 0; c < 3; c++) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return sum;
}

/* How far the nearest of the first n beads is from a point, squared. */
static double clearance2(const fz_gaussian *bead, ptrdiff_t n, const double at[3]) {
  double nearest = INFINITY;
  for (ptrdiff_t j = 0; j < n; j++) nearest = fmin(nearest, distance2(bead[j].at_A, at));
  return nearest;
}

static void random_direction(fz_random *random, double v[3]) {
  double length = 0;
  for (int c = 0; c < 3; c++) {
    v[c] = fz_random_normal(random);
    length += v[c] * v[c];
  }
  for (int c = 0; c < 3; c++) v[c] /= sqrt(length);
}

/* The next bead of a chain: of some random steps that stay inside the domain, the one with most room. */
static void next_bead(const fz_bead_domain *d, const fz_gaussian *bead, ptrdiff_t n, double step, fz_random *random,
                      double at[3]) {
  double from[3], best = -1;
  memcpy(from, at, sizeof from);
  for (int t = 0; t < TRIES && (best < 0 || t < 8); t++) {
    double v[3], to[3];
    random_direction(random, v);
    for (int c = 0; c < 3; c++) to[c] = from[c] + step * v[c];
    if (distance2(to, d->at) > d->radius * d->radius) continue;
    double room = clearance2(bead, n, to);
    if (room > best) {
      best = room;
      memcpy(at, to, sizeof from);
    }
  }
}

void fz_beads_fill(const fz_bead_domain *d, const fz_bead_widths *widths, fz_gaussian *bead, ptrdiff_t n,
                   fz_random *random) {
  double at[3], step = 1.25 * d->radius * pow(d->beads, -1.0 / 3);
  memcpy(at, d->at, sizeof at);
  for (ptrdiff_t j = n; j < n + d->beads; j++) {
    next_bead(d, bead, j, step, random, at);
    memcpy(bead[j].at_A, at, sizeof at);
    bead[j].width_A = widths->least * pow(widths->spread, fz_random_uniform(random));
    bead[j].weight = BEAD_WEIGHT * pow(bead[j].width_A / BEAD, 2);
  }
}
