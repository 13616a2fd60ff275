/* A refinement pass: the images of each half-set are scored against the map of their own half, so that the halves agree
 * only where both have found the same in their images. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/spectra.h"
#include "optim/run_private.h"

/* What a pass works with; `next` are the half-maps that it finds, `whole` the map of all images. */
typedef struct pass {
  int64_t *tile[2], n[2], *words[2];
  double *moments, *next[2], *whole;
} pass;

static void free_pass(pass *p) {
  for (int h = 0; h < 2; h++) {
    fz_free(&p->tile[h]);
    fz_free(&p->words[h]);
    fz_free(&p->next[h]);
  }
  fz_free(&p->moments);
  fz_free(&p->whole);
}

static fz_status make_pass(const fz_run *run, pass *p) {
  const fz_objective *f = run->view;
  *p = (pass){.moments = fz_alloc(f->n_moments, sizeof *p->moments), .whole = fz_alloc(f->dim, sizeof *p->whole)};
  fz_status st = p->moments && p->whole ? FZ_OK : FZ_ENOMEM;
  for (int h = 0; h < 2 && st == FZ_OK; h++) {
    p->words[h] = fz_alloc(f->n_words, sizeof *p->words[h]);
    p->next[h] = fz_alloc(f->dim, sizeof *p->next[h]);
    st = p->words[h] && p->next[h] ? fz_run_tiles(run, h, &p->tile[h], &p->n[h]) : FZ_ENOMEM;
  }
  return st;
}

/* words[1] <- sum of both. */
static void join_words(const fz_run *run, pass *p) {
  for (ptrdiff_t i = 0; i < run->view->n_words; i++) p->words[1][i] += p->words[0][i];
}

static fz_status maximize(fz_run *run, pass *p, const int64_t *words, const double *start, double *w, fz_error *err) {
  const fz_objective *f = run->view;
  memcpy(w, start, sizeof *w * (size_t)f->dim);
  f->moments(f->self, words, p->moments);
  return f->maximize(f->self, p->moments, (double)f->images(f->self, words), run->settings.optimizer.full_iterations, w,
                     err);
}

/* The M-steps of a pass; words[1] are those of all images afterwards. */
static fz_status solve(fz_run *run, pass *p, fz_error *err) {
  fz_status st = FZ_OK;
  for (int h = 0; h < 2; h++) FZ_TRY(maximize(run, p, p->words[h], run->half[h], p->next[h], err));
  join_words(run, p);
  st = maximize(run, p, p->words[1], run->w, p->whole, err);
done:
  return st;
}

/* Noise and annealing for the next pass; how the mean gain changes by that alone. */
static fz_status update_noise(fz_run *run, const pass *p) {
  const fz_stage *stage = run->stage;
  const fz_statistics_layout *l = &stage->layout;
  fz_dataset *data = run->data;
  ptrdiff_t plane = (ptrdiff_t)data->n_groups * data->n_shells;
  double *weight = fz_alloc(l->n_shells, sizeof *weight), *before = fz_alloc(plane, sizeof *before);
  fz_status st = weight && before ? FZ_OK : FZ_ENOMEM;
  if (st == FZ_OK) {
    memcpy(before, data->sigma2, sizeof *before * (size_t)plane);
    for (int i = 0; i < stage->frequencies.count; i++)
      weight[stage->frequencies.shell[i]] += stage->frequencies.weight[i];
    fz_spectra_update_noise(data, l, p->words[1], weight, (int)run->now.reach);
    run->annealing = fz_spectra_cool(data, run->annealing);
    fz_spectra_anneal(data, run->annealing);
    run->noise_change = fz_spectra_gain_change(data, l, p->words[1], weight, before) / (double)data->n;
  }
  fz_free(&weight);
  fz_free(&before);
  return st;
}

static void end_refinement(fz_run *run) {
  run->phase = run->settings.polish_poses ? FZ_RUN_POLISH : FZ_RUN_COMPLETE;
  fz_free(&run->best_w);
  run->best_m = 0;
}

static void choose_next_pass(fz_run *run, bool annealed, bool first_here) {
  int limit = run->settings.schedule.kmax_limit;
  /* The last band limit gets a second pass: its last shells were scored for the first time just now. */
  bool open = run->now.shell >= (double)run->kmax - 1 && (run->kmax < limit || first_here);
  run->pass++;
  if (run->pass >= run->settings.max_refine_passes || !(open || annealed || run->all_shifts)) end_refinement(run);
  /* While the noise is annealed the band limit waits: poses settle where passes are cheap. */
  if (open && !run->all_shifts && run->annealing == 0) run->kmax = fz_run_next_kmax(&run->settings, (int)run->kmax);
}

/* What a pass has found becomes the state of the run; nothing is stopped any more. */
static fz_status commit(fz_run *run, const pass *p) {
  bool annealed = run->annealing > 0, first_here = run->now.reach < (double)run->kmax;
  fz_status st;
  FZ_TRY(fz_run_keep_better(run));
  FZ_TRY(fz_run_compare_halves(run, p->next, p->moments));
  run->now.information = fz_run_information(run);
  FZ_TRY(update_noise(run, p));
  run->now.reach = (double)run->kmax;
  memcpy(run->w, p->whole, sizeof *run->w * (size_t)run->view->dim);
  for (int h = 0; h < 2; h++) memcpy(run->half[h], p->next[h], sizeof *run->w * (size_t)run->view->dim);
  fz_run_follow_shifts(run, &run->stage->spec);
  choose_next_pass(run, annealed, first_here);
  if (run->phase == FZ_RUN_REFINE) st = fz_run_join_halves(run, annealed);
done:
  return st;
}

/* Each half-set is scored on a grid of poses of its own: what the halves have in common is not the grid's. */
static fz_status score(fz_run *run, pass *p, fz_error *err) {
  fz_status st = FZ_OK;
  for (int h = 0; h < 2; h++) {
    if (run->scored_half != h) {
      fz_run_close_stage(run);
      run->scored_half = h;
      FZ_TRY(fz_run_prepare(run, err));
    }
    FZ_TRY(run->view->evaluate(run->view->self, run->half[h], p->tile[h], p->n[h], p->words[h], err));
  }
done:
  return st;
}

fz_status fz_run_refine(fz_run *run, fz_error *err) {
  pass p;
  fz_status st = fz_run_agree(run, make_pass(run, &p), err);
  if (st == FZ_OK) st = score(run, &p, err);
  if (st != FZ_OK) goto done;
  run->host.stop_in_mstep(run->host.self, true);
  st = solve(run, &p, err);
  run->host.stop_in_mstep(run->host.self, false);
  if (st != FZ_OK) goto done;
  run->last_gain = run->view->gain(run->view->self, p.words[1]) / (double)run->data->n;
  run->cost_done += fz_run_cost_of_pass(&run->settings, run->data, FZ_RUN_REFINE, (int)run->kmax);
  run->passes++;
  if (fz_run_has_fallen(run)) {
    st = fz_run_take_better(run);
    end_refinement(run);
  } else {
    st = commit(run, &p);
  }
done:
  /* A stop in the middle of the second half leaves the first half's stage to the next attempt. */
  fz_run_close_stage(run);
  run->scored_half = 0;
  free_pass(&p);
  return st == FZ_ENOMEM ? fz_fail(err, st, "no memory for a refinement pass") : st;
}
