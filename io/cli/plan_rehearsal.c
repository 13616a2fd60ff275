#include <math.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/memory.h"
#include "io/cli/plan_rates.h"
#include "model/resample.h"
#include "model/start.h"
#include "mpi/polish.h"
#include "mpi/run_host.h"

enum { SUMMED = 1 << 22, STEPS = 3 };
static const double SHARE_OF_BUDGET = 0.3, ENOUGH = 0.3; /* of a place; seconds of images */

typedef struct rehearsal {
  fz_dataset *data;
  fz_run_settings settings; /* with the threads of this machine */
  fz_mpi_run_host host;
  fz_run_host view;
  const fz_objective *objective;
  const fz_stage *stage;
  double *w; /* [n_classes][m]^3 */
  int m;     /* 0: none yet */
  int64_t *tile, *words;
  double *moments;
} rehearsal;

static int64_t images_in(const fz_dataset *data, int64_t tiles) {
  return data->tile_first[tiles];
}

/* A map on the place's grid: the one asked for, the last one, or a random start. */
static fz_status fit_map(rehearsal *r, fz_error *err) {
  int m = r->stage->m, classes = r->settings.n_classes;
  ptrdiff_t m3 = (ptrdiff_t)m * m * m, old3 = (ptrdiff_t)r->m * r->m * r->m;
  fz_status st = FZ_OK;
  if (r->m == m) return FZ_OK;
  double *w = fz_alloc(classes * m3, sizeof *w);
  if (!w) return fz_fail(err, FZ_ENOMEM, "no memory for volumes of %d^3 voxels", m);
  for (int k = 0; k < classes && st == FZ_OK; k++)
    if (r->settings.initial)
      st = fz_resample(r->settings.initial, r->data->box, w + k * m3, m);
    else if (r->m)
      st = fz_resample(r->w + k * old3, r->m, w + k * m3, m);
    else
      st = fz_start_volume(r->settings.seed, 0, k, m, 3, r->data->signal_tau2, r->stage->slice_scale,
                           r->data->mask_radius_px * m / r->data->box, w + k * m3);
  fz_free(&r->w);
  r->w = w;
  r->m = m;
  return st == FZ_OK ? st : fz_fail(err, st, "no memory to resample a volume");
}

static fz_status open_place(rehearsal *r, const fz_run_place *place, fz_error *err) {
  fz_stage_spec spec = fz_run_stage_spec(&r->settings, r->data->box, place->phase, 0, place->kmax);
  int shells = place->kmax + 2;
  double *inverse = fz_alloc(shells, sizeof *inverse);
  if (!inverse) return fz_fail(err, FZ_ENOMEM, "no memory for a spectrum");
  for (int s = 0; s < shells; s++)
    inverse[s] = 1.0 / r->data->signal_tau2[s < r->data->n_shells ? s : r->data->n_shells - 1];
  fz_status st =
      r->view.open(r->view.self, r->data, &spec, inverse, r->data->mask_radius_px, &r->objective, &r->stage, err);
  fz_free(&inverse);
  if (st == FZ_OK) st = fit_map(r, err);
  if (st != FZ_OK) return st;
  r->words = fz_alloc(r->objective->n_words, sizeof *r->words);
  r->moments = fz_alloc(r->objective->n_moments, sizeof *r->moments);
  return r->words && r->moments ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for statistics");
}

static void close_place(rehearsal *r) {
  fz_free(&r->words);
  fz_free(&r->moments);
  if (r->objective) r->view.close(r->view.self);
  r->objective = NULL;
  r->stage = NULL;
}

static fz_status timed(rehearsal *r, int64_t tiles, double *seconds, fz_error *err) {
  double began = fz_clock_seconds();
  fz_status st = r->objective->evaluate(r->objective->self, r->w, r->tile, tiles, r->words, err);
  *seconds = fz_clock_seconds() - began;
  return st;
}

/* One round of the threads, and more of them: the difference is what images take, the rest belongs to the evaluation.
 * The first evaluation is only there to touch the memory. */
static fz_status time_evaluation(rehearsal *r, double budget, fz_plan_rates *rates, fz_error *err) {
  int threads = r->settings.threads;
  int64_t all = r->data->n_tiles, few = threads < all ? threads : all;
  double first, one, more;
  fz_status st = timed(r, few, &first, err);
  if (st == FZ_OK) st = timed(r, few, &one, err);
  if (st != FZ_OK) return st;
  int64_t rounds = (int64_t)(fmin(budget, ENOUGH + 4 * one) / fmax(one, 1e-4)), most = few + rounds * few;
  most = (most < all ? most : all) / few * few;
  if (most < 2 * few) { /* too few images, or too dear: all of it is theirs */
    rates->image = one * (double)few / (double)images_in(r->data, few);
    return FZ_OK;
  }
  st = timed(r, most, &more, err);
  double images = (double)(images_in(r->data, most) - images_in(r->data, few));
  rates->image = fmax(0.5 * more / (double)images_in(r->data, most), (more - one) / images) * (double)few;
  rates->evaluation = fmax(0, one - rates->image * (double)images_in(r->data, few) / (double)few);
  return st;
}

