/* Writing a run down, and taking it up again. */
#include <math.h>

#include "core/memory.h"
#include "optim/run_private.h"

static bool refining(const fz_run *run) {
  return run->phase >= FZ_RUN_REFINE;
}

fz_status fz_run_restore(fz_run *run, fz_error *err) {
  int64_t classes = run->settings.n_classes;
  fz_status st = FZ_OK;
  if (run->m && !(run->w = fz_alloc(classes * fz_run_voxels(run->m), sizeof *run->w))) st = FZ_ENOMEM;
  ptrdiff_t best = classes * fz_run_voxels(run->best_m);
  if (run->best_m && !refining(run) && run->second_gain > -HUGE_VAL &&
      !(run->second_w = fz_alloc(best, sizeof *run->w)))
    st = FZ_ENOMEM;
  if (run->best_m && !(run->best_w = fz_alloc((refining(run) ? 3 : 1) * best, sizeof *run->w))) st = FZ_ENOMEM;
  for (int h = 0; h < 2 && run->halves; h++)
    if (!(run->half[h] = fz_alloc(classes * fz_run_voxels(run->m), sizeof(double)))) st = FZ_ENOMEM;
  if (st != FZ_OK) fz_fail(err, st, "no memory for the volumes of the checkpoint");
  st = fz_run_agree(run, st, err);
  if (st != FZ_OK) return st;
  st = run->host.restore(run->host.self, err);
  if (st != FZ_OK) return st;
  return run->climbing ? fz_run_prepare(run, err) : FZ_OK;
}

void fz_run_scalars(fz_run *run, fz_state_list *list) {
  run->climbing = run->optimizer != NULL;
  run->halves = run->half[0] && run->half[1];
  struct {
    const char *name;
    int64_t *value;
    const char *meaning;
  } whole[] = {{"run/phase", &run->phase, "0 climb, 1 compare, 2 refine, 3 polish, 4 complete"},
               {"run/starts", &run->starts, "random starts, as far as is known"},
               {"run/start", &run->start, "random start in progress"},
               {"run/compared_from", &run->compared_from, "first of the starts that are compared"},
               {"run/rung", &run->rung, "step of the ladder of band limits"},
               {"run/pass", &run->pass, "refinement passes done"},
               {"run/kmax", &run->kmax, "band limit of the refinement, shells"},
               {"run/climbing", &run->climbing, "1: an optimizer is under way and its state follows"},
               {"run/halves", &run->halves, "1: there are half-maps"},
               {"run/all_shifts", &run->all_shifts, "1: shifts are looked for everywhere, not around the last ones"},
               {"run/work_box", &run->m, "edge of the present volumes, voxels; 0: none yet"},
               {"run/best_work_box", &run->best_m, "edge of the best start's volumes; 0: none yet"}};
  for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
    fz_state_add_i64(list, whole[i].name, whole[i].value, "1", whole[i].meaning);
  fz_state_add_f64(list, "run/best_gain", &run->best_gain, "nats", "mean gain per image of the best start");
  fz_state_add_f64(list, "run/shift_range", &run->settings.sampling.shift_range_px, "pixels",
                   "largest displacement looked for");
  fz_state_add_f64(list, "run/annealing", &run->annealing, "1", "share of the signal that counts as noise");
  fz_state_add_f64(list, "run/second_gain", &run->second_gain, "nats", "mean gain per image of the second best");
  fz_state_add_f64(list, "run/likeness", &run->likeness, "1", "mean correlation of the best two starts");
  fz_state_add_f64(list, "run/agreed_shell", &run->agreed_shell, "shells", "to which they agree");
  fz_state_add_f64(list, "run/noise_change", &run->noise_change, "nats", "of the mean gain, by the noise alone");
  fz_state_add_array(list, "run/trust", FZ_STATE_F64, 1, (int64_t[]){FZ_RUN_TRUST_NUMBERS}, &run->now, "shells, nats",
                     "reach of the maps, shell of the halves, shell foretold, information on poses");
  fz_state_add_array(list, "run/better_trust", FZ_STATE_F64, 1, (int64_t[]){FZ_RUN_TRUST_NUMBERS}, &run->better,
                     "shells, nats", "the same of the maps before the last pass");
  fz_state_add_f64(list, "run/cost_done", &run->cost_done, "1", "work done, in the units of the cost model");
  fz_state_add_f64(list, "run/passes", &run->passes, "1", "images evaluated / images");
  fz_state_add_f64(list, "run/last_gain", &run->last_gain, "nats", "mean gain per image of the last step");
  fz_state_add_array(list, "run/start_gain", FZ_STATE_F64, 1, (int64_t[]){FZ_RUN_STARTS_MAX}, run->start_gain, "nats",
                     "mean gain per image of each start in the common E-step");
  run->host.scalars(run->host.self, list);
}

