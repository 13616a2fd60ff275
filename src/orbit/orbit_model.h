/* A finite latent linear-Gaussian model: orbit recovery with the group replaced by finitely many candidates.
 *  maths   x_i = M_j v + noise,  j ~ rho,  noise ~ N(0, sigma^2 I) in R^p
 *          w = [v (d), rho~ (n candidates, if rho is estimated)],  rho = softmax(rho~)
 *          F(w) = -1/N sum_i log sum_j rho_j exp((x_i.M_j v - |M_j v|^2/2)/sigma^2) + ridge |v|^2 / 2N,
 *          the negative log-likelihood relative to that of pure noise.  A constant added to rho~ changes nothing.
 *  source  Paul 2024, section 4.5 (F there has |x|^2/2 sigma^2 per image more)
 *
 *  E-step  gamma_ij = softmax_j of the exponents and log rho_j;  b_i = sum_j gamma_ij M_j' x_i / sigma^2
 *  M-step  v = A^-1 b with A = sum_j N_j M_j' M_j / sigma^2 + ridge, N_j = sum_i gamma_ij;  rho~ = log of N_j's shares,
 *          which are kept above FZ_ORBIT_SHARE_LEAST so that it stays finite
 *  Numbers of one set: b [d], then N [n] if rho is estimated, else what A needs of it (candidates.h: folded N).
 *  Words: images, then high and low limbs (core/fixed_pair.h) of the gain and these numbers.  One limb would be too
 *  coarse: experiments stop when F moves by less than 1e-14 in a pass.
 *  Where rho is known, terms are left out that together are below 1e-16 of an image's likelihood; else none, since
 *  log N_j counts, too. */
#ifndef FZ_ORBIT_ORBIT_MODEL_H
#define FZ_ORBIT_ORBIT_MODEL_H
#include <stdbool.h>

#include "optim/objective.h"

#define FZ_ORBIT_SHARE_LEAST 1e-30

typedef struct fz_orbit_spec {
  int n_candidates, p, d;
  const double *matrix; /* [n_candidates][d][p]: column a of M_j, one after the other */
  int64_t n;            /* observations */
  const double *x;      /* [n][p] */
  double sigma;
  const double *prior; /* [n_candidates] rho > 0, sums to 1; NULL: uniform.  Not used when rho is estimated */
  bool estimate_prior;
  double ridge; /* >= 0, of all observations together: v ~ N(0, I/ridge) */
  int tile;     /* observations per tile: the unit of batches, of threads and of ranks */
  int threads;
} fz_orbit_spec;

typedef struct fz_orbit_model fz_orbit_model;

/** owns    the caller, fz_orbit_model_destroy; all arrays of the spec are copied.  calls local
 *  fails   FZ_EINVAL, FZ_ENOMEM */
fz_status fz_orbit_model_create(const fz_orbit_spec *spec, fz_orbit_model **out, fz_error *err);
void fz_orbit_model_destroy(fz_orbit_model **m);

/** All tiles here, in `threads` threads; borrowed, valid until destroy.  `algebra` is borrowed, may be NULL.
 *  fails   evaluate: FZ_EDIVERGED when parameters are not finite or F is some 10^6 times that of pure noise;
 *          maximize, precondition: FZ_EDIVERGED when A is not positive definite.  Iterations are not needed
 *  maths   precondition: A^-1 for v; for rho~ the pseudo-inverse of diag(rho) - rho rho' with the M-step's shares for
 *          rho, kept above 1/N: less than one image's worth says nothing about a curvature
 *          hessian: curvature less the posterior covariance of the complete-data gradients, in closed form */
const fz_objective *fz_orbit_model_view(fz_orbit_model *m, const fz_algebra *algebra);

/** One Hessian product in two halves, so that the sum over tiles may be shared: hessian(v) = finish(sum of sums).
 *  shape   words [n]: fz_orbit_model_hessian_words; integers, linear in the set of tiles for given w and v
 *  calls   local.  fails FZ_EDIVERGED, FZ_ENOMEM */
ptrdiff_t fz_orbit_model_hessian_words(const fz_orbit_model *m);
fz_status fz_orbit_model_hessian_sum(fz_orbit_model *m, const double *w, const double *v, const int64_t *tile,
                                     int64_t n_tiles, int64_t *words, fz_error *err);
fz_status fz_orbit_model_hessian_finish(fz_orbit_model *m, const double *w, const double *v, const int64_t *words,
                                        double *out, fz_error *err);

#endif
