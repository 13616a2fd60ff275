#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/experiment_private.h"
#include "common/machine.h"
#include "core/memory.h"
#include "optim/snapshot.h"

/* A run under way: the method's optimizer, and what its last step has shown of F. */
typedef struct run {
  const fz_experiment *e;
  const fz_experiment_problem *problem;
  fz_experiment_record *record;
  fz_optimizer *o;
  double start_wall, start_cpu; /* of the step under way */
  double wall, cpu;             /* of the steps before */
  bool seen;                    /* the step has evaluated all images: */
  double *seen_w;               /* [dim] there, */
  fz_experiment_point seen_at;  /* at this cost */
  double event_wall, event_cpu; /* spent until the last such evaluation, or the step */
  double last;                  /* F of the last epoch */
  double last_passes;
  bool final; /* the epoch under way is the last */
  ptrdiff_t room;
} run;

fz_status fz_experiment_value(const fz_objective *f, const double *w, double *value, fz_error *err) {
  int64_t *tile = fz_alloc(f->n_tiles, sizeof *tile), *words = fz_alloc(f->n_words, sizeof *words);
  fz_status st;
  if (!tile || !words) {
    st = fz_fail(err, FZ_ENOMEM, "no memory for an evaluation of all images");
    goto done;
  }
  for (int64_t t = 0; t < f->n_tiles; t++) tile[t] = t;
  FZ_TRY(f->evaluate(f->self, w, tile, f->n_tiles, words, err));
  *value = -f->gain(f->self, words) / (double)f->images(f->self, words) + f->prior(f->self, w);
done:
  fz_free(&words);
  fz_free(&tile);
  return st;
}

/* An evaluation of all images tells F at a point that was there before it was paid for. */
static void watch(void *watcher, const double *w, double value) {
  run *r = watcher;
  const fz_objective *f = r->problem->f;
  r->seen = true;
  r->seen_at = (fz_experiment_point){.passes = (double)(r->o->visited - f->n_images) / (double)f->n_images,
                                     .seconds = r->event_wall,
                                     .cpu_seconds = r->event_cpu,
                                     .value = value};
  memcpy(r->seen_w, w, sizeof *w * (size_t)f->dim);
  r->event_wall = r->wall + fz_bench_wall_seconds() - r->start_wall;
  r->event_cpu = r->cpu + fz_bench_process_seconds() - r->start_cpu;
}

static fz_status step(run *r, fz_error *err) {
  r->seen = false;
  r->event_wall = r->wall;
  r->event_cpu = r->cpu;
  r->start_wall = fz_bench_wall_seconds();
  r->start_cpu = fz_bench_process_seconds();
  fz_status st = fz_optimizer_step(r->o, err);
  r->wall += fz_bench_wall_seconds() - r->start_wall;
  r->cpu += fz_bench_process_seconds() - r->start_cpu;
  return st;
}

/* Thousands of epochs look the same as some hundreds, and make smaller files. */
static bool worth_keeping(const fz_experiment_record *rec, double passes) {
  return rec->n < 300 || passes >= 1.005 * rec->point[rec->n - 1].passes;
}

static fz_status keep(run *r, const fz_experiment_point *at, const double *w, fz_error *err) {
  fz_experiment_record *rec = r->record;
  const int m = r->e->n_metrics;
  if (rec->n == r->room) {
    ptrdiff_t room = 2 * r->room + 16;
    fz_experiment_point *point = fz_realloc(rec->point, room, sizeof *point);
    if (point) rec->point = point;
    double *metric = point ? fz_realloc(rec->metric, room * (m + 1), sizeof *metric) : NULL;
    if (!metric) return fz_fail(err, FZ_ENOMEM, "no memory for the curve of a method");
    rec->metric = metric;
    r->room = room;
  }
  for (int k = 0; k < m; k++) rec->metric[rec->n * m + k] = NAN;
  bool measured = m > 0 && (r->final || !r->e->measure_end);
  fz_status st = measured ? r->problem->measure(r->problem->self, w, rec->metric + rec->n * m, err) : FZ_OK;
  if (st == FZ_OK) rec->point[rec->n++] = *at;
  return st;
}

