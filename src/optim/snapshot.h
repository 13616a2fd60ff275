/* What the variance-reduced optimizers share: a reference point with its full statistics, and the rule that refuses a
 * new one at which F is higher. */
#ifndef FZ_OPTIM_SNAPSHOT_H
#define FZ_OPTIM_SNAPSHOT_H
#include "optim/batches.h"
#include "optim/optimizer.h"

typedef struct fz_snapshot {
  fz_batches batches;
  int64_t *all;                              /* [n_tiles] every tile */
  int64_t *words;                            /* [n_words] scratch */
  double *w;                                 /* [dim] the snapshot */
  double *moments, *batch, *batch_reference; /* [n_moments] at the snapshot; of a batch at w and at the snapshot */
  double value;                              /* lowest F of any snapshot */
  double shrink;                             /* factor on the step, halved at each rejection */
  int64_t inner;                             /* updates since the snapshot; -1: none taken yet */
} fz_snapshot;

fz_status fz_snapshot_init(fz_snapshot *s, const fz_optimizer *o);
void fz_snapshot_clear(fz_snapshot *s);
void fz_snapshot_state(fz_snapshot *s, const fz_optimizer *o, fz_state_list *list);
/** True when the next update has to start with a new snapshot. */
bool fz_snapshot_due(const fz_snapshot *s, const fz_optimizer *o);
/** Full pass at `candidate` [dim] (o->w itself is allowed).  It becomes the snapshot and o->w, unless F rose above
 *  rounding; then o->w goes back to the old snapshot, whose moments stand, and the step is halved.
 *  accepted  words hold the statistics at the new snapshot
 *  fails     as the objective's evaluate; then o->w and the snapshot are as before */
fz_status fz_snapshot_take(fz_snapshot *s, fz_optimizer *o, const double *candidate, bool *accepted, fz_error *err);
/** Differences of F below this are those of its sum's rounding: near the optimum they must not halve a step. */
double fz_snapshot_rounding(double value);
/** The step as it is after rejections. */
double fz_snapshot_step(const fz_snapshot *s, const fz_optimizer *o);
/** The next batch's tiles. */
const int64_t *fz_snapshot_batch(fz_snapshot *s, const fz_optimizer *o, int64_t *n);

#endif
