#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "mpi/objective_private.h"
#include "mpi/reduce.h"

static fz_status evaluate(void *self, const double *w, const int64_t *tile, int64_t n, int64_t *words, fz_error *err) {
  fz_mpi_objective *o = self;
  for (ptrdiff_t i = 0; i < o->view.dim; i++) o->masked[i] = w[i] * o->mask[i % fz_mpi_objective_voxels(o)];
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

static void class_mass_of(const void *self, const int64_t *words, double *mass) {
  fz_statistics_read(&((const fz_mpi_objective *)self)->stage.layout, words, FZ_SECTION_CLASS, mass);
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
                           .dim = o->stage.spec.n_classes * fz_mpi_objective_voxels(o),
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
                           .class_mass = class_mass_of,
                           .share = share,
                           .collect = collect,
                           .algebra = fz_mpi_algebra_view(o->algebra)};
  fz_mpi_objective_view_mstep(o);
  fz_mpi_objective_view_derivatives(o);
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
    o->mask = fz_alloc(fz_mpi_objective_voxels(o), sizeof(double));
    o->voxels = fz_alloc(fz_mpi_objective_voxels(o), sizeof(double));
    o->masked = fz_alloc(spec->n_classes * fz_mpi_objective_voxels(o), sizeof(double));
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
      st = fz_mpi_objective_make_solver(o, err);
  }
  st = fz_mpi_agree(comm, st, err);
  if (st == FZ_OK) st = fz_mpi_estep_create(comm, &o->stage, &o->estep, err);
  /* One rank for eigenpairs: n Hessian products cost far more than taking their matrix apart. */
  if (st == FZ_OK) st = fz_mpi_algebra_create(comm, 1, &o->algebra, err);
  if (st != FZ_OK) {
    fz_mpi_objective_close(out);
    return st;
  }
  for (int k = 0; k < spec->n_classes; k++) o->volume[k] = o->masked + k * fz_mpi_objective_voxels(o);
  fz_mpi_objective_set_prior(o, prior->inverse_tau2);
  for (int k = 0; k < spec->n_classes; k++) o->class_prior[k] = 1.0 / spec->n_classes;
  fill_view(o);
  return FZ_OK;
}

void fz_mpi_objective_close(fz_mpi_objective **o) {
  if (!*o) return;
  fz_mpi_algebra_destroy(&(*o)->algebra);
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

void fz_mpi_objective_on_round(fz_mpi_objective *o, fz_mpi_pause pause, fz_mpi_journal *journal) {
  fz_mpi_estep_on_round(o->estep, pause, journal);
}

static bool stop_heard(void *estep) {
  return fz_mpi_estep_stop_heard(estep);
}

void fz_mpi_objective_stop_in_mstep(fz_mpi_objective *o, bool may) {
  fz_mpi_ksp_on_iteration(o->solver, may ? stop_heard : NULL, o->estep);
}

void fz_mpi_objective_set_pose_blocks(fz_mpi_objective *o, int ranks) {
  fz_mpi_estep_set_pose_blocks(o->estep, ranks);
}
