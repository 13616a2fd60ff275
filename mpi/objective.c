#include "mpi/objective.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "model/normal.h"
#include "mpi/estep.h"
#include "mpi/fault.h"
#include "mpi/ksp.h"
#include "mpi/reduce.h"

struct fz_mpi_objective {
  fz_mpi *comm;
  fz_stage stage;
  fz_mpi_estep *estep;
  fz_normal *normal;
  fz_mpi_ksp *solver;
  double *mask;           /* [m]^3 */
  double *inverse_tau2;   /* [stage shells] */
  double *class_prior;    /* [n_classes] */
  double *masked;         /* [n_classes][m]^3 the volumes scored */
  const double **volume;  /* [n_classes] in masked */
  double *cells, *voxels; /* scratch */
  fz_objective view;
};

static ptrdiff_t voxels_of(const fz_mpi_objective *o) {
  return (ptrdiff_t)o->stage.m * o->stage.m * o->stage.m;
}

static fz_status evaluate(void *self, const double *w, const int64_t *tile, int64_t n, int64_t *words, fz_error *err) {
  fz_mpi_objective *o = self;
  for (ptrdiff_t i = 0; i < o->view.dim; i++) o->masked[i] = w[i] * o->mask[i % voxels_of(o)];
  return fz_mpi_estep_run(o->estep, o->volume, o->class_prior, tile, n, words, err);
}

static int64_t images_in(const void *self, const int64_t *words) {
  const fz_statistics_layout *l = &((const fz_mpi_objective *)self)->stage.layout;
  int64_t images = 0;
  for (ptrdiff_t g = 0; g < l->length[FZ_SECTION_IMAGES]; g++) images += words[l->offset[FZ_SECTION_IMAGES] + g];
  return images;
}

static double gain_of(const void *self, const int64_t *words) {
  return fz_statistics_scalar(&((const fz_mpi_objective *)self)->stage.layout, words, FZ_SECTION_GAIN, 0);
}

/* Moments: B cells, A cells, class masses, each divided by the number of images. */
static void moments_of(const void *self, const int64_t *words, double *mean) {
  const fz_mpi_objective *o = self;
  const fz_statistics_layout *l = &o->stage.layout;
  fz_statistics_read(l, words, FZ_SECTION_B, mean);
  fz_statistics_read(l, words, FZ_SECTION_A, mean + l->length[FZ_SECTION_B]);
  fz_statistics_read(l, words, FZ_SECTION_CLASS, mean + l->length[FZ_SECTION_B] + l->length[FZ_SECTION_A]);
  double inverse = 1.0 / (double)images_in(o, words);
  for (ptrdiff_t i = 0; i < o->view.n_moments; i++) mean[i] *= inverse;
}

static void apply(void *context, const double *x, double *y) {
  fz_normal_apply(context, x, y);
}
static void condition(void *context, const double *r, double *z) {
  fz_normal_precondition(context, r, z);
}

/* The operator is positive definite up to the gridding error; where that shows, the best x so far is the answer. */
static fz_status solve(fz_mpi_objective *o, const double *b, double *x, int iterations, fz_error *err) {
  int done;
  double residual;
  for (ptrdiff_t i = 0; i < voxels_of(o); i++) x[i] *= o->mask[i];
  fz_status st = fz_mpi_ksp_solve(o->solver, b, x, iterations, 1e-6, &done, &residual, err);
  for (ptrdiff_t i = 0; i < voxels_of(o); i++)
    if (!isfinite(x[i])) return fz_fail(err, FZ_EDIVERGED, "the M-step gave a voxel that is not a finite number");
  return st == FZ_EDIVERGED ? FZ_OK : st;
}

static fz_status set_curvature(fz_mpi_objective *o, const double *moments, double images, int class_index) {
  const fz_statistics_layout *l = &o->stage.layout;
  const double *a = moments + l->length[FZ_SECTION_B] + class_index * l->a_cube.cells;
  return fz_normal_set(o->normal, &l->a_cube, a, images, o->inverse_tau2, l->n_shells);
}

/* Shares of the posterior mass, which lacks the weights below the cutoff; no class dies out for good. */
static void set_class_prior(fz_mpi_objective *o, const double *mass) {
  double sum = 0;
  int classes = o->stage.spec.n_classes;
  for (int k = 0; k < classes; k++) sum += fmax(mass[k], 1e-6);
  for (int k = 0; k < classes; k++) o->class_prior[k] = fmax(mass[k], 1e-6) / sum;
}