/* The end of an epoch: what was reached, and whether that is the end. */
static fz_status end_epoch(run *r, const fz_experiment_point *at, const double *w, bool *stop, fz_error *err) {
  fz_experiment_record *rec = r->record;
  double change = fabs(at->value - r->last);
  rec->lowest = fmin(rec->lowest, at->value);
  *stop = true;
  if (!isfinite(at->value)) {
    rec->end = FZ_END_DIVERGED;
    snprintf(rec->message, sizeof rec->message, "F is not a finite number");
  } else if (change < r->e->tolerance) {
    rec->end = FZ_END_CONVERGED;
  } else {
    *stop = false;
  }
  r->last = at->value;
  r->last_passes = at->passes;
  r->final = r->final || *stop;
  return r->final || worth_keeping(rec, at->passes) ? keep(r, at, w, err) : FZ_OK;
}

static fz_experiment_point present(const run *r, double value) {
  return (fz_experiment_point){fz_optimizer_passes(r->o), r->wall, r->cpu, value};
}

/* A point that a safeguard sends back was not reached, one that it lets pass though F is a little higher is not better.
 */
static bool refused(const run *r, double value) {
  bool safe = r->o->options.safeguards & FZ_SAFE_SNAPSHOTS && r->o->kind->takes & FZ_TAKES_SAFE_SNAPSHOTS;
  return safe && value > r->last + fz_snapshot_rounding(r->o, value);
}

/* After a step: an epoch has ended if F was seen, or if a pass has gone by without snapshots. */
static fz_status look(run *r, bool *stop, fz_error *err) {
  *stop = false;
  if (r->seen) {
    bool reached = r->seen_at.passes > r->last_passes && !refused(r, r->seen_at.value);
    return reached ? end_epoch(r, &r->seen_at, r->seen_w, stop, err) : FZ_OK;
  }
  if (r->o->kind->takes & FZ_TAKES_INNER_PASSES || fz_optimizer_passes(r->o) < r->last_passes + 1) return FZ_OK;
  double value;
  fz_status st = fz_experiment_value(r->problem->f, r->o->w, &value, err);
  const fz_experiment_point at = present(r, value);
  return st == FZ_OK ? end_epoch(r, &at, r->o->w, stop, err) : st;
}

/* The passes are used up: F where the method is now. */
static fz_status finish(run *r, fz_error *err) {
  double value;
  bool stop;
  fz_status st = fz_experiment_value(r->problem->f, r->o->w, &value, err);
  const fz_experiment_point at = present(r, value);
  r->last = INFINITY; /* that this differs little from the last epoch is no convergence */
  r->final = true;
  return st == FZ_OK ? end_epoch(r, &at, r->o->w, &stop, err) : st;
}

static fz_status loop(run *r, double max_passes, fz_error *err) {
  fz_experiment_record *rec = r->record;
  bool stop = false;
  rec->end = FZ_END_PASSES;
  fz_status st = FZ_OK;
  while (st == FZ_OK && !stop && fz_optimizer_passes(r->o) < max_passes) {
    st = step(r, err);
    if (st == FZ_OK) st = look(r, &stop, err);
  }
  if (st == FZ_OK && !stop) st = finish(r, err);
  if (st != FZ_EDIVERGED) return st;
  rec->end = FZ_END_DIVERGED;
  snprintf(rec->message, sizeof rec->message, "%.250s", err->text);
  return FZ_OK;
}

fz_status fz_experiment_run_method(const fz_experiment *e, const fz_experiment_method *method,
                                   const fz_experiment_problem *problem, uint64_t seed, double start_value,
                                   fz_experiment_record *record, fz_error *err) {
  const fz_experiment_point start = {.value = start_value};
  fz_optimizer_options options = method->options;
  run r = {.e = e, .problem = problem, .record = record, .last = start_value};
  fz_status st;
  options.seed += seed;
  record->seed = seed;
  record->lowest = start_value;
  FZ_TRY(fz_optimizer_create(fz_optimizer_find(method->kind), problem->f, &options, problem->start, &r.o, err));
  r.seen_w = fz_alloc(problem->f->dim, sizeof *r.seen_w);
  if (!r.seen_w) {
    st = fz_fail(err, FZ_ENOMEM, "no memory for a copy of the parameters");
    goto done;
  }
  r.o->watch = watch;
  r.o->watcher = &r;
  FZ_TRY(keep(&r, &start, problem->start, err));
  FZ_TRY(loop(&r, method->max_passes > 0 ? method->max_passes : e->max_passes, err));
  record->passes = fz_optimizer_passes(r.o);
  record->seconds = r.wall;
  record->cpu_seconds = r.cpu;
done:
  fz_free(&r.seen_w);
  fz_optimizer_destroy(&r.o);
  return st;
}

void fz_experiment_record_clear(fz_experiment_record *record) {
  fz_free(&record->point);
  fz_free(&record->metric);
}
