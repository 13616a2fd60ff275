#include "model/phantom.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "model/beads.h"
#include "model/phantom_shapes.h"
#include "pose/rotation.h"

/* Lengths of this file are in units of the finished object's radius, until they are scaled to the box. */
typedef struct recipe {
  const char *name;
  int item; /* of the random stream: phantoms that share it share their beads */
  int domains;
  const fz_bead_domain *domain;
  fz_bead_widths widths;
  double swing_deg;  /* of the last domain, about the point where it meets the first */
  int copies, extra; /* Gaussians in all: copies x beads + extra */
  void (*shape)(fz_gaussians *g, ptrdiff_t beads, fz_random *random); /* fills those beyond the beads, or NULL */
} recipe;

static const fz_bead_domain globule[] = {{{-0.20, 0.05, -0.10}, 0.55, 220},
                                         {{0.05, -0.52, 0.25}, 0.33, 70},
                                         {{0.10, 0.32, -0.58}, 0.28, 50},
                                         {{-0.30, 0.10, 0.62}, 0.24, 40},
                                         {{0.42, 0.22, 0.18}, 0.40, 110}};
static const fz_bead_domain bent_row[] = {{{-0.68, -0.10, 0.00}, 0.30, 70},
                                          {{-0.22, 0.08, 0.06}, 0.34, 110},
                                          {{0.26, 0.10, -0.06}, 0.30, 70},
                                          {{0.68, -0.12, 0.10}, 0.24, 40}};
static const fz_bead_domain fold[] = {
    {{-0.18, 0.05, -0.10}, 0.62, 280}, {{0.30, -0.28, 0.24}, 0.50, 180}, {{0.12, 0.38, 0.36}, 0.46, 140}};
static const fz_bead_domain lobes[] = {{{0.34, 0.20, -0.16}, 0.50, 120}, {{-0.34, -0.20, 0.16}, 0.50, 120}};
static const fz_bead_domain subunit[] = {{{0.62, 0.04, -0.12}, 0.30, 60}, {{0.48, 0.20, 0.30}, 0.24, 30}};
static const fz_bead_domain cage_unit[] = {{{0.30, 0.16, 0.78}, 0.24, 14}};
static const fz_bead_widths wide_range = {0.025, 3.5}, fine = {0.025, 1.6}, even = {0.04, 1.5};
enum { SEED = 20261 };
static const double RADIUS_OF_BOX = 0.3;

const char *fz_phantom_names(void) {
  return "asymmetric, open, rod, protein, dipole, axial, octahedral, onion";
}

static bool find_recipe(const char *name, recipe *found) {
  const recipe all[] = {
      {"asymmetric", 0, 5, globule, wide_range, 0, 1, 0, NULL},
      {"open", 0, 5, globule, wide_range, 40, 1, 0, NULL},
      {"rod", 1, 4, bent_row, wide_range, 0, 1, 0, NULL},
      {"protein", 2, 3, fold, fine, 0, 1, 0, NULL},
      {"dipole", 3, 2, lobes, fine, 0, 3, 2, fz_phantom_dipole},
      {"axial", 4, 2, subunit, wide_range, 0, FZ_RING_COPIES, 0, fz_phantom_ring},
      {"octahedral", 5, 1, cage_unit, even, 0, FZ_CAGE_COPIES, 0, fz_phantom_cage},
      {"onion", 6, 0, NULL, wide_range, 0, 0, 4, fz_phantom_onion},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (strcmp(all[i].name, name) == 0) {
      *found = all[i];
      return true;
    }
  return false;
}

double fz_resolution_width_A(double resolution_A) {
  return 0.225 * resolution_A;
}

static void swing(const recipe *r, fz_gaussian *bead, ptrdiff_t n) {
  const fz_bead_domain *last = &r->domain[r->domains - 1], *core = &r->domain[0];
  double apart2 = 0, hinge[3], axis[3] = {0, r->swing_deg * 0.017453292519943295, 0};
  fz_rotation turn = fz_rotation_from_vector(axis);
  for (int c = 0; c < 3; c++) apart2 += (last->at[c] - core->at[c]) * (last->at[c] - core->at[c]);
  for (int c = 0; c < 3; c++) hinge[c] = last->at[c] + (core->at[c] - last->at[c]) * last->radius / sqrt(apart2);
  for (ptrdiff_t j = n - last->beads; j < n; j++) {
    for (int c = 0; c < 3; c++) bead[j].at_A[c] -= hinge[c];
    fz_rotation_apply(&turn, bead[j].at_A, bead[j].at_A);
    for (int c = 0; c < 3; c++) bead[j].at_A[c] += hinge[c];
  }
}

/* The object with radius 1, before it is scaled and blurred. */
static void build(const recipe *r, fz_gaussians *g) {
  fz_random random = fz_random_stream(SEED, FZ_PURPOSE_PHANTOM, 0, (uint64_t)r->item);
  ptrdiff_t beads = 0;
  for (int d = 0; d < r->domains; d++) {
    fz_beads_fill(&r->domain[d], &r->widths, g->item, beads, &random);
    beads += r->domain[d].beads;
  }
  if (r->shape)
    r->shape(g, beads, &random);
  else
    fz_gaussians_centre(g);
  if (r->swing_deg != 0) swing(r, g->item, g->n); /* after centring: the domains that stay put do so exactly */
}

fz_status fz_phantom_make(const char *name, double box_A, double resolution_A, fz_gaussians *g, fz_error *err) {
  *g = (fz_gaussians){0};
  recipe r;
  if (!find_recipe(name, &r))
    return fz_fail(err, FZ_EINVAL, "there is no phantom '%s'; there are: %s", name, fz_phantom_names());
  for (int d = 0; d < r.domains; d++) g->n += r.copies * r.domain[d].beads;
  g->n += r.extra;
  g->item = fz_alloc(g->n, sizeof *g->item);
  if (!g->item) return fz_fail(err, FZ_ENOMEM, "no memory for a phantom");
  build(&r, g);
  double scale = RADIUS_OF_BOX * box_A, blur = fz_resolution_width_A(resolution_A);
  for (ptrdiff_t j = 0; j < g->n; j++) {
    for (int c = 0; c < 3; c++) g->item[j].at_A[c] *= scale;
    g->item[j].width_A = hypot(g->item[j].width_A * scale, blur);
    g->item[j].weight *= scale * scale * scale; /* the density has the same height in every box */
  }
  return FZ_OK;
}
