/* The half-maps of a pass: how far they agree, what that says of the map, and what they share. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/spectra.h"
#include "metrics/coverage.h"
#include "model/shells.h"
#include "optim/run_private.h"
#include "optim/run_verdict.h"

static const double FSC_HALVES = 0.143, FSC_TRUTH = 0.5;
static const int JOINED = 3; /* shells that the halves share, so that they stay in one frame */

/* Undecided poses would let the frames of the halves turn away from each other: until the noise's own level is reached
 * they go on sharing what they began with. */
static int joined_shells(const fz_run *run, bool annealed) {
  return annealed ? (int)fz_run_common_shell(run) : JOINED;
}

typedef struct scratch {
  fz_shell_products *whole, *turned; /* [shells] */
  double *cross, *mean;              /* [shells] over the classes, by share */
} scratch;

static void free_scratch(scratch *s) {
  fz_free(&s->whole);
  fz_free(&s->turned);
  fz_free(&s->cross);
  fz_free(&s->mean);
}

static fz_status compare_class(fz_run *run, double *const half[2], const double *moments, int k, scratch *s) {
  int m = (int)run->m, shells = (int)run->kmax + 1;
  const fz_statistics_layout *l = &run->stage->layout;
  double c2 = run->stage->slice_scale * run->stage->slice_scale, share = run->view->class_prior[k];
  ptrdiff_t first = k * fz_run_voxels(m), row = (ptrdiff_t)k * run->data->n_shells;
  fz_status st = fz_shells_multiply(m, half[0] + first, half[1] + first, shells, s->whole, s->turned);
  if (st != FZ_OK) return st;
  for (int i = 0; i < shells; i++) {
    run->fsc[row + i] = fz_shell_fsc(&s->whole[i]);
    run->fsc_turned[row + i] = fz_shell_fsc(&s->turned[i]);
    s->cross[i] += share * c2 * s->whole[i].ab;
    s->mean[i] += share * run->fsc[row + i];
  }
  const double *a = moments + l->length[FZ_SECTION_B] + k * l->a_cube.cells;
  return fz_coverage_foretell(&l->a_cube, a, run->fsc + row, shells - 1, run->foretold + row);
}

/* Shell to which the best class's half-maps agree, and agree because of the poses; kmax if they never part. */
static void find_shells(fz_run *run) {
  run->now.shell = run->now.foretold_shell = 0;
  for (int k = 0; k < run->settings.n_classes; k++) {
    ptrdiff_t row = (ptrdiff_t)k * run->data->n_shells;
    int kmax = (int)run->kmax;
    double shell =
        fmin(fz_shells_part(run->fsc + row, kmax, FSC_HALVES), fz_shells_last(run->fsc_turned + row, kmax, FSC_HALVES));
    if (shell <= run->now.shell) continue;
    run->now.shell = shell;
    run->now.foretold_shell = fmin(shell, fz_shells_part(run->foretold + row, kmax, FSC_TRUTH));
  }
}

fz_status fz_run_compare_halves(fz_run *run, double *const half[2], const double *moments) {
  int shells = (int)run->kmax + 1;
  scratch s = {fz_alloc(shells, sizeof *s.whole), fz_alloc(shells, sizeof *s.turned), fz_alloc(shells, sizeof *s.cross),
               fz_alloc(shells, sizeof *s.mean)};
  fz_status st = s.whole && s.turned && s.cross && s.mean ? FZ_OK : FZ_ENOMEM;
  memset(run->fsc, 0, sizeof *run->fsc * (size_t)(FZ_RUN_CURVES * run->n_fsc));
  for (int k = 0; k < run->settings.n_classes && st == FZ_OK; k++) st = compare_class(run, half, moments, k, &s);
  if (st == FZ_OK) fz_spectra_update_signal(run->data, s.cross, s.mean, shells - 1);
  if (st == FZ_OK) find_shells(run);
  free_scratch(&s);
  return st;
}

fz_status fz_run_join_halves(fz_run *run, bool annealed) {
  fz_status st = FZ_OK;
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < run->settings.n_classes && st == FZ_OK; k++) {
      ptrdiff_t first = k * fz_run_voxels(run->m);
      st = fz_shells_take((int)run->m, run->w + first, joined_shells(run, annealed), run->half[h] + first);
    }
  return st;
}
