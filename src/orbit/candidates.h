/* The matrices of a finite set of candidates ("poses"), compressed: candidate j shows the parameters v as M_j v.
 *  maths   rows    all M_j v lie in the span of all columns; with its orthonormal basis U [r][p], M_j becomes U M_j and
 *                  observations x become U x: what is left of x is the same for every candidate and every v
 *          slices  the M_j lie in the span of few matrices:  M_j = sum_k c_jk B_k
 *          grams   so do the M_j' M_j:                       M_j' M_j = sum_k e_jk G_k
 *          Where such a span is no smaller than what it is to replace, it is left out: U = I, c = I, e = I.
 *          For images of a band-limited volume r, n_slices and n_grams are numbers of harmonics, whatever the numbers
 *          of pixels and poses.
 *  Errors of the compression are below 1e-12 of the largest column, slice and gram. */
#ifndef FZ_ORBIT_CANDIDATES_H
#define FZ_ORBIT_CANDIDATES_H
#include <stddef.h>

#include "core/status.h"

typedef struct fz_candidates {
  int n, p, d;        /* candidates, numbers per observation, parameters */
  int r;              /* numbers per compressed observation */
  int stride;         /* n rounded up to a multiple of 8: of rows of scores and weights */
  int n_slices;       /* B_k */
  int n_grams;        /* G_k */
  double *rows;       /* U [r][p], or NULL: r = p */
  double *slice_part; /* c [n][n_slices], or NULL: n_slices = n */
  double *slice;      /* B [d][n_slices][r] */
  double *gram_part;  /* e [n][n_grams], or NULL: n_grams = n */
  double *gram;       /* G [n_grams][d][d] */
  double largest_column, largest_gram_part;
} fz_candidates;

/** matrix [n][d][p]: what each parameter alone looks like to each candidate; borrowed, divided by sigma.
 *  owns    the caller: fz_candidates_clear.  calls local.  fails FZ_ENOMEM, FZ_EINVAL */
fz_status fz_candidates_init(fz_candidates *c, int n, int p, int d, const double *matrix, double sigma, fz_error *err);
void fz_candidates_clear(fz_candidates *c);

/** The observations x [count][p], divided by sigma, in compressed form [count][r].  calls local */
void fz_candidates_compress(const fz_candidates *c, int count, const double *x, double sigma, double *compressed);
/** shown [n][r] = compressed M_j v of all candidates; scratch [n_slices r].  calls local, thread-safe */
void fz_candidates_show(const fz_candidates *c, const double *v, double *shown, double *scratch);
/** back [d] = sum_i sum_j weight_ij M_j' x_i; weight [count][stride], x [count][r] compressed,
 *  scratch [(count + r) n_slices].  calls local, thread-safe; the order of sums is fixed by count alone */
void fz_candidates_gather(const fz_candidates *c, int count, const double *weight, const double *x, double *back,
                          double *scratch);
/** folded [n_grams] = sum_j mass_j e_jk, mass [n].  calls local, thread-safe */
void fz_candidates_fold(const fz_candidates *c, const double *mass, double *folded);
/** a [d][d] = sum_k folded_k G_k, that is sum_j mass_j M_j' M_j.  calls local, thread-safe */
void fz_candidates_curvature(const fz_candidates *c, const double *folded, double *a);

#endif
