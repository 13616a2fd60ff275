/* The opening scan: every image is looked at once, to find unusable ones, the noise, the signal power and the bounds of
 * the exact sums.  Local part; the sums of several parts add up exactly. */
#ifndef FZ_ESTEP_SCAN_H
#define FZ_ESTEP_SCAN_H
#include <stdint.h>

#include "estep/dataset.h"
#include "estep/outliers.h"

typedef struct fz_scan {
  int n_groups, n_shells;
  ptrdiff_t n_words;
  int64_t *words;  /* [3][n_groups][n_shells] + [n_groups] + [2]: sums of shell means of |X|^2, background |X|^2, c^2;
                      images;  sums of the contrast and of its square */
  double *largest; /* [n_groups][n_shells] largest |X| */
  double largest_ctf;
  double scale; /* of the words */
} fz_scan;

/** For sums over at most `images`. calls local. fails FZ_ENOMEM */
fz_status fz_scan_init(fz_scan *scan, int n_groups, int n_shells, int64_t images);
void fz_scan_clear(fz_scan *scan);

/** Look at particles first .. first + n - 1 of the table with OpenMP threads; fault[i - first] = fz_image_fault,
 *  moments[i - first] the moments of those that are good (moments may be NULL).  Images whose fault is set already are
 *  left out.
 *  maths   contrast of an image: sum over |k| < 6 of Re X(k) c(k) b(k), over the norm of c b, with b the transform of a
 *          Gaussian blob of a third of the mask's radius at the centre: the projections of any particle, averaged over
 *          poses, look like such a blob, bright or dark
 *  calls   local.  fails FZ_ENOMEM */
fz_status fz_scan_part(fz_scan *scan, const fz_dataset *data, int64_t first, int64_t n, uint8_t *fault,
                       fz_image_moments *moments, fz_error *err);

/** From the summed scan: all spectra, largest, contrast of the dataset. calls local. fails FZ_ENOMEM */
fz_status fz_scan_finish(const fz_scan *scan, fz_dataset *data);

#endif