static fz_status maximize(void *self, const double *moments, double images, int iterations, double *w, fz_error *err) {
  fz_mpi_objective *o = self;
  const fz_statistics_layout *l = &o->stage.layout;
  set_class_prior(o, moments + l->length[FZ_SECTION_B] + l->length[FZ_SECTION_A]);
  fz_status st = FZ_OK;
  for (int k = 0; k < l->n_classes && st == FZ_OK; k++) {
    st = set_curvature(o, moments, images, k);
    if (st == FZ_OK)
      st = fz_normal_right_side(o->normal, &l->b_cube, moments + 2 * k * l->b_cube.cells, images, o->voxels);
    if (st == FZ_OK) st = solve(o, o->voxels, w + k * voxels_of(o), iterations, err);
  }
  if (fz_mpi_fault(o->comm, "m-step")) st = FZ_ENOMEM;
  if (st == FZ_ENOMEM) fz_fail(err, st, "no memory for an M-step");
  return fz_mpi_agree(o->comm, st, err);
}

/* R w in full: the prior's part of the normal operator, by an operator without data. */
static fz_status prior_gradient(const fz_mpi_objective *o, const double *w, double *g) {
  const fz_statistics_layout *l = &o->stage.layout;
  double *zero = fz_alloc(l->a_cube.cells, sizeof *zero);
  if (!zero) return FZ_ENOMEM;
  fz_status st = fz_normal_set(o->normal, &l->a_cube, zero, 0, o->inverse_tau2, l->n_shells);
  for (int k = 0; k < l->n_classes && st == FZ_OK; k++)
    fz_normal_apply(o->normal, w + k * voxels_of(o), g + k * voxels_of(o));
  fz_free(&zero);
  return st;
}

static fz_status gradient(void *self, const int64_t *words, const double *w, double *g, fz_error *err) {
  fz_mpi_objective *o = self;
  const fz_statistics_layout *l = &o->stage.layout;
  fz_status st = prior_gradient(o, w, g);
  double images = (double)images_in(o, words), total = (double)o->view.n_images;
  fz_statistics_read(l, words, FZ_SECTION_GRADIENT, o->cells);
  for (int k = 0; k < l->n_classes && st == FZ_OK; k++) {
    double *to = g + k * voxels_of(o);
    st = fz_normal_right_side(o->normal, &l->b_cube, o->cells + 2 * k * l->b_cube.cells, 1.0 / images, o->voxels);
    for (ptrdiff_t i = 0; i < voxels_of(o); i++) to[i] = to[i] / total + o->voxels[i];
  }
  if (st != FZ_OK) fz_fail(err, st, "no memory for a gradient");
  return fz_mpi_agree(o->comm, st, err);
}

static fz_status precondition(void *self, const double *moments, int iterations, const double *g, double *step,
                              fz_error *err) {
  fz_mpi_objective *o = self;
  fz_status st = FZ_OK;
  double images = (double)o->view.n_images;
  for (int k = 0; k < o->stage.spec.n_classes && st == FZ_OK; k++) {
    double *x = step + k * voxels_of(o);
    st = set_curvature(o, moments, images, k);
    for (ptrdiff_t i = 0; i < voxels_of(o); i++) {
      o->voxels[i] = images * g[k * voxels_of(o) + i];
      x[i] = 0;
    }
    if (st == FZ_OK) st = solve(o, o->voxels, x, iterations, err);
  }
  if (st == FZ_ENOMEM) fz_fail(err, st, "no memory for a preconditioned step");
  return fz_mpi_agree(o->comm, st, err);
}

static double prior_value(const void *self, const double *w) {
  fz_mpi_objective *o = (fz_mpi_objective *)self; /* the operator's workspace is used, nothing else changes */
  double *g = fz_alloc(o->view.dim, sizeof *g), sum = 0;
  if (!g || prior_gradient(o, w, g) != FZ_OK) sum = NAN;
  for (ptrdiff_t i = 0; g && i < o->view.dim; i++) sum += 0.5 * g[i] * w[i];
  fz_free(&g);
  if (fz_mpi_any(o->comm, isnan(sum))) sum = NAN; /* out of memory here means diverged everywhere */
  return sum / (double)o->view.n_images;
}

static void share(const void *self, ptrdiff_t *first, ptrdiff_t *count) {
  const fz_mpi_objective *o = self;
  fz_mpi_slice(o->comm, o->stage.layout.total, first, count);
}

static fz_status collect(void *self, const int64_t *slice, int64_t *words, fz_error *err) {
  fz_mpi_objective *o = self;
  return fz_mpi_allgather_i64(o->comm, slice, o->stage.layout.total, words, err);
}

/* A sharp support: mask^2 = mask, so that U = mask w and the M-step solves for U itself. */
static void fill_mask(fz_mpi_objective *o, double radius_px) {
  int m = o->stage.m;
  double radius = radius_px * m / o->stage.data->box + 1.0;
  for (int z = 0, i = 0; z < m; z++)
    for (int y = 0; y < m; y++)
      for (int x = 0; x < m; x++, i++) o->mask[i] = hypot(hypot(x - m / 2, y - m / 2), z - m / 2) <= radius;
}

