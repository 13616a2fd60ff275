/* The size of a Gauss-Newton matrix, by which dampings are given. */
#ifndef FZ_OPTIM_MEAN_CURVATURE_H
#define FZ_OPTIM_MEAN_CURVATURE_H
#include "optim/optimizer.h"

/** *mean = v'Cv / v'v with one random v: the mean eigenvalue of the curvature of Q at `moments` and w, to within
 *  sqrt(2 / dim) of the spread of the eigenvalues (Hutchinson 1990).  probe, image [dim] scratch
 *  calls   as the objective's curvature.  fails FZ_EDIVERGED where it is not positive and finite */
fz_status fz_mean_curvature(const fz_optimizer *o, const double *moments, const double *w, double *probe, double *image,
                            double *mean, fz_error *err);

#endif
