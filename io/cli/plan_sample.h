/* A few images of a set, as a set of their own. */
#ifndef FZ_CLI_PLAN_SAMPLE_H
#define FZ_CLI_PLAN_SAMPLE_H
#include "estep/dataset.h"
#include "mpi/comm.h"

typedef struct fz_plan_sample {
  fz_particles table; /* particle is its own, the rest the whole table's */
  fz_images whole;    /* borrowed */
  int64_t *row;       /* of the whole table */
  fz_dataset data;
  double scan_seconds;
} fz_plan_sample;

/** Runs of neighbouring rows, evenly spread, `most` images at most (0: all); scanned and cut.
 *  owns the caller: fz_plan_sample_clear (accepts a zeroed one); table and images are borrowed.  calls collective
 *  fails FZ_ENOMEM, FZ_EINPUT when none of them is usable, what reading fails with */
fz_status fz_plan_sample_take(fz_mpi *comm, const fz_particles *table, const fz_images *images, int64_t most,
                              double mask_radius_px, int tile_size, uint64_t seed, fz_plan_sample *out, fz_error *err);
void fz_plan_sample_clear(fz_plan_sample *s);

/** The whole set with the sample's spectra: data holds table and order already. fails FZ_ENOMEM. calls local */
fz_status fz_plan_sample_teach(fz_plan_sample *s, fz_dataset *data, fz_error *err);

#endif
