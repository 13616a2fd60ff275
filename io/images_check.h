/* What the opening scan saw, as findings. */
#ifndef FZ_IO_IMAGES_CHECK_H
#define FZ_IO_IMAGES_CHECK_H
#include "io/findings.h"
#include "io/particles.h"
#include "model/images.h"

/** The mask that images get when none is asked for: 0.9 of the box in diameter, less in boxes below 20 px. */
double fz_io_mask_radius_px(int box);

typedef struct fz_io_images_seen {
  const fz_io_particles *particles;
  const fz_images *images;     /* of the particles looked at; read once more for what is wrong with the first bad one */
  const fz_particles *table;   /* the particles looked at */
  const uint8_t *fault;        /* [table->n] fz_image_fault */
  double contrast;             /* fz_dataset.contrast */
  double max_excluded_percent; /* more unusable images than this are an error */
} fz_io_images_seen;

/** Too many unusable images, or none left of a half-set: an error.  Each unusable image; dark particles: warnings.
 *  calls   local.  fails FZ_EINPUT at the error unless `findings` collect; FZ_ENOMEM */
fz_status fz_io_images_check(const fz_io_images_seen *seen, fz_io_findings *findings, fz_error *err);

#endif
