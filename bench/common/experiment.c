#include "common/experiment.h"

#include <math.h>
#include <string.h>

#include "common/experiment_private.h"
#include "core/memory.h"
#include "io/run_dir.h"

static fz_status check_method(const fz_experiment_method *m, const fz_objective *f, fz_error *err) {
  const fz_optimizer_kind *kind = fz_optimizer_find(m->kind);
  if (!kind) return fz_fail(err, FZ_EINVAL, "%s: there is no optimizer %s", m->label, m->kind);
  return fz_optimizer_check(kind, &m->options, f->n_images, f->dim, err);
}

/* A mistake in the last method is told before hours have gone into the first. */
static fz_status check_methods(const fz_experiment *e, const fz_objective *f, fz_error *err) {
  fz_status st = e->reference ? check_method(e->reference, f, err) : FZ_OK;
  for (int i = 0; i < e->n_methods && st == FZ_OK; i++) st = check_method(&e->method[i], f, err);
  return st;
}

static void tell(FILE *out, const fz_experiment_method *m, const fz_experiment_record *r) {
  static const char *const end[] = {"converged", "passes used up", "diverged: "};
  if (!out) return;
  fprintf(out, "seed %llu  %-28s %9.1f passes  %8.2f s  F %.15g  %s%s\n", (unsigned long long)r->seed, m->label,
          r->passes, r->seconds, r->point[r->n - 1].value, end[r->end], r->end == FZ_END_DIVERGED ? r->message : "");
  fflush(out);
}

/* Classes' shares are a part of the start that lies in the objective. */
static fz_status run_seed(const fz_experiment *e, const fz_experiment_problem *p, uint64_t seed, FILE *out,
                          fz_experiment_result *result, fz_error *err) {
  const fz_objective *f = p->f;
  size_t prior_bytes = sizeof(double) * (size_t)f->n_classes;
  double *prior = fz_alloc(f->n_classes, sizeof *prior), start, lowest = INFINITY;
  fz_experiment_record reference = {0}, *first = result->record + result->n;
  fz_status st = prior ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for the shares of classes");
  if (st != FZ_OK) return st;
  if (prior_bytes) memcpy(prior, f->class_prior, prior_bytes);
  FZ_TRY(check_methods(e, f, err));
  FZ_TRY(fz_experiment_value(f, p->start, &start, err));
  for (int i = e->reference ? -1 : 0; i < e->n_methods; i++) {
    const fz_experiment_method *m = i < 0 ? e->reference : &e->method[i];
    fz_experiment_record *r = i < 0 ? &reference : &result->record[result->n++];
    r->method = i;
    if (prior_bytes) memcpy(f->class_prior, prior, prior_bytes);
    FZ_TRY(fz_experiment_run_method(e, m, p, seed, start, r, err));
    lowest = fmin(lowest, r->lowest);
    tell(out, m, r);
  }
  for (int i = 0; i < e->n_methods; i++) first[i].best = lowest;
done:
  fz_experiment_record_clear(&reference);
  fz_free(&prior);
  return st;
}

/* Rank 0 writes; all hear of a failure. */
static fz_status write_files(fz_mpi *comm, const fz_experiment *e, const fz_experiment_result *result, const char *dir,
                             fz_error *err) {
  fz_status st = FZ_OK;
  if (dir && fz_mpi_rank(comm) == 0) {
    st = fz_io_make_dir(dir, err);
    if (st == FZ_OK) st = fz_experiment_write(e, result, dir, err);
  }
  return fz_mpi_agree(comm, st, err);
}

fz_status fz_experiment_run(fz_mpi *comm, const fz_experiment *e, const char *dir, FILE *out,
                            fz_experiment_result *result, fz_error *err) {
  fz_status st = FZ_OK;
  *result = (fz_experiment_result){.record = fz_alloc((ptrdiff_t)e->n_seeds * e->n_methods, sizeof *result->record)};
  if (!result->record) return fz_fail(err, FZ_ENOMEM, "no memory for the record of an experiment");
  for (int i = 0; i < e->n_seeds && st == FZ_OK; i++) {
    fz_experiment_problem problem = {0};
    uint64_t seed = e->first_seed + (uint64_t)i;
    st = e->open(e->context, seed, &problem, err);
    if (st == FZ_OK) st = run_seed(e, &problem, seed, fz_mpi_rank(comm) == 0 ? out : NULL, result, err);
    e->close(e->context, &problem);
    if (st == FZ_OK) st = write_files(comm, e, result, dir, err);
  }
  return st;
}

void fz_experiment_clear(fz_experiment_result *result) {
  for (int i = 0; i < result->n; i++) fz_experiment_record_clear(&result->record[i]);
  fz_free(&result->record);
  *result = (fz_experiment_result){0};
}

double fz_experiment_passes_to(const fz_experiment_record *record, double target) {
  for (ptrdiff_t i = 0; i < record->n; i++)
    if (record->point[i].value - record->best <= target) return record->point[i].passes;
  return INFINITY;
}
