/* Multireference alignment, plain and windowed: a signal seen under unknown circular shifts, cut to a window, in noise.
 *  maths   x_i[k] = v[(k - l_i) mod length] + sigma noise,  0 <= k < window,  l_i ~ density over 0 .. length-1
 *          Shifting v by s, v'[k] = v[(k - s) mod length], and the density, rho'[l] = rho[(l + s) mod length], changes
 *          nothing that can be seen.
 *  source  Paul 2024, sections 4.2 and 4.5.1 */
#ifndef FZ_ORBIT_MRA_H
#define FZ_ORBIT_MRA_H
#include "orbit/orbit_model.h"

enum { FZ_MRA_LENGTH_MAX = 4096 };

typedef struct fz_mra_spec {
  int length, window; /* window = length: the plain problem */
  double sigma;
  int64_t n; /* observations */
  uint64_t seed;
  const double *signal, *density; /* [length]; density sums to 1; borrowed */
} fz_mra_spec;

/* The problem of the thesis: 3000 observations, noise 0.2, window 12 of 16.  What the text leaves open is ours: a pulse
 * exp(-t^2/(2 .12^2)) at t = -1/2, -7/16, ... scaled to norm 1; shifts of density .6 N(4, 1.5) + .4 N(11, 1.5) at
 * 0 .. 15, scaled to sum 1. */
enum { FZ_MRA_THESIS_LENGTH = 16 };
/** signal, density [FZ_MRA_THESIS_LENGTH] are filled and borrowed by the result. */
fz_mra_spec fz_mra_thesis(double *signal, double *density, uint64_t seed);

/** Observations x [n][window] and, unless NULL, their shifts [n]; a function of the spec alone.  calls local */
void fz_mra_simulate(const fz_mra_spec *spec, double *x, int *shift);
/** matrix [length][length][window] as fz_orbit_spec wants it: matrix[l][a] is the window's view of sample a at shift l.
 */
void fz_mra_matrix(int length, int window, double *matrix);

/** Simulate and make a model of w = [signal, rho~ if estimated]; the density is the truth where it is not estimated.
 *  owns    the caller, fz_orbit_model_destroy.  fails FZ_EINVAL, FZ_ENOMEM */
fz_status fz_mra_open(const fz_mra_spec *spec, bool estimate_density, int tile, int threads, fz_orbit_model **out,
                      fz_error *err);

/** A start that knows nothing: white noise of norm 1, and rho~ = 0 where it is estimated. */
void fz_mra_start(int length, uint64_t seed, bool estimate_density, double *w);

/** min over s of |signal - shift_s(truth)| / |truth|.
 *  density_error, unless NULL: sum_l |rho - shift_s(rho_truth)| at that s, for rho = softmax(rho~), rho~ after the
 *  signal in w */
double fz_mra_error(const fz_mra_spec *truth, const double *w, double *density_error);

#endif
