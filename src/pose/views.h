/* Distributions of poses to draw from: uniform on SO(3), or peaks of viewing directions over a uniform floor.
 *  maths   with probability `uniform` Haar measure; else a peak by its weight, its direction d from the von
 * Mises-Fisher density exp(kappa mu.d), the in-plane angle uniform */
#ifndef FZ_POSE_VIEWS_H
#define FZ_POSE_VIEWS_H
#include "core/random.h"
#include "core/status.h"
#include "pose/rotation.h"

enum { FZ_VIEWS_MAX = 64 };

typedef struct fz_view_peak {
  double rot_deg, tilt_deg; /* of its middle */
  double kappa;             /* concentration: the spread is about 1/sqrt(kappa) radians */
  double weight;
} fz_view_peak;

typedef struct fz_views {
  int n;          /* 0 peaks: uniform */
  double uniform; /* share of uniform views, 0..1 */
  fz_view_peak peak[FZ_VIEWS_MAX];
} fz_views;

/** Append a peak from "ROT,TILT,KAPPA" or "ROT,TILT,KAPPA,WEIGHT"; kappa and weight > 0.
 *  fails   FZ_EINVAL quoting the text */
fz_status fz_views_add(fz_views *views, const char *text, fz_error *err);

/** One pose. calls local, advances only `random` */
fz_rotation fz_views_draw(const fz_views *views, fz_random *random);

#endif
