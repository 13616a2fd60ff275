/* Curvature pairs of a quasi-Newton matrix, newest replacing oldest, as state that a checkpoint can hold.
 *  s = difference of parameters, y = of gradients.  Under FZ_SAFE_PAIRS a pair with s.y <= 1e-10 |s||y| is left out;
 *  without it all are taken, which the algebra must be able to do. */
#ifndef FZ_OPTIM_PAIRS_H
#define FZ_OPTIM_PAIRS_H
#include "optim/optimizer.h"

/* H_0: the inverse of the curvature where moments are given, else a multiple of the identity. */
typedef struct fz_pairs_start {
  const double *moments; /* of the objective's precondition; NULL: scale times the identity */
  int iterations;        /* of precondition */
  double scale;
} fz_pairs_start;

typedef struct fz_pairs {
  double *s, *y; /* [capacity][dim] rings */
  int64_t count; /* pairs held */
  int64_t total; /* pushed so far: the next one's place is total mod capacity */
  int64_t given; /* `total` when the matrix was last told; -1: never */
  int capacity;
  fz_quasi_newton *matrix;
  const double **ordered; /* [2 capacity] scratch */
} fz_pairs;

/** options.memory of them. calls local.  fails FZ_ENOMEM.  owns the caller: fz_pairs_clear */
fz_status fz_pairs_init(fz_pairs *p, const fz_optimizer *o);
/** The matrix, of the objective's algebra; once, after init.  fails as quasi_newton_create */
fz_status fz_pairs_open(fz_pairs *p, const fz_optimizer *o, fz_error *err);
void fz_pairs_clear(fz_pairs *p, const fz_optimizer *o);
void fz_pairs_state(fz_pairs *p, const fz_optimizer *o, fz_state_list *list);

/** s, y [dim], copied. */
void fz_pairs_push(fz_pairs *p, const fz_optimizer *o, const double *s, const double *y);
/** out = H g [dim].  calls, fails as quasi_newton_apply and the objective's precondition */
fz_status fz_pairs_apply(fz_pairs *p, const fz_optimizer *o, fz_pairs_start start, const double *g, double *out,
                         fz_error *err);

#endif
