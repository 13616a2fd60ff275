/* From a band limit to a sampling, and the ladder of band limits that an ab initio run climbs. */
#ifndef FZ_OPTIM_SCHEDULE_H
#define FZ_OPTIM_SCHEDULE_H
#include "estep/stage.h"

enum { FZ_SCHEDULE_MAX = 32 };

typedef struct fz_schedule_step {
  int kmax;
  double passes;
  int64_t batch_images;
} fz_schedule_step;

/* Steps 0 .. n_ladder - 1 are climbed by every start, n_further more by those that follow when the best two of the
 * first are different maps. */
typedef struct fz_schedule {
  int n_ladder, n_further;
  fz_schedule_step ladder[FZ_SCHEDULE_MAX];
  int kmax_limit;    /* highest band limit of the refinement that follows */
  int kmax_foreseen; /* that it may reach, for estimates of time only */
} fz_schedule;

typedef struct fz_sampling_options {
  double shift_range_px;        /* largest displacement looked for; its third is the standard deviation of the prior */
  double shift_step_px;         /* 0: automatic, box/(4 kmax) */
  double angular_step_deg;      /* 0: automatic, about 1/kmax rad in plane and 1.4/kmax between directions */
  fz_direction_kind directions; /* a design has about as many points as the HEALPix grid of that step */
} fz_sampling_options;

/** The default ladder: shells 3 to 8, then 10, as far as `limit` allows, with fewer passes when there are very many
 * images. limit: highest usable shell (box/2 - 2 or the user's resolution) */
fz_schedule fz_schedule_default(int64_t n_images, int limit);

/** Directions, in-plane angles and shifts for band limit kmax.  centred: shifts are looked for around each image's last
 *  best one only.  Fills the sampling fields of *spec and kmax; the rest is left alone. */
void fz_schedule_sampling(const fz_sampling_options *options, int box, int kmax, bool centred, fz_stage_spec *spec);
/** Whether the directions of every band limit up to kmax_limit can be made.  calls local
 *  fails   FZ_EINVAL, with the way out, when a design of a degree too high would be needed */
fz_status fz_schedule_check(const fz_sampling_options *options, int kmax_limit, fz_error *err);

#endif
