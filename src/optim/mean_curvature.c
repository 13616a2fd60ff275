#include "optim/mean_curvature.h"

#include <math.h>

#include "core/random.h"

fz_status fz_mean_curvature(const fz_optimizer *o, const double *moments, const double *w, double *probe, double *image,
                            double *mean, fz_error *err) {
  fz_random r = fz_random_stream(o->options.seed, FZ_PURPOSE_PROBE, 0, 1);
  double top = 0, bottom = 0;
  for (ptrdiff_t i = 0; i < o->f->dim; i++) probe[i] = fz_random_normal(&r);
  fz_status st = o->f->curvature(o->f->self, moments, w, probe, image, err);
  if (st != FZ_OK) return st;
  for (ptrdiff_t i = 0; i < o->f->dim; i++) {
    top += probe[i] * image[i];
    bottom += probe[i] * probe[i];
  }
  *mean = top / bottom;
  if (*mean > 0 && isfinite(*mean)) return FZ_OK;
  return fz_fail(err, FZ_EDIVERGED, "the curvature is not positive and finite");
}
