/* Slopes of F: the gradient, which the E-step sums exactly, Hessian products as differences of gradients, the prior. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "mpi/objective_private.h"

static const double PI = 3.14159265358979323846;
/* |h v| / |w|.  Measured on simulated images (shells 6, 8 and 14, SNR 0.1 and 0.02, float and double; v along w, the
 * gradient and white noise): from 1e-3 to 3e-3 products are right to 0.6 %.  Below, rounding and weights at the cutoff
 * count, at 1e-4 up to 0.8 %; above, truncation, at 1e-2 up to 1.4 %, at 3e-2 10 %. */
static const double DIFFERENCE = 2e-3;

/* R w in full: the prior's part of the normal operator, by an operator without data. */
static fz_status prior_gradient(const fz_mpi_objective *o, const double *w, double *g) {
  const fz_statistics_layout *l = &o->stage.layout;
  double *zero = fz_alloc(l->a_cube.cells, sizeof *zero);
  if (!zero) return FZ_ENOMEM;
  fz_status st = fz_normal_set(o->normal, &l->a_cube, zero, 0, o->inverse_tau2, l->n_shells);
  for (int k = 0; k < l->n_classes && st == FZ_OK; k++)
    fz_normal_apply(o->normal, w + k * fz_mpi_objective_voxels(o), g + k * fz_mpi_objective_voxels(o));
  fz_free(&zero);
  return st;
}

static fz_status gradient(void *self, const int64_t *words, const double *w, double *g, fz_error *err) {
  fz_mpi_objective *o = self;
  const fz_statistics_layout *l = &o->stage.layout;
  fz_status st = prior_gradient(o, w, g);
  double images = (double)o->view.images(o, words), total = (double)o->view.n_images;
  fz_statistics_read(l, words, FZ_SECTION_GRADIENT, o->cells);
  for (int k = 0; k < l->n_classes && st == FZ_OK; k++) {
    double *to = g + k * fz_mpi_objective_voxels(o);
    st = fz_normal_right_side(o->normal, &l->b_cube, o->cells + 2 * k * l->b_cube.cells, 1.0 / images, o->voxels);
    for (ptrdiff_t i = 0; i < fz_mpi_objective_voxels(o); i++) to[i] = to[i] / total + o->voxels[i];
  }
  if (st != FZ_OK) fz_fail(err, st, "no memory for a gradient");
  return fz_mpi_agree(o->comm, st, err);
}

/* ---- Hessian products ---- */

/* What the E-step writes of the images: those beside w are not to stay, and both sides must find the same. */
typedef struct trace {
  int64_t n, *particle;
  fz_image_state *state;
  fz_pose_memory *memory; /* NULL when none is kept */
  fz_pose_average average;
} trace;

static void free_trace(trace *t) {
  fz_free(&t->particle);
  fz_free(&t->state);
  fz_free(&t->memory);
}

static fz_status keep_trace(const fz_dataset *data, const int64_t *tile, int64_t n_tiles, trace *t) {
  int64_t images = 0;
  for (int64_t i = 0; i < n_tiles; i++) images += data->tile_first[tile[i] + 1] - data->tile_first[tile[i]];
  *t = (trace){.particle = fz_alloc(images, sizeof *t->particle),
               .state = fz_alloc(images, sizeof *t->state),
               .average = data->average};
  if (data->memory) t->memory = fz_alloc(images, sizeof *t->memory);
  if (!t->particle || !t->state || (data->memory && !t->memory)) return FZ_ENOMEM;
  for (int64_t i = 0; i < n_tiles; i++)
    for (int64_t j = data->tile_first[tile[i]]; j < data->tile_first[tile[i] + 1]; j++, t->n++) {
      t->particle[t->n] = data->particle[j];
      t->state[t->n] = data->state[data->particle[j]];
      if (t->memory) t->memory[t->n] = data->memory[data->particle[j]];
    }
  return FZ_OK;
}

