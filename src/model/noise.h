/* Noise of simulated images: white, or falling off with the frequency as that of real micrographs does.
 *  maths   power P(k) = c [1 / (1 + (k falloff)^2) + 0.2] at the spatial frequency k; c makes its mean over the image's
 *          frequencies 1, so that a pixel has the variance that white noise has
 *  units   k in 1/Angstrom, falloff in Angstrom; 0: white */
#ifndef FZ_MODEL_NOISE_H
#define FZ_MODEL_NOISE_H
#include <stdint.h>

typedef struct fz_noise fz_noise;

/** owns    the caller; NULL when memory runs out.  calls local */
fz_noise *fz_noise_create(int n, double pixel_A, double falloff_A);
void fz_noise_destroy(fz_noise **noise);

/** P(k) as normalized for this image. calls local */
double fz_noise_power(const fz_noise *noise, double k_per_A);

/** Add the noise of image i with this standard deviation per pixel: a pure function of seed, i and the object's shape.
 *  shape   pixels [n][n].  calls local, not thread-safe on one object (own workspace) */
void fz_noise_add(fz_noise *noise, uint64_t seed, int64_t i, double deviation, double *pixels);

#endif
