/* What share of a run is done: by a cost model. */
#include <math.h>

#include "optim/run_memory.h"
#include "optim/run_private.h"

static const double TYPICAL_SAMPLE = 6e5; /* cost of an image's sample, mostly slices, over the band's square */
static const double TYPICAL_SEARCH = 4e6; /* cost of an adaptive search, over the band to the power 3/2 */

/* ---- cost model: image-pose evaluations x what each takes (bench/estep) ---- */

/* The direct engine works through all frequencies for each pose; the polar one a few rings and its share of a
 * transform. */
static double cost_of_pose(const fz_stage_spec *spec) {
  if (spec->engine == FZ_ENGINE_DIRECT) return 1.6 * (spec->kmax + 1) * (spec->kmax + 1);
  return 12 + spec->kmax;
}

double fz_run_cost_of_pass(const fz_run_settings *s, const fz_dataset *data, int64_t phase, int kmax) {
  fz_stage_spec spec = fz_run_stage_spec(s, data->box, phase, 0, kmax);
  double shifts = spec.shift_step_px > 0 ? 3.2 * pow(spec.shift_radius_px / spec.shift_step_px, 2) + 1 : 1;
  double poses = (double)fz_direction_grid_count(spec.directions) * spec.n_psi * shifts;
  double image = poses * cost_of_pose(&spec);
  /* The finer the map, the more poses are ruled out: seconds per pass of a run from shell 3 to 20 grow like this. */
  if (spec.marginalization == FZ_MARGINALIZATION_ADAPTIVE) image = TYPICAL_SEARCH * pow(kmax + 1, 1.5);
  if (spec.engine == FZ_ENGINE_IMPORTANCE) image = fmin(image, TYPICAL_SAMPLE * (kmax + 1) * (kmax + 1));
  return (double)data->n * image * s->n_classes;
}

static double total_cost(const fz_run_settings *s, const fz_dataset *data) {
  fz_run_place place[FZ_RUN_PLACES];
  int n = fz_run_places(s, place);
  double cost = 0;
  for (int i = 0; i < n; i++)
    if (place[i].phase < FZ_RUN_POLISH)
      cost += place[i].passes * fz_run_cost_of_pass(s, data, place[i].phase, place[i].kmax);
  return cost;
}

/* Of starts that were not planned. */
static double cost_of_more_starts(const fz_run *run) {
  const fz_run_settings *s = &run->settings;
  bool further = fz_run_climbs_further(run);
  double cost = fz_run_cost_of_pass(s, run->data, FZ_RUN_COMPARE, fz_run_climb_kmax(s, further));
  for (int i = 0; i < fz_run_rungs(s, further); i++)
    cost += s->schedule.ladder[i].passes * fz_run_cost_of_pass(s, run->data, FZ_RUN_CLIMB, s->schedule.ladder[i].kmax);
  return (double)(run->starts - s->starts) * cost;
}

double fz_run_fraction(const fz_run *run) {
  if (run->phase == FZ_RUN_COMPLETE) return 1;
  double done = run->cost_done;
  if (run->optimizer)
    done += fz_optimizer_passes(run->optimizer) *
            fz_run_cost_of_pass(&run->settings, run->data, FZ_RUN_CLIMB, fz_run_present_kmax(run));
  double total = total_cost(&run->settings, run->data);
  if (run->starts > run->settings.starts) total += cost_of_more_starts(run);
  return fmin(0.999, done / total);
}