static void go_back(const trace *t, fz_dataset *data) {
  for (int64_t i = 0; i < t->n; i++) {
    data->state[t->particle[i]] = t->state[i];
    if (t->memory) data->memory[t->particle[i]] = t->memory[i];
  }
  data->average = t->average;
}

static double norm_within(const fz_mpi_objective *o, const double *x) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < o->view.dim; i++) sum += x[i] * x[i] * o->mask[i % fz_mpi_objective_voxels(o)];
  return sqrt(sum);
}

/* The norm that maps have by the prior, for a w that says nothing. */
static double signal_norm(const fz_mpi_objective *o) {
  double sum = 0, c = o->stage.slice_scale;
  for (int s = 1; s <= o->stage.spec.kmax; s++) sum += 4 * PI * s * s / o->inverse_tau2[s];
  return sqrt(o->stage.spec.n_classes * sum / (c * c * (double)fz_mpi_objective_voxels(o)));
}

/* g = gradient at w + h v from these tiles. */
static fz_status gradient_beside(fz_mpi_objective *o, const double *w, double h, const double *v, const int64_t *tile,
                                 int64_t n_tiles, int64_t *words, double *beside, double *g, fz_error *err) {
  for (ptrdiff_t i = 0; i < o->view.dim; i++) beside[i] = w[i] + h * v[i];
  fz_status st = o->view.evaluate(o, beside, tile, n_tiles, words, err);
  return st == FZ_OK ? gradient(o, words, beside, g, err) : st;
}

static fz_status hessian(void *self, const double *w, const int64_t *tile, int64_t n_tiles, const double *v,
                         double *out, fz_error *err) {
  fz_mpi_objective *o = self;
  double size = norm_within(o, w), length = norm_within(o, v),
         h = DIFFERENCE * (size > 0 ? size : signal_norm(o)) / length;
  if (length == 0) {
    memset(out, 0, sizeof *out * (size_t)o->view.dim);
    return FZ_OK;
  }
  trace before;
  int64_t *words = fz_alloc(o->view.n_words, sizeof *words);
  double *beside = fz_alloc(o->view.dim, sizeof *beside), *low = fz_alloc(o->view.dim, sizeof *low);
  fz_status st = keep_trace(o->stage.data, tile, n_tiles, &before);
  if (!words || !beside || !low) st = FZ_ENOMEM;
  if (st != FZ_OK) fz_fail(err, st, "no memory for a Hessian product");
  FZ_TRY(fz_mpi_agree(o->comm, st, err));
  st = gradient_beside(o, w, h, v, tile, n_tiles, words, beside, out, err);
  go_back(&before, o->stage.data);
  if (st != FZ_OK) goto done;
  st = gradient_beside(o, w, -h, v, tile, n_tiles, words, beside, low, err);
  go_back(&before, o->stage.data);
  for (ptrdiff_t i = 0; i < o->view.dim; i++) out[i] = (out[i] - low[i]) / (2 * h);
done:
  free_trace(&before);
  fz_free(&words);
  fz_free(&beside);
  fz_free(&low);
  return st;
}

/* ---- the prior ---- */

static double prior_value(const void *self, const double *w) {
  fz_mpi_objective *o = (fz_mpi_objective *)self; /* the operator's workspace is used, nothing else changes */
  double *g = fz_alloc(o->view.dim, sizeof *g), sum = 0;
  if (!g || prior_gradient(o, w, g) != FZ_OK) sum = NAN;
  for (ptrdiff_t i = 0; g && i < o->view.dim; i++) sum += 0.5 * g[i] * w[i];
  fz_free(&g);
  if (fz_mpi_any(o->comm, isnan(sum))) sum = NAN; /* out of memory here means diverged everywhere */
  return sum / (double)o->view.n_images;
}

void fz_mpi_objective_view_derivatives(fz_mpi_objective *o) {
  o->view.gradient = gradient;
  o->view.hessian = hessian;
  o->view.hessian_cost = 2;
  o->view.prior = prior_value;
}
