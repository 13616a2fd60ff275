/* What the parts of a run share.  run.c: the steps; run_stage.c: making ready what a step needs; run_starts.c: several
 * random starts; run_refine.c: a refinement pass; run_halves.c: half-maps; run_better.c: a pass that is taken back;
 * run_shifts.c: where shifts are looked for; run_verdict.c: what can be claimed; run_cost.c: the share done;
 * run_memory.c: memory ahead of the run; run_state.c: writing down and taking up again. */
#ifndef FZ_OPTIM_RUN_PRIVATE_H
#define FZ_OPTIM_RUN_PRIVATE_H
#include "optim/run.h"

static inline int64_t fz_run_voxels(int64_t m) {
  return m * m * m;
}

/** Band limit of the refinement pass after one at kmax, of the first one, of the open or next stage. */
int fz_run_next_kmax(const fz_run_settings *s, int kmax);
int fz_run_first_refine_kmax(const fz_run_settings *s, bool further);
/** Rungs of the ladder, and its last band limit, for the first starts or for those that climb further. */
int fz_run_rungs(const fz_run_settings *s, bool further);
int fz_run_climb_kmax(const fz_run_settings *s, bool further);
static inline bool fz_run_climbs_further(const fz_run *run) {
  return run->compared_from > 0;
}
int fz_run_present_kmax(const fz_run *run);
fz_polish_spec fz_run_polish_spec(const fz_run *run);
/** The tiles of one half-set, or of both (half -1), in a list of the caller's. local. fails FZ_ENOMEM */
fz_status fz_run_tiles(const fz_run *run, int half, int64_t **tile, int64_t *n);
/** After an evaluation of all images by `spec`: shifts are looked for around each image's best one from now on, or, if
 *  these pile up at the rim of what was searched, once more everywhere in a wider range.  local, same on all ranks */
void fz_run_follow_shifts(fz_run *run, const fz_stage_spec *spec);
/** A start that has climbed is compared with the others; after the last the best one is taken.  collective as
 *  fz_run_step */
fz_status fz_run_compare(fz_run *run, fz_error *err);
/** From the map that was climbed to. local */
void fz_run_begin_refinement(fz_run *run);
/** Have the best two starts found the same map?  local, after the climb */
bool fz_run_starts_agree(const fz_run *run);
/** The new half-maps [n_classes][m]^3: curves, shells, the signal's spectrum; moments of all images, as the objective
 *  gives them. local. fails FZ_ENOMEM */
fz_status fz_run_compare_halves(fz_run *run, double *const half[2], const double *moments);
/** The half-maps take the lowest shells of the map of all: three, or after an annealed pass those that they began with.
 *  local. fails FZ_ENOMEM */
fz_status fz_run_join_halves(fz_run *run, bool annealed);
/** The maps that a pass has scored, and what it said of them, before it replaces them; only where its gains can be
 *  compared with those of the next. local. fails FZ_ENOMEM */
fz_status fz_run_keep_better(fz_run *run);
/** Do the images like the maps of this pass less than those that are kept?  Told, if so. local, same on all ranks */
bool fz_run_has_fallen(const fz_run *run);
fz_status fz_run_take_better(fz_run *run);
/** What the images know of their poses, mean in nats, after an evaluation of all of them by the open stage. local */
double fz_run_information(const fz_run *run);
/** Is that enough to call poses found? local */
bool fz_run_poses_are_told(const fz_run *run);
/** One pass of the refinement. collective as fz_run_step */
fz_status fz_run_refine(fz_run *run, fz_error *err);

/** Open the stage, volumes on its grid, optimizer of the present place, where they are not.  collective as host.open */
fz_status fz_run_prepare(fz_run *run, fz_error *err);
void fz_run_close_stage(fz_run *run);

/** Memory runs out on one rank alone: what each does by itself is agreed upon before the next collective step. */
static inline fz_status fz_run_agree(const fz_run *run, fz_status st, fz_error *err) {
  return run->host.agree(run->host.self, st, err);
}

#endif
