/* Where an engine's time goes, phase by phase.  Kept only for a setup that asks for it (bench/estep.c); other runs pay
 * the test of a pointer.  Numbers for reports: no arithmetic reads them. */
#ifndef FZ_ESTEP_PROFILE_H
#define FZ_ESTEP_PROFILE_H
#include "core/clock.h"

typedef enum fz_engine_phase {
  FZ_PHASE_LOAD,       /* the tile's images made ready */
  FZ_PHASE_PRODUCTS,   /* matrix products of images by slices, norm terms included */
  FZ_PHASE_TRANSFORMS, /* angular transforms, there and back */
  FZ_PHASE_EPILOGUE,   /* scores to maxima, sums and posterior weights */
  FZ_PHASE_ADJOINT,    /* matrix products of posterior weights by images */
  FZ_PHASE_SCATTER,    /* slice sums into the statistics */
  FZ_PHASE_SLICES,     /* slices made for single images; of engines that keep them, not timed */
  FZ_PHASES
} fz_engine_phase;

typedef struct fz_engine_profile {
  double seconds[FZ_PHASES];
  double flops[FZ_PHASES]; /* multiplications and additions of real numbers; 0 where they are not counted */
  /* Of engines that draw poses: scores and slices of the first sweep, images summed over all poses. */
  double scores, slices, full_images;
} fz_engine_profile;

/** Beginning of a phase; 0 without a profile. */
static inline double fz_profile_now(const fz_engine_profile *profile) {
  return profile ? fz_clock_seconds() : 0;
}

/** End of a phase that began at `since`; returns the present, the beginning of the next. */
static inline double fz_profile_add(fz_engine_profile *profile, fz_engine_phase phase, double since, double flops) {
  if (!profile) return 0;
  double now = fz_profile_now(profile);
  profile->seconds[phase] += now - since;
  profile->flops[phase] += flops;
  return now;
}

#endif
