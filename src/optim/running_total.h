/* The statistics of all images as the sum of what each batch gave at its last visit.  Batches are fixed; totals and
 * contributions are integers, so the sum does not drift; contributions are kept in shares, one per rank. */
#ifndef FZ_OPTIM_RUNNING_TOTAL_H
#define FZ_OPTIM_RUNNING_TOTAL_H
#include "optim/batches.h"
#include "optim/kept.h"
#include "optim/optimizer.h"

typedef struct fz_running_total {
  fz_batches batches;
  fz_kept kept;           /* what each batch contributes to the total */
  int64_t *words, *total; /* [n_words] of the last batch; of all batches visited so far */
  int64_t *share;         /* of the total; scratch */
} fz_running_total;

/** calls local.  fails FZ_ENOMEM.  owns the caller: fz_running_total_clear */
fz_status fz_running_total_init(fz_running_total *s, const fz_optimizer *o);
void fz_running_total_clear(fz_running_total *s);
void fz_running_total_state(fz_running_total *s, const fz_optimizer *o, fz_state_list *list);
/** A batch's statistics at o->w replace what it contributed.  No evaluation may follow in the same step.
 *  calls   as the objective's evaluate and collect */
fz_status fz_running_total_visit(fz_running_total *s, fz_optimizer *o, int64_t batch, fz_error *err);

#endif
