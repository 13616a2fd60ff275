/* Which eigenpairs are meant by "the largest in size", and which of v and -v. */
#ifndef FZ_OPTIM_EIGEN_ORDER_H
#define FZ_OPTIM_EIGEN_ORDER_H
#include <stddef.h>

/** chosen [r]: indices of the r values largest in size, in falling order of size; of l and -l, l > 0 first.
 *  ascending [n] in rising order, 1 <= r <= n */
void fz_eigen_choose(ptrdiff_t n, const double *ascending, int r, ptrdiff_t *chosen);
/** Turn v so that its entry largest in size, the first of several, is positive. */
void fz_eigen_turn(ptrdiff_t n, double *v);

#endif
