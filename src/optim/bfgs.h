/* The inverse BFGS matrix of a list of pairs, as it stands in textbooks, in doubles.
 *  maths   H_0 = initial, H_k = (I - s y'/y's) H_{k-1} (I - y s'/y's) + s s'/y's  over the pairs, oldest first.
 *          H g = V_1 .. V_m H_0 V_m' .. V_1' g + what the rank-one terms give is worked out from the outside in: on the
 *          way in g <- g - (s.g/y.s) y for the newest pair first, then H_0 once, on the way out the same pairs again.
 *          That is the same H to rounding, but the start may be a map that nobody can write down as a matrix, and the
 *          cost is 4 n per pair, not n^2.  Nowhere does it need y.s > 0
 *  source  Nocedal 1980, the two-loop recursion */
#ifndef FZ_OPTIM_BFGS_H
#define FZ_OPTIM_BFGS_H
#include "optim/algebra.h"

typedef struct fz_bfgs fz_bfgs;

/** owns    *out: the caller, fz_bfgs_destroy; (2 capacity + 1) n doubles.  calls local.  fails FZ_ENOMEM, FZ_EINVAL */
fz_status fz_bfgs_create(ptrdiff_t n, int capacity, bool any_curvature, fz_bfgs **out, fz_error *err);
void fz_bfgs_destroy(fz_bfgs **h);

/** Look at pairs, oldest first, before anything is done with them.
 *  fails   FZ_EINVAL for more than `capacity`, or y.s <= 0 (any_curvature: y.s = 0), FZ_EDIVERGED for numbers that are
 *          not finite.  Products beyond 10^300 or below 10^-300 are refused in the same way */
fz_status fz_bfgs_check(ptrdiff_t n, int capacity, bool any_curvature, int n_pairs, const double *const *s,
                        const double *const *y, fz_error *err);
/** Take the pairs in place of those before; copied. fails as fz_bfgs_check, the earlier pairs then stay */
fz_status fz_bfgs_set(fz_bfgs *h, int n_pairs, const double *const *s, const double *const *y, fz_error *err);
/** out = H g, not overlapping. fails FZ_EDIVERGED when that is not finite; what `initial` fails with */
fz_status fz_bfgs_apply(fz_bfgs *h, fz_linear_map initial, void *context, const double *g, double *out, fz_error *err);

#endif