static void list_memories(fz_run *run, fz_state_list *list) {
  static const char *const meaning =
      "visits; spreads of direction, in-plane angle, shift; 12 rotations (axis x angle, "
      "weight); 4 shifts (x, y, weight); rows as in the input";
  int64_t dims[2] = {run->data->table->n, FZ_POSE_MEMORY_NUMBERS}, average[1] = {FZ_POSE_AVERAGE_NUMBERS};
  fz_state_add_array(list, "images/memory", FZ_STATE_F32, 2, dims, run->data->memory, "radians, pixels", meaning);
  fz_state_add_array(list, "images/average", FZ_STATE_F64, 1, average, &run->data->average, "pixels^2",
                     "posterior mass; squared shifts; viewing directions by HEALPix pixel");
}

void fz_run_arrays(fz_run *run, fz_state_list *list) {
  fz_dataset *data = run->data;
  int64_t classes = run->settings.n_classes, groups = data->n_groups;
  int64_t states[2] = {data->table->n, FZ_IMAGE_STATE_NUMBERS};
  fz_state_add_array(list, "images/state", FZ_STATE_F64, 2, states, data->state, "degrees, pixels, nats",
                     "rot tilt psi, shift x y, centre x y, gain, entropy, peak, class, visited; rows as in the input");
  fz_state_add_array(list, "images/best_state", FZ_STATE_F64, 2, states, run->best_state, "degrees, pixels, nats",
                     "the same at the end of the best start");
  if (run->data->memory) list_memories(run, list);
  fz_state_add_array(list, "noise/sigma2", FZ_STATE_F64, 2, (int64_t[]){groups, data->n_shells}, data->noise,
                     "squared image units", "noise power per optics group and shell");
  fz_state_add_array(list, "prior/tau2", FZ_STATE_F64, 1, (int64_t[]){data->n_shells}, data->signal_tau2,
                     "squared image units", "signal power per slice coefficient and shell");
  int64_t curves[3] = {FZ_RUN_CURVES, classes, data->n_shells};
  fz_state_add_array(list, "run/fsc", FZ_STATE_F64, 3, curves, run->fsc, "1",
                     "correlation of the half-maps, without their rotational averages, foretold of the truth");
  if (run->best_m && refining(run))
    fz_state_add_array(list, "run/better_fsc", FZ_STATE_F64, 3, curves, run->better_curves, "1",
                       "the same of the maps before the last pass");
  if (run->m)
    fz_state_add_array(list, "volume/w", FZ_STATE_F64, 4, (int64_t[]){classes, run->m, run->m, run->m}, run->w,
                       "image units", "present volumes on the work box, z y x");
  if (run->best_m)
    fz_state_add_array(list, "volume/best", FZ_STATE_F64, 4,
                       (int64_t[]){(refining(run) ? 3 : 1) * classes, run->best_m, run->best_m, run->best_m},
                       run->best_w, "image units",
                       "of the best start; in the refinement of the pass before: map, halves");
  if (run->second_w)
    fz_state_add_array(list, "volume/second", FZ_STATE_F64, 4,
                       (int64_t[]){classes, run->best_m, run->best_m, run->best_m}, run->second_w, "image units",
                       "volumes of the second best start");
  if (run->halves)
    for (int h = 0; h < 2; h++)
      fz_state_add_array(list, h ? "volume/half2" : "volume/half1", FZ_STATE_F64, 4,
                         (int64_t[]){classes, run->m, run->m, run->m}, run->half[h], "image units", "half-map");
  if (run->optimizer) fz_optimizer_state(run->optimizer, list);
  run->host.arrays(run->host.self, list);
}
