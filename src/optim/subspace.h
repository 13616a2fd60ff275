/* The leading eigenpairs of a symmetric map that is too large to be written down: randomized subspace iteration.
 *  maths   Q = orth(A^q Omega), Omega random [n][r + 8]; eigenpairs of the small Q'AQ, turned back by Q.
 *          The error of an eigenvector falls by |lambda_{r+9}/lambda_k| per application of A.
 *  source  Halko, Martinsson, Tropp 2011, algorithms 4.4 and 5.3 */
#ifndef FZ_OPTIM_SUBSPACE_H
#define FZ_OPTIM_SUBSPACE_H
#include <stdint.h>

#include "optim/algebra.h"

enum { FZ_SUBSPACE_PROBES = 8, FZ_SUBSPACE_ROUNDS = 2 };

typedef struct fz_subspace {
  ptrdiff_t n;
  int columns;           /* r + probes, at most n */
  double *basis, *image; /* [columns][n] Q, A Q */
  double *small, *value, *vector;
} fz_subspace;

/** calls local.  fails FZ_ENOMEM.  owns the caller: fz_subspace_clear */
fz_status fz_subspace_init(fz_subspace *s, ptrdiff_t n, int r);
void fz_subspace_clear(fz_subspace *s);
/** The r pairs largest in size, in falling order: value [r], vector [r][n] of norm 1, sign as in algebra.h.  The map is
 *  asked (FZ_SUBSPACE_ROUNDS + 1) columns times.  seed: of Omega.
 *  fails   as the map and the algebra's eigenpairs; FZ_EDIVERGED where numbers are not finite */
fz_status fz_subspace_pairs(fz_subspace *s, const fz_algebra *algebra, fz_linear_map map, void *context, uint64_t seed,
                            int r, double *value, double *vector, fz_error *err);

#endif
