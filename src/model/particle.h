/* What is known of each particle: the table that the readers fill and the science reads. */
#ifndef FZ_MODEL_PARTICLE_H
#define FZ_MODEL_PARTICLE_H
#include <stdint.h>

#include "model/ctf.h"

typedef struct fz_particle {
  double rot_deg, tilt_deg, psi_deg; /* ZYZ, RELION's sense; 0 where the file has none */
  double origin_x_A, origin_y_A;     /* rlnOriginX/YAngst: +10 A draws the particle at -10 A */
  fz_ctf ctf;
  int32_t optics; /* index into fz_particles.optics */
  int32_t stack;  /* index into fz_particles.stack_path */
  int64_t slice;  /* 0-based image in the stack */
  int64_t line;   /* line (or row) of the source file, for messages */
  int32_t subset; /* rlnRandomSubset: 1, 2, or 0 when absent */
} fz_particle;

typedef struct fz_particles {
  int64_t n;
  fz_particle *particle; /* [n], in the file's order */
  int n_optics;
  fz_optics *optics; /* [n_optics] */
  int n_stacks;
  char **stack_path; /* [n_stacks], as usable from the current folder */
} fz_particles;

/** Frees everything in the table (all blocks come from fz_alloc) and zeroes it; accepts a zeroed table. */
void fz_particles_clear(fz_particles *table);

#endif
