#include "core/memory.h"
#include "optim/dense_algebra.h"
#include "orbit/mra.h"
#include "thesis/problems.h"

const char *const fz_thesis_mra_metric[2] = {"error of the signal", "error of the density"};

typedef struct mra {
  double signal[FZ_MRA_THESIS_LENGTH], density[FZ_MRA_THESIS_LENGTH], start[2 * FZ_MRA_THESIS_LENGTH];
  fz_mra_spec spec;
  fz_orbit_model *model;
  fz_mpi_orbit_objective *shared;
} mra;

static fz_status measure(void *self, const double *w, double *metric, fz_error *err) {
  (void)err;
  metric[0] = fz_mra_error(&((mra *)self)->spec, w, &metric[1]);
  return FZ_OK;
}

fz_status fz_thesis_mra_open(void *context, uint64_t seed, fz_experiment_problem *problem, fz_error *err) {
  const fz_thesis_source *s = context;
  mra *p = problem->self = fz_alloc(1, sizeof *p);
  fz_status st = p ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for the problem");
  if (st != FZ_OK) return st;
  p->spec = fz_mra_thesis(p->signal, p->density, seed);
  FZ_TRY(fz_mra_open(&p->spec, true, s->tile, s->threads, &p->model, err));
  FZ_TRY(fz_mpi_orbit_objective_open(s->comm, p->model, fz_dense_algebra(), &p->shared, err));
  fz_mra_start(FZ_MRA_THESIS_LENGTH, seed, true, p->start);
  problem->f = fz_mpi_orbit_objective_view(p->shared);
  problem->start = p->start;
  problem->measure = measure;
  st = fz_thesis_warm(s, problem->f, seed, p->start, err);
done:
  return st;
}

void fz_thesis_mra_close(void *context, fz_experiment_problem *problem) {
  mra *p = problem->self;
  (void)context;
  if (!p) return;
  fz_mpi_orbit_objective_close(&p->shared);
  fz_orbit_model_destroy(&p->model);
  fz_free(&problem->self);
}
