/* A pass scores the maps that the one before it made.  Should the images like them less than the maps before, those are
 * taken back. */
#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "optim/run_private.h"

/* What a change of the noise does to gains is foretold to this share. */
static const double FORESIGHT = 0.1;

/* Mean and standard error over the images of what their gains have changed. */
static void change_of(const fz_run *run, double *mean, double *error) {
  const fz_dataset *data = run->data;
  double n = (double)data->n, sum = 0, squares = 0;
  for (int64_t i = 0; i < data->n; i++) {
    int64_t at = data->particle[i];
    double change = data->state[at].gain - run->best_state[at].gain;
    sum += change;
    squares += change * change;
  }
  *mean = sum / n;
  *error = sqrt(fmax(0, squares / n - *mean * *mean) / n);
}

bool fz_run_has_fallen(const fz_run *run) {
  double mean, error;
  if (run->best_m == 0) return false;
  change_of(run, &mean, &error);
  if (mean - run->noise_change >= -error - FORESIGHT * fabs(run->noise_change)) return false;
  fz_log(
      FZ_LOG_WARN,
      "the gain has fallen from %.3f to %.3f per image (standard error %.3f) at shell %d: the maps of the pass before "
      "are kept, and the band limit rises no further",
      run->best_gain, run->last_gain, error, (int)run->kmax);
  return true;
}

/* Maps of all images and of the halves lie one after the other. */
fz_status fz_run_keep_better(fz_run *run) {
  ptrdiff_t dim = run->settings.n_classes * fz_run_voxels(run->m);
  const double *const from[3] = {run->w, run->half[0], run->half[1]};
  fz_free(&run->best_w);
  run->best_m = 0;
  if (run->annealing > 0 || run->pass == 0) return FZ_OK; /* gains are compared at the same noise only */
  run->best_w = fz_alloc(3 * dim, sizeof *run->best_w);
  if (!run->best_w) return FZ_ENOMEM;
  for (int i = 0; i < 3; i++) memcpy(run->best_w + i * dim, from[i], sizeof *run->best_w * (size_t)dim);
  run->best_m = run->m;
  run->best_gain = run->last_gain;
  memcpy(run->best_state, run->data->state, sizeof *run->best_state * (size_t)run->data->table->n);
  memcpy(&run->better, &run->now, sizeof run->now);
  memcpy(run->better_curves, run->fsc, sizeof *run->fsc * (size_t)(FZ_RUN_CURVES * run->n_fsc));
  return FZ_OK;
}

fz_status fz_run_take_better(fz_run *run) {
  ptrdiff_t dim = run->settings.n_classes * fz_run_voxels(run->best_m);
  double **const to[3] = {&run->w, &run->half[0], &run->half[1]};
  for (int i = 0; i < 3; i++) {
    double *copy = fz_alloc(dim, sizeof *copy);
    if (!copy) return FZ_ENOMEM;
    memcpy(copy, run->best_w + i * dim, sizeof *copy * (size_t)dim);
    fz_free(to[i]);
    *to[i] = copy;
  }
  run->m = run->best_m;
  run->last_gain = run->best_gain;
  memcpy(run->data->state, run->best_state, sizeof *run->best_state * (size_t)run->data->table->n);
  memcpy(&run->now, &run->better, sizeof run->now);
  memcpy(run->fsc, run->better_curves, sizeof *run->fsc * (size_t)(FZ_RUN_CURVES * run->n_fsc));
  return FZ_OK;
}
