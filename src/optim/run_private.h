/* What the parts of a run share.  run.c: the steps; run_stage.c: making ready what a step needs; run_cost.c: the
 * share done; run_memory.c: memory ahead of the run; run_state.c: writing down and taking up again. */
#ifndef FZ_OPTIM_RUN_PRIVATE_H
#define FZ_OPTIM_RUN_PRIVATE_H
#include "optim/run.h"

static inline int64_t fz_run_voxels(int64_t m) {
  return m * m * m;
}

/** Band limit of the refinement pass after one at kmax, of the first one, of the open or next stage. */
int fz_run_next_kmax(const fz_run_settings *s, int kmax);
int fz_run_first_refine_kmax(const fz_run_settings *s);
int fz_run_present_kmax(const fz_run *run);
fz_polish_spec fz_run_polish_spec(const fz_run *run);

/** Open the stage, volumes on its grid, optimizer of the present place, where they are not.  collective as host.open */
fz_status fz_run_prepare(fz_run *run, fz_error *err);
void fz_run_close_stage(fz_run *run);

/** Memory runs out on one rank alone: what each does by itself is agreed upon before the next collective step. */
static inline fz_status fz_run_agree(const fz_run *run, fz_status st, fz_error *err) {
  return run->host.agree(run->host.self, st, err);
}

#endif
