/* What may be claimed of a finished run. */
#ifndef FZ_OPTIM_RUN_VERDICT_H
#define FZ_OPTIM_RUN_VERDICT_H
#include "optim/run.h"

typedef struct fz_run_verdict {
  bool reproduced; /* else uncertain */
  double shell;    /* resolution that is claimed; below 1: none */
  char why[320];   /* it is uncertain, in one sentence; "" otherwise */
} fz_run_verdict;

/** maths  The half-maps were refined apart, each by its own images, from one map of the climb's last band limit.  Their
 *          correlation beyond that is a gold standard, but of what both halves see in the same wrong way, too.  So a
 * map is reproduced when two random starts found the same, the images tell their poses, the halves agree beyond what
 * they had in common, and no directions are missing.  The claim is the shell where the halves' FSC is 0.143, or where
 * they foretell an FSC of 0.5 with the truth, and of an uncertain map no more than two starts agree on. calls   local,
 * the same on all ranks, after the refinement */
fz_run_verdict fz_run_judge(const fz_run *run);

/** Beyond this shell the half-maps have nothing in common but what their images show.  local */
double fz_run_common_shell(const fz_run *run);

#endif
