/* What simulated particles are drawn from.  Everything about particle i is a pure function of (seed, i). */
#ifndef FZ_MODEL_SIMULATION_H
#define FZ_MODEL_SIMULATION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/particle.h"
#include "pose/views.h"

enum { FZ_SIMULATION_CLASSES = 64 };

typedef struct fz_simulation {
  uint64_t seed;
  fz_views views;
  double shift_sd_A;       /* standard deviation of the origin along x and along y */
  const fz_particle *pose; /* [>= i + 1] angles and origins to take instead of drawing them, or NULL; borrowed */
  double defocus_min_A, defocus_max_A; /* defocus U is uniform between them */
  double astigmatism_A;                /* U - V is uniform from 0 to this, its angle uniform */
  fz_optics optics;
  int n_classes;
  double class_weight[FZ_SIMULATION_CLASSES]; /* shares of the maps in the mixture, any positive numbers */
  double junk_share;                          /* of particles that show nothing but noise */
} fz_simulation;

/** Pose, origin and CTF of particle i, and the map (0-based) that it shows.  Stack 0, slice i, optics group 0.
 *  units   angles and origins are rounded to what the STAR file can hold (1e-6). calls local, pure */
void fz_simulation_particle(const fz_simulation *s, int64_t i, fz_particle *particle, int *class_index);

/** Particle i shows nothing: drawn apart from all else, so that the others are as they would be without junk.
 *  calls local, pure */
bool fz_simulation_is_junk(const fz_simulation *s, int64_t i);

/** Add white Gaussian noise of this standard deviation; pixels [count]. calls local, pure */
void fz_simulation_add_noise(uint64_t seed, int64_t i, double deviation, ptrdiff_t count, double *pixels);

/** Scale to mean 0, standard deviation 1 over the pixels further than radius_px from pixel n/2; pixels [n][n].
 *  Returns the factor by which the pixels were multiplied, 0 when the background is constant (then they are kept). */
double fz_simulation_normalize(int n, double radius_px, double *pixels);

#endif
