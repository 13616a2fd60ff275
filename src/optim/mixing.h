/* Anderson mixing of a fixed-point map G, in the metric of the curvature of Q.
 *  maths   u_k, G(u_k), r_k = G(u_k) - u_k; the next point is G(u_k) - sum_j c_j (G(u_j+1) - G(u_j)) with c that makes
 *          |r_k - sum_j c_j (r_j+1 - r_j)|_C least, |x|_C^2 = x'Cx.  Near the optimum of F the EM map is linear and
 *          symmetric in this metric, so that this is a minimal-residual Krylov method; in other metrics parameters of
 *          different units would be weighed against each other (measured: twice the passes).
 *          Differences along which the map expands, (u_j+1 - u_j)' C (r_j+1 - r_j) >= 0, lead back to a saddle point
 * and are left out; where none is left, the step G(u_k) - u_k itself is taken 2, 4, ... times as long. Least squares by
 * Gram-Schmidt, newest difference first, twice; differences that depend on newer ones within 1e-8 are left out. A mixed
 * point is refused when F there is higher than at each of the last 3 points: then the image G(u_k) is next, and the
 * older half is forgotten. source  Walker & Ni 2011; the rule that F may rise for a while: Grippo et al. 1986 */
#ifndef FZ_OPTIM_MIXING_H
#define FZ_OPTIM_MIXING_H
#include "optim/optimizer.h"

enum { FZ_MIXING_VALUES = 3 };

typedef struct fz_mixing {
  int capacity;                    /* differences */
  double *point, *image;           /* [capacity + 1][dim] rings: u_j, G(u_j) */
  int64_t count, total;            /* held; pushed so far: the next one's place is total mod (capacity + 1) */
  double value[FZ_MIXING_VALUES];  /* F at the last points, a ring */
  int64_t n_values;                /* so far */
  int64_t mixed;                   /* 1: the present point is a mixed one */
  double stretch;                  /* of the last step */
  double *base, *weighted, *shift; /* [capacity][dim] scratch: orthonormal differences q of r, C q; the same of G */
  double *residual;                /* [dim] scratch */
} fz_mixing;

/** options.memory differences. calls local.  fails FZ_ENOMEM.  owns the caller: fz_mixing_clear */
fz_status fz_mixing_init(fz_mixing *m, const fz_optimizer *o);
void fz_mixing_clear(fz_mixing *m);
void fz_mixing_state(fz_mixing *m, const fz_optimizer *o, fz_state_list *list);

/** u and G(u) [dim], copied; F(u). */
void fz_mixing_push(fz_mixing *m, const fz_optimizer *o, const double *point, const double *image, double value);
/** out [dim] = the next point, C at `moments` and w.  The image itself while there is one point only.
 *  calls   as the objective's curvature */
fz_status fz_mixing_mix(fz_mixing *m, const fz_optimizer *o, const double *moments, const double *w, double *out,
                        fz_error *err);
/** The highest F at which a point is still taken. */
double fz_mixing_highest(const fz_mixing *m);
/** out = the image of the newest point, in place of the mixed one that was refused. */
void fz_mixing_refuse(fz_mixing *m, const fz_optimizer *o, double *out);

#endif
