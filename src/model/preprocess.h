/* From stored pixels to the Fourier coefficients of the likelihood.
 *  maths   y = (x - mean_out) / sd_out, statistics outside the mask radius; z = mask y;
 *          X(k) = (1/n) sum_r z(r) exp(-2 pi i k.(r - n/2)/n): orthonormal, so white noise of variance s^2 has E|X|^2 =
 * s^2 shape   pixels [n][n] row-major; the rotation centre is pixel n/2 */
#ifndef FZ_MODEL_PREPROCESS_H
#define FZ_MODEL_PREPROCESS_H
#include <complex.h>
#include <stdint.h>

#include "core/status.h"
#include "model/frequencies.h"
#include "model/window_spectrum.h"

typedef struct fz_preprocess fz_preprocess;

typedef enum fz_image_fault {
  FZ_IMAGE_GOOD = 0,
  FZ_IMAGE_NOT_FINITE,  /* a pixel is NaN or infinite */
  FZ_IMAGE_CONSTANT,    /* the background is */
  FZ_IMAGE_UNREADABLE,  /* its file does not give it */
  FZ_IMAGE_WRONG_SCALE, /* mean or deviation far from those of the other images: estep/outliers.h */
  FZ_IMAGE_FAULTS
} fz_image_fault;
/** "good", "not_finite", "constant", "unreadable", "wrong_scale"; the sentence "has ..." that says the same. */
const char *fz_image_fault_word(int fault);
const char *fz_image_fault_sentence(int fault);

/** Mask 1 inside radius_px, cosine edge of edge_px outwards, 0 beyond. owns the caller; NULL when memory runs out */
fz_preprocess *fz_preprocess_create(int n, double radius_px, double edge_px);
void fz_preprocess_destroy(fz_preprocess **p);

/** Mean over the image of mask^2: the share of the noise power that the mask leaves. */
double fz_preprocess_mask_share(const fz_preprocess *p);

/** What turns the spectrum of the background, as fz_preprocess_background shows it, into that of the noise.
 *  owns    the caller.  calls local.  fails NULL without memory */
fz_window_spectrum *fz_preprocess_background_window(const fz_preprocess *p);

/** Standard deviation of the background's pixels, as stored; not a number when pixels are not.  calls local,
 * thread-safe */
double fz_preprocess_background_deviation(const fz_preprocess *p, const float *pixels);

/** Images are divided by hypot(sd_out, least) instead of sd_out, in the scale of the stored pixels; at first least is
 *  0.  For sets without noise, whose background says nothing of their scale.  calls local, not during images */
void fz_preprocess_set_least_deviation(fz_preprocess *p, double least);

/** Scratch that one thread passes in: [fz_preprocess_scratch_size] bytes from fz_alloc. */
ptrdiff_t fz_preprocess_scratch_size(const fz_preprocess *p);

/** Normalize, mask, transform.
 *  shape   half [n][n/2+1], orthonormal, phase origin at the centre pixel
 *  returns what is wrong with the image, and then leaves `half` undefined.  calls local, thread-safe with own scratch
 */
fz_image_fault fz_preprocess_image(const fz_preprocess *p, const float *pixels, void *scratch, double complex *half);

/** The same for the background: y outside the mask only, scaled so that white noise of variance s^2 gives E|X|^2 = s^2.
 */
fz_image_fault fz_preprocess_background(const fz_preprocess *p, const float *pixels, void *scratch,
                                        double complex *half);

/** Coefficient (kx, ky) of a half-complex transform, any |k| < n/2. */
double complex fz_half_at(const double complex *half, int n, int kx, int ky);

#endif
