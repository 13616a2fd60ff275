/* Images in another scale than the rest of their optics group: left as they were exported, or damaged. */
#ifndef FZ_ESTEP_OUTLIERS_H
#define FZ_ESTEP_OUTLIERS_H
#include <stdint.h>

#include "core/status.h"
#include "model/particle.h"

/* Moments of the pixels of one image, as stored; deviation of those of its background. */
typedef struct fz_image_moments {
  float mean, deviation, background;
} fz_image_moments;

/** Mark FZ_IMAGE_WRONG_SCALE among the good images (fault 0) of each optics group.
 *  maths   with medians over the group, w = 1.4826 median |x - median x| and s the median deviation: an image is out
 *          when |log(deviation / s)| > max(log 4, 10 w of the logarithms), or |mean - median| > max(4 s, 10 w of the
 *          means).  Medians do not feel a third of bad images; ten deviations hold no honest ones.
 *          Groups of fewer than 8 good images are left alone.
 *  calls   local, the same on all ranks.  fails FZ_ENOMEM */
fz_status fz_outliers_mark(const fz_particles *table, const fz_image_moments *moments, uint8_t *fault, fz_error *err);

/** What images are divided by at least (fz_preprocess_set_least_deviation): a tenth of the median deviation when the
 *  background has less in most images, because images with hardly any noise have a background that says nothing of
 *  their scale; 0 otherwise.  least is set.  calls local, the same on all ranks.  fails FZ_ENOMEM */
fz_status fz_outliers_least_deviation(int64_t n, const fz_image_moments *moments, const uint8_t *fault, double *least,
                                      fz_error *err);

#endif