static void fill_view(fz_mpi_objective *o) {
  const fz_statistics_layout *l = &o->stage.layout;
  o->view = (fz_objective){.self = o,
                           .dim = o->stage.spec.n_classes * voxels_of(o),
                           .n_words = l->total,
                           .n_moments = l->length[FZ_SECTION_B] + l->length[FZ_SECTION_A] + l->length[FZ_SECTION_CLASS],
                           .n_tiles = o->stage.data->n_tiles,
                           .n_images = o->stage.data->n,
                           .n_classes = o->stage.spec.n_classes,
                           .class_prior = o->class_prior,
                           .evaluate = evaluate,
                           .images = images_in,
                           .gain = gain_of,
                           .moments = moments_of,
                           .maximize = maximize,
                           .gradient = gradient,
                           .precondition = precondition,
                           .prior = prior_value,
                           .share = share,
                           .collect = collect};
}

fz_status fz_mpi_objective_open(fz_mpi *comm, fz_dataset *data, const fz_stage_spec *spec, const fz_volume_prior *prior,
                                fz_mpi_objective **out, fz_error *err) {
  fz_mpi_objective *o = *out = fz_alloc(1, sizeof *o);
  fz_status st = o ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory");
  if (o) {
    o->comm = comm;
    st = fz_stage_open(&o->stage, data, spec, err);
  }
  if (st == FZ_OK) {
    const fz_statistics_layout *l = &o->stage.layout;
    o->mask = fz_alloc(voxels_of(o), sizeof(double));
    o->voxels = fz_alloc(voxels_of(o), sizeof(double));
    o->masked = fz_alloc(spec->n_classes * voxels_of(o), sizeof(double));
    o->volume = fz_alloc(spec->n_classes, sizeof *o->volume);
    o->cells = fz_alloc(l->length[FZ_SECTION_GRADIENT], sizeof(double));
    o->inverse_tau2 = fz_alloc(l->n_shells, sizeof(double));
    o->class_prior = fz_alloc(spec->n_classes, sizeof(double));
    if (o->mask) fill_mask(o, prior->mask_radius_px);
    if (o->mask) o->normal = fz_normal_create(o->stage.m, o->stage.slice_scale, o->mask);
    if (!o->mask || !o->masked || !o->volume || !o->voxels || !o->cells || !o->inverse_tau2 || !o->class_prior ||
        !o->normal)
      st = fz_fail(err, FZ_ENOMEM, "no memory for volumes of %d^3 voxels", o->stage.m);
    else
      st = fz_mpi_ksp_create(voxels_of(o), apply, o->normal, condition, o->normal, &o->solver, err);
  }
  st = fz_mpi_agree(comm, st, err);
  if (st == FZ_OK) st = fz_mpi_estep_create(comm, &o->stage, &o->estep, err);
  if (st != FZ_OK) {
    fz_mpi_objective_close(out);
    return st;
  }
  for (int k = 0; k < spec->n_classes; k++) o->volume[k] = o->masked + k * voxels_of(o);
  fz_mpi_objective_set_prior(o, prior->inverse_tau2);
  for (int k = 0; k < spec->n_classes; k++) o->class_prior[k] = 1.0 / spec->n_classes;
  fill_view(o);
  return FZ_OK;
}

void fz_mpi_objective_close(fz_mpi_objective **o) {
  if (!*o) return;
  fz_mpi_estep_destroy(&(*o)->estep);
  fz_mpi_ksp_destroy(&(*o)->solver);
  fz_normal_destroy(&(*o)->normal);
  fz_stage_close(&(*o)->stage);
  fz_free(&(*o)->mask);
  fz_free(&(*o)->masked);
  fz_free(&(*o)->volume);
  fz_free(&(*o)->voxels);
  fz_free(&(*o)->cells);
  fz_free(&(*o)->inverse_tau2);
  fz_free(&(*o)->class_prior);
  fz_free(o);
}

const fz_objective *fz_mpi_objective_view(const fz_mpi_objective *o) {
  return &o->view;
}
const fz_stage *fz_mpi_objective_stage(const fz_mpi_objective *o) {
  return &o->stage;
}

void fz_mpi_objective_set_prior(fz_mpi_objective *o, const double *inverse_tau2) {
  memcpy(o->inverse_tau2, inverse_tau2, sizeof *inverse_tau2 * (size_t)o->stage.layout.n_shells);
}

void fz_mpi_objective_on_round(fz_mpi_objective *o, bool (*stop)(void *), void *context) {
  fz_mpi_estep_on_round(o->estep, stop, context);
}

void fz_mpi_objective_set_pose_blocks(fz_mpi_objective *o, int ranks) {
  fz_mpi_estep_set_pose_blocks(o->estep, ranks);
}
