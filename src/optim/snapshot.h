/* What the variance-reduced optimizers share: a reference point w~ with the statistics of all images there, batch by
 * batch, and the rule that refuses a new one at which F is higher, with half the step from then on.  After
 * n rejections it takes 5 n acceptances to double the step again, up to what was asked for.
 *  maths   for a batch I of the snapshot's partition of the images: statistics at w, and at w~; their difference has
 *          little variance where w is near w~.  The m-th pass since the snapshot visits the batches in an order that
 *          belongs to (seed, snapshot, m).
 *  cost    a snapshot 1 pass, an update b/N: the snapshot's pass goes batch by batch, and what each gave is kept (exact
 *          integers, in shares), so that it needs no second evaluation.  Where that would take more than
 *          options.keep_bytes over all ranks, or after a rejection, it is evaluated again: the same bits, 2 b/N.
 *  source  Johnson & Zhang 2013; the thesis (Paul 2024), Algorithms 1-5 */
#ifndef FZ_OPTIM_SNAPSHOT_H
#define FZ_OPTIM_SNAPSHOT_H
#include "optim/batches.h"
#include "optim/kept.h"
#include "optim/optimizer.h"

typedef struct fz_snapshot {
  fz_batches batches;
  int64_t *words;      /* [n_words] of all images at the snapshot, after a pass; of the batch at o->w, after a visit */
  int64_t *reference;  /* [n_words] of that batch at the snapshot */
  double *w, *sum;     /* [dim] the snapshot; sum of the iterates since */
  double *moments;     /* [n_moments] of all images at the snapshot, where they are wanted */
  double *class_prior; /* [n_classes] shares of the classes there */
  double value;        /* lowest F of any snapshot */
  double shrink;       /* factor on the step: halved at each rejection, doubled again in quiet times */
  int64_t accepted;    /* snapshots since the factor changed */
  int64_t rejected;    /* snapshots so far */
  int64_t partition;   /* snapshots tried so far; what the batches are dealt by */
  int64_t inner;       /* updates since the snapshot, the first with its own statistics; -1: no snapshot yet */
  bool keeps;
  fz_kept kept;
  int64_t *held;  /* [n_batches] 1: kept */
  int64_t *order; /* [n_batches] scratch */
} fz_snapshot;

/** calls local.  fails FZ_ENOMEM.  owns the caller: fz_snapshot_clear */
fz_status fz_snapshot_init(fz_snapshot *s, const fz_optimizer *o);
void fz_snapshot_clear(fz_snapshot *s);
void fz_snapshot_state(fz_snapshot *s, const fz_optimizer *o, fz_state_list *list);

/** True when the next update has to start with a new snapshot. */
bool fz_snapshot_due(const fz_snapshot *s, const fz_optimizer *o);
/** The mean of the iterates since the snapshot; o->w before the first. */
void fz_snapshot_mean(const fz_snapshot *s, const fz_optimizer *o, double *out);

/** All images at `candidate` [dim], which may be o->w: s->words, and F there.  Nothing is decided yet: accept, refuse
 *  or drop must follow.
 *  fails   as the objective's evaluate, and FZ_EDIVERGED; then the optimizer is as before */
fz_status fz_snapshot_pass(fz_snapshot *s, fz_optimizer *o, const double *candidate, double *value, fz_error *err);
/** The candidate becomes the snapshot and o->w. */
void fz_snapshot_accept(fz_snapshot *s, fz_optimizer *o, const double *candidate, double value);
/** o->w goes back to the old snapshot, whose statistics stand, for another epoch. */
void fz_snapshot_drop(fz_snapshot *s, fz_optimizer *o);
/** The same where an update has left the bounds, if the safeguard is on, with half the step from then on; else false.
 */
bool fz_snapshot_retreat(fz_snapshot *s, fz_optimizer *o, fz_status st);
/** Accept what a pass gave if `value` is at most `highest` (and rounding) or the safeguard is off; else drop, with half
 *  the step. */
void fz_snapshot_judge(fz_snapshot *s, fz_optimizer *o, const double *candidate, double value, double highest,
                       bool *accepted);
/** The usual rule: pass, and judge by the lowest F of any snapshot.  Out of bounds is far uphill.
 *  accepted  words hold the statistics at the new snapshot */
fz_status fz_snapshot_take(fz_snapshot *s, fz_optimizer *o, const double *candidate, bool *accepted, fz_error *err);

/** The next batch: s->words at o->w, s->reference at the snapshot.
 *  back    true: o->w has left the bounds and is at the snapshot again, as after a rejection (if the safeguard is on);
 *          then there is no batch, and the next update is the first
 *  fails   as the objective's evaluate; then the optimizer is as before */
fz_status fz_snapshot_visit(fz_snapshot *s, fz_optimizer *o, bool *back, fz_error *err);
/** o->w has been updated: counts. */
void fz_snapshot_moved(fz_snapshot *s, const fz_optimizer *o);

/** Differences of F below this are those of its sum's rounding: near the optimum they must not halve a step. */
double fz_snapshot_rounding(const fz_optimizer *o, double value);
/** The step as it is after rejections, for optimizers whose automatic step is their default. */
double fz_snapshot_step(const fz_snapshot *s, const fz_optimizer *o);

#endif
