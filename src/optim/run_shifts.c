/* Where the shifts of the images are looked for. */
#include <math.h>

#include "core/log.h"
#include "optim/run_private.h"

/* Standard deviations of the prior.  Best shifts of images that tell theirs have 0.95 when the prior is right. */
static const double WIDE = 1.1;
static const double MOST = 0.3; /* boxes */

static void centre_images(fz_run *run) {
  for (int64_t i = 0; i < run->data->table->n; i++) {
    fz_image_state *s = &run->data->state[i];
    s->centre_x_px = s->shift_x_px;
    s->centre_y_px = s->shift_y_px;
  }
}

/* Of the best shifts, along one axis. */
static double spread_of(const fz_dataset *data) {
  double squares = 0, n = 0;
  for (int64_t i = 0; i < data->table->n; i++) {
    const fz_image_state *s = &data->state[i];
    if (!(s->visited > 0)) continue;
    squares += s->shift_x_px * s->shift_x_px + s->shift_y_px * s->shift_y_px;
    n++;
  }
  return n > 0 ? sqrt(0.5 * squares / n) : 0;
}

/* Best shifts spread wider than their prior pile up at the rim of what was searched. */
static bool widen(fz_run *run, const fz_stage_spec *spec) {
  double *range = &run->settings.sampling.shift_range_px, most = MOST * run->data->box, A = run->data->pixel_A;
  double spread = spread_of(run->data);
  bool resolved = spec->shift_step_px <= 0.5 * spec->shift_radius_px;
  if (!resolved || !(*range < most) || !(spread > WIDE * spec->shift_sd_px)) return false;
  double wider = fmin(2 * *range, most);
  fz_log(FZ_LOG_WARN,
         "the images are displaced by %.1f A along each axis, where %.1f A were expected: all are searched again, up "
         "to %.1f A instead of %.1f (--shift-range)",
         spread * A, spec->shift_sd_px * A, wider * A, *range * A);
  *range = wider;
  return true;
}

void fz_run_follow_shifts(fz_run *run, const fz_stage_spec *spec) {
  run->all_shifts = run->all_shifts && widen(run, spec);
  if (!run->all_shifts) {
    centre_images(run);
    return;
  }
  for (int64_t i = 0; i < run->data->table->n; i++)
    run->data->state[i].centre_x_px = run->data->state[i].centre_y_px = 0;
}
