/* What every optimizer works on.  Optimizers never see images, poses or ranks; an objective never sees optimizers.
 *  maths   F(w) = -1/N sum_i log sum_j omega_j p(x_i | w, j) - 1/N log p(w)
 *          words: exact integer sums over a set of images, linear in the set;
 *          moments s: the same as doubles, mean per image, so that F's EM step is w <- argmax Q(w; s)
 *  calls   every function pointer is collective where the objective is distributed; results are the same on all ranks
 */
#ifndef FZ_OPTIM_OBJECTIVE_H
#define FZ_OPTIM_OBJECTIVE_H
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "optim/algebra.h"

typedef struct fz_objective {
  void *self;
  ptrdiff_t dim;       /* parameters */
  ptrdiff_t n_words;   /* integer statistics of one evaluation */
  ptrdiff_t n_moments; /* of them, what the M-step reads, as doubles */
  int64_t n_tiles, n_images;
  ptrdiff_t n_classes; /* 0: no classes */
  double rounding; /* of F, as a share of 1 + |F|: differences below it mean nothing; 0: not known, 1e-10 is taken */
  double *class_prior; /* [n_classes] read by evaluate, set by maximize: beside w a part of what must be kept.  The
                          steps of optimizers without an M-step set it, too (fz_optimizer_step) */

  /** words = sum over the listed tiles at w. fails FZ_EDIVERGED, FZ_ESTOPPED, FZ_EIO */
  fz_status (*evaluate)(void *self, const double *w, const int64_t *tile, int64_t n_tiles, int64_t *words,
                        fz_error *err);
  /** Images in the sum, and sum over them of the log-likelihood above that of pure noise. */
  int64_t (*images)(const void *self, const int64_t *words);
  double (*gain)(const void *self, const int64_t *words);
  void (*moments)(const void *self, const int64_t *words, double *mean);
  /** mass [n_classes] = posterior mass of each class, summed over the images; NULL without classes. */
  void (*class_mass)(const void *self, const int64_t *words, double *mass);

  /** M-step: w <- argmax of images Q(.; moments) + log prior, started at w, by at most `iterations` steps of its
   * solver. images: how many images' worth of information the mean holds; it weighs the data against the prior, so that
   * a mean over few images is smoothed more */
  fz_status (*maximize)(void *self, const double *moments, double images, int iterations, double *w, fz_error *err);
  /** g = gradient of F estimated from `words` (their mean; the prior in full).  Words from elsewhere than w are
   * allowed, and then give the data's gradient there, or that at w with the posteriors from there. */
  fz_status (*gradient)(void *self, const int64_t *words, const double *w, double *g, fz_error *err);
  /** step = H^-1 g with H the curvature of Q at `moments`, by at most `iterations` steps. */
  fz_status (*precondition)(void *self, const double *moments, int iterations, const double *g, double *step,
                            fz_error *err);
  /** out = C v with C = -d^2 Q(w; moments)/dw^2 per image, the prior in full: the Gauss-Newton matrix of F.  Where the
   * moments are those at w it is the Hessian of F plus a covariance, so that it bounds the Hessian from above. */
  fz_status (*curvature)(void *self, const double *moments, const double *w, const double *v, double *out,
                         fz_error *err);
  /** out = (Hessian at w of F, estimated from the listed tiles) v; it takes hessian_cost evaluations of these images */
  fz_status (*hessian)(void *self, const double *w, const int64_t *tile, int64_t n_tiles, const double *v, double *out,
                       fz_error *err);
  double hessian_cost;
  /** -1/N log p(w), up to a constant. */
  double (*prior)(const void *self, const double *w);

  /** This rank keeps words [first, first + count) of anything stored per batch; collect puts all shares together. */
  void (*share)(const void *self, ptrdiff_t *first, ptrdiff_t *count);
  fz_status (*collect)(void *self, const int64_t *share, int64_t *words, fz_error *err);

  const fz_algebra *algebra; /* whose results are the same on all ranks, too */
} fz_objective;

#endif
