#include "orbit/cryo.h"

#include "core/memory.h"
#include "optim/dense_algebra.h"
#include "thesis/problems.h"

const char *const fz_thesis_cryo_metric[1] = {"error of the volume"};

typedef struct cryo {
  fz_cryo_problem simulated;
  double *start;
  fz_orbit_model *model;
  fz_mpi_orbit_objective *shared;
} cryo;

static fz_status measure(void *self, const double *w, double *metric, fz_error *err) {
  (void)err;
  metric[0] = fz_cryo_error(&((cryo *)self)->simulated, w);
  return FZ_OK;
}

fz_status fz_thesis_cryo_open(void *context, uint64_t seed, fz_experiment_problem *problem, fz_error *err) {
  const fz_thesis_source *s = context;
  const fz_cryo_spec spec = fz_cryo_thesis(seed);
  cryo *p = problem->self = fz_alloc(1, sizeof *p);
  fz_status st = p ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for the problem");
  if (st != FZ_OK) return st;
  FZ_TRY(fz_cryo_simulate(&spec, &p->simulated, err));
  FZ_TRY(fz_cryo_open(&p->simulated, 0, s->tile, s->threads, &p->model, err));
  FZ_TRY(fz_mpi_orbit_objective_open(s->comm, p->model, fz_dense_algebra(), &p->shared, err));
  p->start = fz_alloc(p->simulated.basis.dim, sizeof *p->start);
  if (!p->start) {
    st = fz_fail(err, FZ_ENOMEM, "no memory for the start");
    goto done;
  }
  fz_cryo_start(&p->simulated, seed, p->start);
  problem->f = fz_mpi_orbit_objective_view(p->shared);
  problem->start = p->start;
  problem->measure = measure;
  st = fz_thesis_warm(s, problem->f, seed, p->start, err);
done:
  return st;
}

void fz_thesis_cryo_close(void *context, fz_experiment_problem *problem) {
  cryo *p = problem->self;
  (void)context;
  if (!p) return;
  fz_mpi_orbit_objective_close(&p->shared);
  fz_orbit_model_destroy(&p->model);
  fz_cryo_clear(&p->simulated);
  fz_free(&p->start);
  fz_free(&problem->self);
}
