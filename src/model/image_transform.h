/* Real images to and from the centred orthonormal half-plane of the model.
 *  maths   X(k) = (1/n) sum_r x(r) exp(-2 pi i k.(r - n/2)/n), as stored: fz_preprocess_image normalizes and masks
 * first shape   pixels [n][n] row-major, half [n][n/2+1]; the rotation centre is pixel n/2 (integer division) */
#ifndef FZ_MODEL_IMAGE_TRANSFORM_H
#define FZ_MODEL_IMAGE_TRANSFORM_H
#include <complex.h>
#include <stddef.h>

typedef struct fz_image_transform fz_image_transform;

/** owns the caller; NULL when memory runs out */
fz_image_transform *fz_image_transform_create(int n);
void fz_image_transform_destroy(fz_image_transform **t);
/** Complex numbers in a half-plane: n (n/2 + 1). */
ptrdiff_t fz_image_transform_size(const fz_image_transform *t);

/** The transform of doubles. calls local, thread-safe on one transform */
void fz_image_transform_of(const fz_image_transform *t, const double *pixels, double complex *half);
/** calls local, not thread-safe on one transform (own workspace) */
void fz_image_transform_forward(fz_image_transform *t, const float *pixels, double complex *half);
/** The way back; `half` is destroyed. Coefficients with kx = 0 count with their stored value, so (0, ky) and (0, -ky)
 *  must be conjugates. */
void fz_image_transform_backward(fz_image_transform *t, double complex *half, double *pixels);

#endif
