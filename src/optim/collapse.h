/* Notices a run that climbs down: the likelihood collapses long before a number overflows.
 *  maths   gains g_t per image of the steps; m their mean over a window of 16 steps, fewer when a pass ends.
 *          Diverged:  m < g - max(|g|, 10 spread, 1 nat),  g = min(g_0, 0), g_0 the first gain.
 *          spread: of the gains of batches, median |g_t - g_t-1| / 0.954 in the first window with three differences
 *          (0.954 = 0.6745 sqrt 2 for normal ones); a median, so that a collapse in that window does not hide itself.
 *          0 is the gain of an empty model: losing a good start is no alarm, as a first stochastic step may do that and
 *          recover.  max(|g|, ...): from a bad start, twice as far below the empty model. */
#ifndef FZ_OPTIM_COLLAPSE_H
#define FZ_OPTIM_COLLAPSE_H
#include <stdbool.h>

#include "core/state.h"

enum { FZ_COLLAPSE_WINDOW = 16 };

typedef struct fz_collapse {
  double first;                          /* gain of the first step */
  double spread;                         /* 0: not known yet */
  double sum, last;                      /* of the window's gains; gain of its last step */
  double difference[FZ_COLLAPSE_WINDOW]; /* between its steps, absolute; n - 1 of them */
  int64_t n;                             /* steps in the window; -1: the first step is still to come */
  int64_t visited;                       /* images evaluated when the window began */
} fz_collapse;

fz_collapse fz_collapse_start(void);
/** After a step: true when the gains have fallen as above; `visited` images were evaluated so far, the data have
 * n_images.  calls local */
bool fz_collapse_seen(fz_collapse *s, double gain, int64_t visited, int64_t n_images);
void fz_collapse_state(fz_collapse *s, fz_state_list *list);

#endif
