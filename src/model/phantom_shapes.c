#include "model/phantom_shapes.h"

#include <math.h>
#include <string.h>

#include "pose/rotation.h"

static const double PI = 3.14159265358979323846;

/* Subunits of a ring: relative spread of their densities, and how far their beads lie from where symmetry has them. */
static const double RING_DENSITY = 0.15, RING_MOVE = 0.025;

static void copy_turned(const fz_gaussian *from, const fz_rotation *turn, ptrdiff_t beads, fz_gaussian *to) {
  for (ptrdiff_t j = 0; j < beads; j++) {
    to[j] = from[j];
    fz_rotation_apply(turn, from[j].at_A, to[j].at_A);
  }
}

void fz_phantom_ring(fz_gaussians *g, ptrdiff_t beads, fz_random *random) {
  for (int i = FZ_RING_COPIES - 1; i >= 0; i--) { /* the original is needed to the last, and is changed then itself */
    double axis[3] = {0, 0, 2 * PI * i / FZ_RING_COPIES};
    fz_rotation turn = fz_rotation_from_vector(axis);
    fz_gaussian *copy = &g->item[i * beads];
    copy_turned(g->item, &turn, beads, copy);
    double density = 1 + RING_DENSITY * (2 * fz_random_uniform(random) - 1);
    for (ptrdiff_t j = 0; j < beads; j++) {
      copy[j].weight *= density;
      for (int c = 0; c < 3; c++) copy[j].at_A[c] += RING_MOVE * fz_random_normal(random);
    }
  }
  fz_gaussians_centre(g);
}

/* Octahedral rotations permute the axes and change signs, with the determinant 1: exact in floating point. */
static int octahedral_group(fz_rotation turn[FZ_CAGE_COPIES]) {
  static const int permutation[6][3] = {{0, 1, 2}, {1, 2, 0}, {2, 0, 1}, {0, 2, 1}, {2, 1, 0}, {1, 0, 2}};
  int n = 0;
  for (int p = 0; p < 6; p++)
    for (int signs = 0; signs < 8; signs++) {
      int minus = (signs & 1) + (signs >> 1 & 1) + (signs >> 2);
      if (minus % 2 != (p >= 3)) continue; /* the last three permutations are odd */
      fz_rotation *r = &turn[n++];
      memset(r, 0, sizeof *r);
      for (int c = 0; c < 3; c++) r->m[c][permutation[p][c]] = signs >> c & 1 ? -1 : 1;
    }
  return n;
}

void fz_phantom_cage(fz_gaussians *g, ptrdiff_t beads, fz_random *random) {
  fz_rotation turn[FZ_CAGE_COPIES];
  (void)random;
  int copies = octahedral_group(turn); /* the first is the identity */
  for (int i = 1; i < copies; i++) copy_turned(g->item, &turn[i], beads, &g->item[i * beads]);
}

/* Each bead becomes the second difference of Gaussians of three widths, whose transform
 *   exp(-2 pi^2 w^2 k^2) (1 - exp(-2 pi^2 d^2 k^2))^2
 * grows with the fourth power of low frequencies: a blur changes the first factor only. */
void fz_phantom_dipole(fz_gaussians *g, ptrdiff_t beads, fz_random *random) {
  static const double d = 0.08, fine = 30, body_at[3] = {0.34, 0.20, -0.16}, body_width = 0.38, body_weight = 0.6;
  static const double share[3] = {1, -2, 1};
  (void)random;
  for (ptrdiff_t j = 0; j < beads; j++) {
    fz_gaussian bead = g->item[j];
    for (int t = 0; t < 3; t++) {
      fz_gaussian *term = &g->item[t * beads + j];
      *term = bead;
      term->width_A = sqrt(bead.width_A * bead.width_A + t * d * d);
      term->weight *= (j < beads / 2 ? fine : -fine) * share[t];
    }
  }
  for (int sign = -1; sign <= 1; sign += 2) {
    fz_gaussian *body = &g->item[3 * beads + (sign > 0)];
    for (int c = 0; c < 3; c++) body->at_A[c] = sign * body_at[c];
    body->width_A = body_width;
    body->weight = sign * body_weight;
  }
}

void fz_phantom_onion(fz_gaussians *g, ptrdiff_t beads, fz_random *random) {
  static const double width[] = {0.42, 0.30, 0.20, 0.10}, weight[] = {0.6, -0.3, 0.1, -0.008};
  (void)beads;
  (void)random;
  for (ptrdiff_t j = 0; j < g->n; j++) g->item[j] = (fz_gaussian){{0, 0, 0}, width[j], weight[j]};
}
