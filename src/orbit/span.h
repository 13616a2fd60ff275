/* An orthonormal basis of the span of many vectors of which few are independent. */
#ifndef FZ_ORBIT_SPAN_H
#define FZ_ORBIT_SPAN_H
#include "core/status.h"

/** Gram-Schmidt, twice, with pivots in blocks, in sweeps; a vector joins when more of it than 1e-12 of the longest
 * one's norm is left over, so that every vector is within that of the span (times 2 for rounding). shape   vector
 * [n][length]; basis [most][length], of which *rank rows are filled calls   local; the same bits on every call, if BLAS
 * uses one thread fails   FZ_ENOMEM.  *rank = most + 1 when the span has more than `most` dimensions; then basis means
 * nothing cost    4 n length rank operations in matrix products a sweep; two sweeps where vectors are far from
 *          dependent or wholly so, up to five where they fade */
fz_status fz_orthonormal_span(int n, int length, const double *vector, int most, double *basis, int *rank);

#endif