/* A few steps of the optimizer; what its evaluations do not explain is the update's. */
static fz_status time_climb(rehearsal *r, int rung, double budget, fz_plan_rates *rates, fz_error *err) {
  fz_optimizer_options options = r->settings.optimizer;
  if (options.batch_images == 0) options.batch_images = r->settings.schedule.ladder[rung].batch_images;
  if (options.batch_images > r->data->n) options.batch_images = r->data->n;
  if (options.hessian_images > r->data->n) options.hessian_images = r->data->n;
  options.seed = r->settings.seed + (uint64_t)rung;
  fz_optimizer *o = NULL;
  fz_status st = fz_optimizer_create(r->settings.kind, r->objective, &options, r->w, &o, err);
  double began = fz_clock_seconds(), spent = 0, evaluations = 0;
  for (int i = 0; st == FZ_OK && i < STEPS && spent < budget; i++) {
    st = fz_optimizer_step(o, err);
    spent = fz_clock_seconds() - began;
  }
  if (st == FZ_OK) {
    bool batches = r->settings.kind->takes & FZ_TAKES_BATCH;
    double per = (double)(batches ? options.batch_images : r->data->n), visited = (double)o->visited;
    evaluations = fmax(1, visited / per);
    double explained = visited * rates->image / r->settings.threads + evaluations * rates->evaluation;
    rates->update = fmax(0, spent - explained) / evaluations;
    memcpy(r->w, o->w, sizeof *o->w * (size_t)r->objective->dim);
  } else if (st == FZ_EDIVERGED) {
    st = FZ_OK; /* of so few images; the time until then is not known */
  }
  fz_optimizer_destroy(&o);
  return st;
}

/* A refinement pass has two evaluations and three solutions. */
static fz_status time_refinement(rehearsal *r, fz_plan_rates *rates, fz_error *err) {
  const fz_objective *f = r->objective;
  double began = fz_clock_seconds(), *w = fz_alloc(f->dim, sizeof *w);
  if (!w) return fz_fail(err, FZ_ENOMEM, "no memory for a map");
  memcpy(w, r->w, sizeof *w * (size_t)f->dim);
  f->moments(f->self, r->words, r->moments);
  fz_status st = f->maximize(f->self, r->moments, (double)f->images(f->self, r->words),
                             r->settings.optimizer.full_iterations, w, err);
  rates->update = 1.5 * (fz_clock_seconds() - began);
  if (st == FZ_OK && !r->settings.initial) memcpy(r->w, w, sizeof *w * (size_t)f->dim);
  fz_free(&w);
  return st;
}

static fz_status time_polish(rehearsal *r, fz_plan_rates *rates, fz_error *err) {
  fz_polish_spec spec = {.kmax = rates->place.kmax,
                         .m = r->m,
                         .n_classes = r->settings.n_classes,
                         .threads = r->settings.threads,
                         .volume = {r->w, r->w},
                         .shift_sd_px = r->settings.sampling.shift_range_px / 3};
  int64_t scored = 0;
  for (int64_t i = 0; i < r->data->table->n; i++) scored += r->data->state[i].visited > 0;
  if (!scored || r->m != fz_work_box(spec.kmax)) return FZ_OK;
  double began = fz_clock_seconds();
  fz_polish_report report;
  fz_status st = fz_mpi_polish(r->host.comm, r->data, &spec, (fz_mpi_pause){0}, NULL, &report, err);
  rates->image = (fz_clock_seconds() - began) * r->settings.threads / (double)scored;
  rates->measured = st == FZ_OK;
  return st;
}

static fz_status time_place(rehearsal *r, double budget, fz_plan_rates *rates, fz_error *err) {
  double began = fz_clock_seconds();
  fz_status st;
  FZ_TRY(open_place(r, &rates->place, err));
  rates->open = fz_clock_seconds() - began;
  rates->n_blocks = r->stage->engine.n_pose_blocks;
  FZ_TRY(time_evaluation(r, budget, rates, err));
  if (rates->place.phase == FZ_RUN_CLIMB)
    FZ_TRY(time_climb(r, rates->place.rung, budget, rates, err));
  else if (rates->place.phase == FZ_RUN_REFINE)
    FZ_TRY(time_refinement(r, rates, err));
  rates->measured = true;
done:
  close_place(r);
  return st;
}

