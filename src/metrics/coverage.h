/* What the agreement of half-maps says of the truth, when some directions are seen better than others.
 *  maths   Let x_j be the signal to noise of the frequencies j of a shell in a half-map, w(x) = x/(1 + x).  Half-maps
 *          then correlate by  H = sum w(x)^2 / sum w(x),  the map of both halves with the truth by
 *          T = sqrt(mean w(2 x)).  With x alike everywhere T = sqrt(2 H/(1 + H)): 0.143 stands for 0.5.  Where views
 * are missing H knows nothing of the frequencies that no image sees, T does.  x_j = lambda a_j, a_j the images'
 *          information there, lambda from the H that was measured
 *  source  Rosenthal & Henderson 2003 for x alike; here for any a_j */
#ifndef FZ_METRICS_COVERAGE_H
#define FZ_METRICS_COVERAGE_H
#include "core/status.h"
#include "model/cube.h"

/** foretold [kmax + 1] = T by shell, from fsc [kmax + 1] = H and the cells of `cube` (real; any scale).
 *  calls   local.  fails FZ_ENOMEM.  cost one pass over the cells */
fz_status fz_coverage_foretell(const fz_cube *cube, const double *cell, const double *fsc, int kmax, double *foretold);

#endif
