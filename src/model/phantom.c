#include "model/phantom.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "pose/rotation.h"

/* Lengths of this file are in units of the finished object's radius, until they are scaled to the box. */
typedef struct domain {
  double at[3], radius;
  int beads;
} domain;

typedef struct recipe {
  const char *name;
  int item; /* of the random stream: phantoms that share it share their beads */
  int domains;
  const domain *domain;
  double swing_deg; /* of the last domain, about the point where it meets the first */
} recipe;

static const domain globule[] = {{{-0.20, 0.05, -0.10}, 0.55, 220},
                                 {{0.05, -0.52, 0.25}, 0.33, 70},
                                 {{0.10, 0.32, -0.58}, 0.28, 50},
                                 {{-0.30, 0.10, 0.62}, 0.24, 40},
                                 {{0.42, 0.22, 0.18}, 0.40, 110}};
static const domain bent_row[] = {{{-0.68, -0.10, 0.00}, 0.30, 70},
                                  {{-0.22, 0.08, 0.06}, 0.34, 110},
                                  {{0.26, 0.10, -0.06}, 0.30, 70},
                                  {{0.68, -0.12, 0.10}, 0.24, 40}};
static const recipe recipes[] = {
    {"asymmetric", 0, 5, globule, 0}, {"open", 0, 5, globule, 40}, {"rod", 1, 4, bent_row, 0}};
enum { RECIPES = sizeof recipes / sizeof recipes[0], SEED = 20261, TRIES = 60 };
static const double RADIUS_OF_BOX = 0.3, BEAD = 0.05;
static const double BEAD_WEIGHT = 1.9687e-3; /* (2 pi)^(3/2) BEAD^3: a bead of this width has the density 1 */

const char *fz_phantom_names(void) {
  return "asymmetric, open, rod";
}

double fz_resolution_width_A(double resolution_A) {
  return 0.225 * resolution_A;
}

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
static void next_bead(const domain *d, const fz_gaussian *bead, ptrdiff_t n, double step, fz_random *random,
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

/* Beads of many widths, so that there is detail at every scale; large ones weigh more, small ones are denser. */
static void fill_domain(const domain *d, fz_gaussian *bead, ptrdiff_t first, fz_random *random) {
  double at[3], step = 1.25 * d->radius * pow(d->beads, -1.0 / 3);
  memcpy(at, d->at, sizeof at);
  for (ptrdiff_t j = first; j < first + d->beads; j++) {
    next_bead(d, bead, j, step, random, at);
    memcpy(bead[j].at_A, at, sizeof at);
    bead[j].width_A = 0.025 * pow(3.5, fz_random_uniform(random));
    bead[j].weight = BEAD_WEIGHT * pow(bead[j].width_A / BEAD, 2);
  }
}

static void swing(const recipe *r, fz_gaussian *bead, ptrdiff_t n) {
  const domain *last = &r->domain[r->domains - 1], *core = &r->domain[0];
  double apart = sqrt(distance2(last->at, core->at)), hinge[3], axis[3] = {0, r->swing_deg * 0.017453292519943295, 0};
  fz_rotation turn = fz_rotation_from_vector(axis);
  for (int c = 0; c < 3; c++) hinge[c] = last->at[c] + (core->at[c] - last->at[c]) * last->radius / apart;
  for (ptrdiff_t j = n - last->beads; j < n; j++) {
    for (int c = 0; c < 3; c++) bead[j].at_A[c] -= hinge[c];
    fz_rotation_apply(&turn, bead[j].at_A, bead[j].at_A);
    for (int c = 0; c < 3; c++) bead[j].at_A[c] += hinge[c];
  }
}

fz_status fz_phantom_make(const char *name, double box_A, double resolution_A, fz_gaussians *g, fz_error *err) {
  *g = (fz_gaussians){0};
  const recipe *r = NULL;
  for (int i = 0; i < RECIPES; i++)
    if (strcmp(recipes[i].name, name) == 0) r = &recipes[i];
  if (!r) return fz_fail(err, FZ_EINVAL, "there is no phantom '%s'; there are: %s", name, fz_phantom_names());
  for (int d = 0; d < r->domains; d++) g->n += r->domain[d].beads;
  g->item = fz_alloc(g->n, sizeof *g->item);
  if (!g->item) return fz_fail(err, FZ_ENOMEM, "no memory for a phantom");
  fz_random random = fz_random_stream(SEED, FZ_PURPOSE_PHANTOM, 0, (uint64_t)r->item);
  ptrdiff_t first = 0;
  for (int d = 0; d < r->domains; d++) {
    fill_domain(&r->domain[d], g->item, first, &random);
    first += r->domain[d].beads;
  }
  fz_gaussians_centre(g);
  if (r->swing_deg != 0) swing(r, g->item, g->n); /* after centring: the domains that stay put do so exactly */
  double scale = RADIUS_OF_BOX * box_A, blur = fz_resolution_width_A(resolution_A);
  for (ptrdiff_t j = 0; j < g->n; j++) {
    for (int c = 0; c < 3; c++) g->item[j].at_A[c] *= scale;
    g->item[j].width_A = hypot(g->item[j].width_A * scale, blur);
    g->item[j].weight *= scale * scale * scale; /* the density has the same height in every box */
  }
  return FZ_OK;
}