/* From the last place that was measured: images by the cost model, the rest by the number of voxels. */
static void extrapolate(const rehearsal *r, const fz_plan_rates *from, fz_plan_rates *to) {
  double cost = fz_run_cost_of_pass(&r->settings, r->data, to->place.phase, to->place.kmax) /
                fz_run_cost_of_pass(&r->settings, r->data, from->place.phase, from->place.kmax);
  double voxels = pow((double)fz_work_box(to->place.kmax) / fz_work_box(from->place.kmax), 3);
  to->image = from->image * cost;
  to->evaluation = from->evaluation * voxels;
  to->update = from->update * voxels;
  to->open = from->open * voxels;
  to->n_blocks = from->n_blocks;
  if (to->place.phase == FZ_RUN_POLISH) to->evaluation = to->update = to->open = 0;
}

static double time_sums(void) {
  int64_t *a = fz_alloc(SUMMED, sizeof *a), *b = fz_alloc(SUMMED, sizeof *b);
  double seconds = 1e9;
  for (int turn = 0; a && b && turn < 3; turn++) {
    double began = fz_clock_seconds();
    for (ptrdiff_t i = 0; i < SUMMED; i++) a[i] += b[i] + turn;
    seconds = fmin(seconds, fz_clock_seconds() - began);
  }
  bool done = a && b && a[SUMMED - 1] >= 0;
  fz_free(&a);
  fz_free(&b);
  return done ? SUMMED * sizeof(int64_t) / fmax(seconds, 1e-6) : 1e9;
}

/* Places that are expected; the local search where those of the refinement end. */
static int expected_places(const fz_run_settings *settings, fz_run_place *place) {
  fz_run_place all[FZ_RUN_PLACES];
  int n = fz_run_places(settings, all), kept = 0;
  for (int i = 0; i < n; i++) {
    if (!(all[i].passes > 0)) continue;
    place[kept] = all[i];
    if (all[i].phase == FZ_RUN_POLISH && kept) place[kept].kmax = place[kept - 1].kmax;
    kept++;
  }
  return kept;
}

fz_status fz_plan_rehearse(fz_mpi *comm, fz_dataset *data, const fz_run_settings *settings, double budget,
                           int64_t most_bytes, fz_plan_rehearsal *out, fz_error *err) {
  fz_run_place place[FZ_RUN_PLACES];
  rehearsal r = {.data = data, .settings = *settings, .host = {.comm = comm}};
  const fz_plan_rates *last = NULL;
  double began = fz_clock_seconds();
  fz_status st = FZ_OK;
  r.view = fz_mpi_run_host_view(&r.host);
  out->n = expected_places(settings, place);
  out->threads = r.settings.threads;
  out->images = data->n;
  r.tile = fz_alloc(data->n_tiles, sizeof *r.tile);
  if (!r.tile) return fz_fail(err, FZ_ENOMEM, "no memory");
  for (int64_t t = 0; t < data->n_tiles; t++) r.tile[t] = t;
  if (settings->marginalization == FZ_MARGINALIZATION_IMPORTANCE && fz_dataset_keep_memory(data) != FZ_OK)
    st = fz_fail(err, FZ_ENOMEM, "no memory for posteriors");
  out->sum_bytes = time_sums();
  for (int i = 0; i < out->n && st == FZ_OK; i++) {
    fz_plan_rates *rates = &out->rates[i];
    *rates = (fz_plan_rates){.place = place[i]};
    double left = budget - (fz_clock_seconds() - began);
    fz_run_memory memory;
    FZ_TRY(fz_run_memory_at(&r.settings, data, 1, &place[i], &memory, err));
    bool possible = fz_run_memory_total(&memory) < most_bytes;
    /* The next place is dearer than the last one. */
    if (last && place[i].phase < FZ_RUN_POLISH) extrapolate(&r, last, rates);
    double expected = rates->open + rates->update * STEPS + 2 * (rates->image * data->tile_size + rates->evaluation);
    if (left > 0 && expected < 2 * left && possible) {
      if (place[i].phase == FZ_RUN_POLISH)
        FZ_TRY(time_polish(&r, rates, err));
      else
        FZ_TRY(time_place(&r, SHARE_OF_BUDGET * left, rates, err));
    }
    if (rates->measured && place[i].phase < FZ_RUN_POLISH) last = rates;
    if (place[i].phase < FZ_RUN_POLISH)
      rates->reduced_bytes = fz_run_reduced_bytes(settings, data, &place[i]);
    else if (!rates->measured && last)
      rates->image = 0.05 * last->image; /* seconds of a run: no more than a guess */
  }
done:
  close_place(&r);
  fz_free(&r.w);
  fz_free(&r.tile);
  out->seconds = fz_clock_seconds() - began;
  return st;
}
