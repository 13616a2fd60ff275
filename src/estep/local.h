/* Local search: an image's best pose near a given one, at any orientation and shift, by a trust region on its score.
 *  maths   score(A, t) = Re <x, S_t P_A V> - 1/2 <c2, |P_A V|^2> - |t - t0|^2/(2 sd^2)   (the score of estep/engine.h
 *          without the constants of its prior), over five unknowns: a turn v about the present pose,
 *          A(v) = exp([v]x) A, and the shift t.  A step solves (H + lambda D) (v, t) = gradient, where
 *          H = sum c2 Re d_a^* d_b + 1/sd^2 (Gauss-Newton; d_a: derivatives of the model S_t P_A V) and D = diag H
 *          (Marquardt), is cut to a largest length, and taken only when it raises the score; lambda follows how well
 *          the quadratic model foretold the rise
 *  source  Levenberg 1944, Marquardt 1963.  All in double: it costs a few slices per image */
#ifndef FZ_ESTEP_LOCAL_H
#define FZ_ESTEP_LOCAL_H
#include "estep/tile.h"
#include "pose/rotation.h"

enum { FZ_LOCAL_UNKNOWNS = 5, FZ_LOCAL_EVALUATIONS = 12 };

typedef struct fz_local_setup {
  int m, box, n_volumes;             /* edge of the volumes (work box) and of the images */
  double slice_scale;                /* slice = slice_scale DFT_m(voxels) */
  const fz_frequencies *frequencies; /* borrowed */
  int threads;
} fz_local_setup;

/* A pose as the tile sees it: the shift counts from the centre that the tile was filled about. */
typedef struct fz_local_pose {
  fz_rotation rotation;
  double shift_x_px, shift_y_px;
} fz_local_pose;

/* Gaussian prior of shifts, on the same scale; sd 0: none. */
typedef struct fz_local_prior {
  double x_px, y_px, sd_px;
} fz_local_prior;

typedef struct fz_local_slope {
  double gradient[FZ_LOCAL_UNKNOWNS];                     /* by v_x, v_y, v_z (radians), t_x, t_y (pixels) */
  double curvature[FZ_LOCAL_UNKNOWNS][FZ_LOCAL_UNKNOWNS]; /* H */
} fz_local_slope;

typedef struct fz_local_climbed {
  double score_before, score;
  int evaluations;
} fz_local_climbed;

typedef struct fz_local fz_local;

/** volume [n_volumes] of m^3 voxels, read once.  owns the caller: fz_local_destroy.  calls local.  fails FZ_ENOMEM */
fz_status fz_local_create(const fz_local_setup *setup, const double *const *volume, fz_local **out);
void fz_local_destroy(fz_local **l);
/** Bytes that it takes while it is made. */
int64_t fz_local_bytes(const fz_local_setup *setup);

/** Score and slope of image i of the tile at a pose.  calls local, safe in threads with their own numbers.
 *  cost    about three slices */
double fz_local_score(const fz_local *l, int thread, const fz_tile *tile, int i, int volume,
                      const fz_local_prior *prior, const fz_local_pose *pose, fz_local_slope *slope);

/** Climb from *pose; the score there is never below that of the start.
 *  calls   local, safe in threads with their own numbers; the same bits whoever calls
 *  cost    some six scores, at most FZ_LOCAL_EVALUATIONS: it ends when a step promises less than 1e-3 */
fz_local_climbed fz_local_climb(const fz_local *l, int thread, const fz_tile *tile, int i, int volume,
                                const fz_local_prior *prior, fz_local_pose *pose);

#endif
