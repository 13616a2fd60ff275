#include "optim/run_verdict.h"

#include <math.h>
#include <stdio.h>

#include "optim/run_private.h"

static const double POSES_TOLD = 2;       /* nats */
static const double INDEPENDENT = 1.15;   /* of the band limit that the halves had in common */
static const double VIEWS_MISSING = 0.85; /* of the halves' shell */

double fz_run_information(const fz_run *run) {
  const fz_dataset *data = run->data;
  const fz_quadrature *q = &run->stage->quadrature;
  double prior = log((double)q->n_directions * q->n_psi * run->settings.n_classes), sum = 0;
  for (int t = 0; t < q->n_shifts; t++) prior -= q->log_shift_weight[t] * exp(q->log_shift_weight[t]);
  for (int64_t i = 0; i < data->n; i++) sum += prior - data->state[data->particle[i]].entropy;
  return sum / (double)data->n;
}

bool fz_run_poses_are_told(const fz_run *run) {
  return run->settings.marginalization == FZ_MARGINALIZATION_MODAL || run->now.information >= POSES_TOLD;
}

double fz_run_common_shell(const fz_run *run) {
  const fz_run_settings *s = &run->settings;
  return s->initial ? s->initial_kmax : fz_run_climb_kmax(s, fz_run_climbs_further(run));
}

fz_run_verdict fz_run_judge(const fz_run *run) {
  const fz_run_settings *s = &run->settings;
  const fz_run_trust *now = &run->now;
  fz_run_verdict v = {.shell = fmin(now->shell, now->foretold_shell)};
  double A = run->data->box * run->data->pixel_A;
  if (!fz_run_poses_are_told(run)) {
    v.shell = fmin(v.shell, 1);
    snprintf(v.why, sizeof v.why, "the images tell %.1f nats of their poses, which is next to nothing",
             now->information);
  } else if (!s->initial && run->starts < 2) {
    snprintf(v.why, sizeof v.why, "there was one random start, and nothing to compare it with");
  } else if (!s->initial && !fz_run_starts_agree(run)) {
    v.shell = fmin(v.shell, run->agreed_shell);
    snprintf(v.why, sizeof v.why, "the best two of %d random starts are different maps (they correlate by %.2f)",
             (int)run->starts, run->likeness);
  } else if (now->shell < INDEPENDENT * fz_run_common_shell(run)) {
    snprintf(v.why, sizeof v.why, "the halves agree to %.1f A, not beyond the map that both began with (%.1f A)",
             A / fmax(now->shell, 1), A / fz_run_common_shell(run));
  } else if (run->annealing > 0) {
    snprintf(v.why, sizeof v.why, "the refinement ended before its annealing did: give more --max-passes");
  } else if (now->foretold_shell < VIEWS_MISSING * now->shell) {
    snprintf(
        v.why, sizeof v.why,
        "views are missing: the halves agree to %.1f A, but with what no image shows the map agrees with the truth "
        "to %.1f A at best",
        A / now->shell, A / now->foretold_shell);
  } else {
    v.reproduced = true;
  }
  return v;
}
