#include "mpi/orbit_objective.h"

#include "core/memory.h"
#include "mpi/fault.h"
#include "mpi/reduce.h"

struct fz_mpi_orbit_objective {
  fz_mpi *comm;
  fz_orbit_model *model;
  const fz_objective *local;
  int64_t *tile;  /* [n_tiles] this rank's part of a list */
  int64_t *words; /* [hessian words] */
  fz_objective view;
};

static int64_t take_tiles(const fz_mpi_orbit_objective *o, const int64_t *tile, int64_t n_tiles) {
  int64_t n = 0;
  for (int64_t t = fz_mpi_rank(o->comm); t < n_tiles; t += fz_mpi_size(o->comm)) o->tile[n++] = tile[t];
  return n;
}

static fz_status evaluate(void *self, const double *w, const int64_t *tile, int64_t n_tiles, int64_t *words,
                          fz_error *err) {
  fz_mpi_orbit_objective *o = self;
  int64_t n = take_tiles(o, tile, n_tiles);
  fz_status st = o->local->evaluate(o->local->self, w, o->tile, n, words, err);
  if (fz_mpi_fault(o->comm, "e-step")) st = fz_fail(err, FZ_ENOMEM, "no memory for an E-step");
  st = fz_mpi_agree(o->comm, st, err);
  if (st == FZ_OK) fz_mpi_sum_i64(o->comm, words, o->view.n_words);
  return st;
}

static fz_status hessian(void *self, const double *w, const int64_t *tile, int64_t n_tiles, const double *v,
                         double *out, fz_error *err) {
  fz_mpi_orbit_objective *o = self;
  int64_t n = take_tiles(o, tile, n_tiles);
  fz_status st = fz_orbit_model_hessian_sum(o->model, w, v, o->tile, n, o->words, err);
  st = fz_mpi_agree(o->comm, st, err);
  if (st != FZ_OK) return st;
  fz_mpi_sum_i64(o->comm, o->words, fz_orbit_model_hessian_words(o->model));
  return fz_orbit_model_hessian_finish(o->model, w, v, o->words, out, err);
}

static const fz_objective *local_of(const void *self) {
  return ((const fz_mpi_orbit_objective *)self)->local;
}

static int64_t images(const void *self, const int64_t *words) {
  return local_of(self)->images(local_of(self)->self, words);
}
static double gain(const void *self, const int64_t *words) {
  return local_of(self)->gain(local_of(self)->self, words);
}
static void moments(const void *self, const int64_t *words, double *mean) {
  local_of(self)->moments(local_of(self)->self, words, mean);
}
static fz_status maximize(void *self, const double *mean, double n_images, int iterations, double *w, fz_error *err) {
  return local_of(self)->maximize(local_of(self)->self, mean, n_images, iterations, w, err);
}
static fz_status gradient(void *self, const int64_t *words, const double *w, double *g, fz_error *err) {
  return local_of(self)->gradient(local_of(self)->self, words, w, g, err);
}
static fz_status precondition(void *self, const double *mean, int iterations, const double *g, double *step,
                              fz_error *err) {
  return local_of(self)->precondition(local_of(self)->self, mean, iterations, g, step, err);
}
static fz_status curvature(void *self, const double *mean, const double *w, const double *v, double *out,
                           fz_error *err) {
  return local_of(self)->curvature(local_of(self)->self, mean, w, v, out, err);
}
static double prior(const void *self, const double *w) {
  return local_of(self)->prior(local_of(self)->self, w);
}

static void share(const void *self, ptrdiff_t *first, ptrdiff_t *count) {
  const fz_mpi_orbit_objective *o = self;
  fz_mpi_slice(o->comm, o->view.n_words, first, count);
}

static fz_status collect(void *self, const int64_t *slice, int64_t *words, fz_error *err) {
  fz_mpi_orbit_objective *o = self;
  return fz_mpi_allgather_i64(o->comm, slice, o->view.n_words, words, err);
}

fz_status fz_mpi_orbit_objective_open(fz_mpi *comm, fz_orbit_model *model, const fz_algebra *algebra,
                                      fz_mpi_orbit_objective **out, fz_error *err) {
  const fz_objective *local = fz_orbit_model_view(model, algebra);
  fz_mpi_orbit_objective *o = *out = fz_alloc(1, sizeof *o);
  if (o) {
    o->tile = fz_alloc(local->n_tiles, sizeof *o->tile);
    o->words = fz_alloc(fz_orbit_model_hessian_words(model), sizeof *o->words);
  }
  fz_status st = o && o->tile && o->words ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for a distributed orbit model");
  st = fz_mpi_agree(comm, st, err);
  if (st != FZ_OK) {
    fz_mpi_orbit_objective_close(out);
    return st;
  }
  o->comm = comm;
  o->model = model;
  o->local = local;
  o->view = *local;
  o->view.self = o;
  o->view.evaluate = evaluate;
  o->view.images = images;
  o->view.gain = gain;
  o->view.moments = moments;
  o->view.maximize = maximize;
  o->view.gradient = gradient;
  o->view.precondition = precondition;
  o->view.curvature = curvature;
  o->view.hessian = hessian;
  o->view.prior = prior;
  o->view.share = share;
  o->view.collect = collect;
  return FZ_OK;
}

void fz_mpi_orbit_objective_close(fz_mpi_orbit_objective **o) {
  if (!*o) return;
  fz_free(&(*o)->tile);
  fz_free(&(*o)->words);
  fz_free(o);
}

const fz_objective *fz_mpi_orbit_objective_view(const fz_mpi_orbit_objective *o) {
  return &o->view;
}
