/* Fourier coefficients in the form that alignment needs them (metrics/align.c): the moving map finely sampled, the
 * reference as a list. */
#ifndef FZ_METRICS_ALIGN_SPECTRUM_H
#define FZ_METRICS_ALIGN_SPECTRUM_H
#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"
#include "model/map.h"

/* Spectrum of a map about its centre on a grid of 1/2 shell: value [2r+1][2r+1][r+1], kz and ky from -r, kx from 0. */
typedef struct fz_align_spectrum {
  int n, r;
  float complex *value;
} fz_align_spectrum;

/** Sample the spectrum up to `kmax` shells (kmax + 1 < n/2), corrected for trilinear interpolation.
 *  mask_centre  keep only the soft sphere of diameter n - 6 about this point (x, y, z from voxel n/2): it takes away
 *               noise that would only be interpolated badly; NULL keeps the whole box
 *  owns         the caller, fz_align_spectrum_clear.  fails FZ_ENOMEM */
fz_status fz_align_spectrum_create(const fz_map *map, const double *mask_centre, int kmax, fz_align_spectrum *spectrum,
                                   fz_error *err);
void fz_align_spectrum_clear(fz_align_spectrum *spectrum);
/** Trilinear value at q (x, y, z; shells), |q| up to kmax. */
float complex fz_align_spectrum_at(const fz_align_spectrum *spectrum, const double q[3]);

/* Half of the coefficients of the reference inside a low-passed ball without its centre (the others are conjugate). */
typedef struct fz_align_ball {
  ptrdiff_t count;
  int (*k)[3];          /* kx, ky, kz; in shells */
  float complex *value; /* low-passed twice */
  float *weight;        /* square of the low-pass, for the norm of the map */
  double norm;          /* of the low-passed reference */
} fz_align_ball;

/** Balls of the map inside its inscribed soft sphere, one per cut-off (shells; cosine edge of 2 shells).
 *  owns  the caller clears each, also after a failure.  fails FZ_EINPUT when nothing is left of the map, FZ_ENOMEM */
fz_status fz_align_balls_create(const fz_map *map, int n_balls, const double *cutoff, fz_align_ball *ball,
                                fz_error *err);
void fz_align_ball_clear(fz_align_ball *ball);

/** Index into the half-complex spectrum of a box of n, kx >= 0. */
ptrdiff_t fz_align_index(int n, int kx, int ky, int kz);

#endif
