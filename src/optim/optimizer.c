#include "optim/optimizer.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"

static const double LEAST_SHARE = 1e-6; /* of a class */

extern const fz_optimizer_kind fz_optimizer_em, fz_optimizer_sem, fz_optimizer_incremental, fz_optimizer_sem_vr,
    fz_optimizer_gd, fz_optimizer_sgd, fz_optimizer_svrg;
extern const fz_optimizer_kind fz_optimizer_svrg_ii, fz_optimizer_sem_vr_parameters, fz_optimizer_sem_vr_qn,
    fz_optimizer_em_anderson, fz_optimizer_sem_vr_anderson, fz_optimizer_svrg_i, fz_optimizer_olbfgs,
    fz_optimizer_hessian_free, fz_optimizer_hessian_free_batch;
extern const fz_optimizer_kind fz_optimizer_momentum, fz_optimizer_nesterov, fz_optimizer_adagrad, fz_optimizer_sag,
    fz_optimizer_tonga;

/* One line each, not aligned, so that lines can be added side by side. */
/* clang-format off */
static const fz_optimizer_kind *const kinds[] = {
    &fz_optimizer_em,
    &fz_optimizer_sem,
    &fz_optimizer_incremental,
    &fz_optimizer_sem_vr,
    &fz_optimizer_gd,
    &fz_optimizer_sgd,
    &fz_optimizer_momentum,
    &fz_optimizer_nesterov,
    &fz_optimizer_adagrad,
    &fz_optimizer_tonga,
    &fz_optimizer_sag,
    &fz_optimizer_svrg,
    &fz_optimizer_svrg_i,
    &fz_optimizer_svrg_ii,
    &fz_optimizer_sem_vr_parameters,
    &fz_optimizer_sem_vr_qn,
    &fz_optimizer_em_anderson,
    &fz_optimizer_sem_vr_anderson,
    &fz_optimizer_olbfgs,
    &fz_optimizer_hessian_free,
    &fz_optimizer_hessian_free_batch,
};
/* clang-format on */

const fz_optimizer_kind *fz_optimizer_at(int index) {
  return index >= 0 && index < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[index] : NULL;
}

const fz_optimizer_kind *fz_optimizer_find(const char *name) {
  for (int i = 0; fz_optimizer_at(i); i++)
    if (!strcmp(fz_optimizer_at(i)->name, name)) return fz_optimizer_at(i);
  return NULL;
}

fz_optimizer_options fz_optimizer_options_default(void) {
  return (fz_optimizer_options){.batch_images = 100,
                                .iterations = 3,
                                .full_iterations = 15,
                                .rate_power = 0.3,
                                .precondition = true,
                                .inner_passes = 1.0,
                                .momentum = 0.9,
                                .memory = 10,
                                .eigenpairs = 10,
                                .damping = 1e-3,
                                .safeguards = FZ_SAFE_ALL,
                                .keep_bytes = 4e9};
}

int fz_optimizer_want(const fz_optimizer_kind *kind, const fz_optimizer_options *options) {
  bool precondition = options->precondition && (kind->takes & FZ_TAKES_PRECONDITION);
  bool steer = precondition || options->step_rule != FZ_STEP_GIVEN;
  return kind->moments_steer_only && !steer ? kind->want & ~FZ_WANT_MOMENTS : kind->want;
}

fz_status fz_optimizer_check(const fz_optimizer_kind *kind, const fz_optimizer_options *s, int64_t n_images,
                             ptrdiff_t dim, fz_error *err) {
  const char *name = kind->name;
  if ((kind->takes & FZ_TAKES_BATCH) && (s->batch_images < 1 || s->batch_images > n_images))
    return fz_fail(err, FZ_EINVAL, "%s: a batch of %lld images; the data have %lld: give 1 to as many", name,
                   (long long)s->batch_images, (long long)n_images);
  if ((kind->takes & FZ_TAKES_STEP) && s->step_rule == FZ_STEP_GIVEN && !(s->step > 0 && isfinite(s->step)))
    return fz_fail(err, FZ_EINVAL, "%s: a step of %g; it must be above 0", name, s->step);
  if (s->step_rule == FZ_STEP_SEARCH && !(kind->takes & FZ_TAKES_SEARCH))
    return fz_fail(err, FZ_EINVAL, "%s has no line search: give a step, or leave it automatic", name);
  if ((kind->takes & FZ_TAKES_INNER_PASSES) && !(s->inner_passes > 0 && isfinite(s->inner_passes)))
    return fz_fail(err, FZ_EINVAL, "%s: %g passes between snapshots; it must be above 0", name, s->inner_passes);
  if ((kind->takes & FZ_TAKES_MOMENTUM) && !(s->momentum >= 0 && s->momentum < 1))
    return fz_fail(err, FZ_EINVAL, "%s: a momentum of %g; it must be at least 0 and below 1", name, s->momentum);
  if ((kind->takes & FZ_TAKES_MEMORY) && s->memory < 1)
    return fz_fail(err, FZ_EINVAL, "%s: a memory of %d; it must be at least 1", name, s->memory);
  if ((kind->takes & FZ_TAKES_DAMPING) && !(s->damping >= 0 && isfinite(s->damping)))
    return fz_fail(err, FZ_EINVAL, "%s: a damping of %g; it must be at least 0", name, s->damping);
  if (kind->needs_damping && !(s->damping > 0))
    return fz_fail(err, FZ_EINVAL, "%s: a damping of 0; it must be above 0", name);
  if ((kind->takes & FZ_TAKES_RATE_POWER) && !(s->rate_power >= 0 && s->rate_power <= 1))
    return fz_fail(err, FZ_EINVAL, "%s: a rate power of %g; it must be between 0 and 1", name, s->rate_power);
  if ((kind->takes & FZ_TAKES_HESSIAN_IMAGES) && (s->hessian_images < 0 || s->hessian_images > n_images))
    return fz_fail(err, FZ_EINVAL, "%s: a Hessian of %lld images; the data have %lld", name,
                   (long long)s->hessian_images, (long long)n_images);
  if ((kind->takes & FZ_TAKES_EIGENPAIRS) && (s->eigenpairs < 1 || (dim > 0 && s->eigenpairs >= dim)))
    return fz_fail(err, FZ_EINVAL, "%s: %d eigenpairs of %td parameters; give 1 to %td", name, s->eigenpairs, dim,
                   dim > 0 ? dim - 1 : (ptrdiff_t)s->eigenpairs);
  return FZ_OK;
}

fz_status fz_optimizer_create(const fz_optimizer_kind *kind, const fz_objective *f, const fz_optimizer_options *options,
                              const double *w0, fz_optimizer **out, fz_error *err) {
  *out = NULL;
  fz_status st = fz_optimizer_check(kind, options, f->n_images, f->dim, err);
  if (st != FZ_OK) return st;
  if (kind->needs_algebra && !f->algebra)
    return fz_fail(err, FZ_EINVAL, "%s needs linear algebra that this problem does not come with", kind->name);
  st = FZ_ENOMEM;
  fz_optimizer *o = *out = fz_alloc(1, sizeof *o);
  if (o) {
    *o = (fz_optimizer){.kind = kind, .f = f, .options = *options, .collapse = fz_collapse_start()};
    /* What they do not take, but what they share reads: it must have no effect. */
    if (!(kind->takes & FZ_TAKES_PRECONDITION)) o->options.precondition = false;
    if (!(kind->takes & FZ_TAKES_RATE_POWER)) o->options.rate_power = fz_optimizer_options_default().rate_power;
    o->self = fz_alloc(1, (size_t)kind->self_bytes);
    o->w = fz_alloc(f->dim, sizeof *o->w);
    if (f->n_classes > 1) o->mass = fz_alloc(2 * f->n_classes, sizeof *o->mass);
    if (o->self && o->w && (o->mass || f->n_classes <= 1)) st = kind->init(o);
  }
  if (st != FZ_OK) fz_fail(err, st, "no memory for the state of optimizer %s", kind->name);
  if (st == FZ_OK && kind->open) st = kind->open(o, err);
  if (st != FZ_OK) {
    fz_optimizer_destroy(out);
    return st;
  }
  memcpy(o->w, w0, sizeof *w0 * (size_t)f->dim);
  return FZ_OK;
}

void fz_optimizer_destroy(fz_optimizer **o) {
  if (!*o) return;
  if ((*o)->self) (*o)->kind->clear(*o);
  fz_free(&(*o)->self);
  fz_free(&(*o)->w);
  fz_free(&(*o)->mass);
  fz_free(o);
}

static fz_status diverged(const fz_optimizer *o, const char *how, fz_error *err) {
  const char *advice = o->kind->takes & FZ_TAKES_STEP ? "take a smaller step" : "check the data and their noise level";
  const char *batch = o->kind->takes & FZ_TAKES_BATCH ? " or larger batches" : "";
  return fz_fail(err, FZ_EDIVERGED, "%s diverged at step %lld (%s): %s%s", o->kind->name, (long long)o->steps + 1, how,
                 advice, batch);
}

/* No class dies out for good. */
static void update_shares(fz_optimizer *o, int64_t images) {
  const fz_objective *f = o->f;
  double rate = images >= f->n_images ? 1 : pow((double)o->steps + 2, -o->options.rate_power), all = 0, sum = 0;
  if (!o->mass || !(o->kind->want & FZ_WANT_GRADIENT)) return;
  for (ptrdiff_t k = 0; k < f->n_classes; k++) all += o->mass[k];
  if (all <= 0) return;
  for (ptrdiff_t k = 0; k < f->n_classes; k++) {
    f->class_prior[k] += rate * (o->mass[k] / all - f->class_prior[k]);
    f->class_prior[k] = fmax(f->class_prior[k], LEAST_SHARE);
    sum += f->class_prior[k];
  }
  for (ptrdiff_t k = 0; k < f->n_classes; k++) f->class_prior[k] /= sum;
}

static bool guarded(const fz_optimizer *o) {
  return (o->kind->takes & FZ_TAKES_SAFE_SNAPSHOTS) && (o->options.safeguards & FZ_SAFE_SNAPSHOTS);
}

fz_status fz_optimizer_step(fz_optimizer *o, fz_error *err) {
  const int64_t visited = o->visited;
  const double gain = o->gain;
  for (ptrdiff_t k = 0; o->mass && k < o->f->n_classes; k++) o->mass[k] = 0;
  fz_status st = o->kind->step(o, err);
  if (st != FZ_OK) {
    o->visited = visited;
    o->gain = gain;
    fz_error why = err ? *err : (fz_error){0};
    return st == FZ_EDIVERGED ? diverged(o, why.text, err) : st;
  }
  bool finite = isfinite(o->gain);
  for (ptrdiff_t i = 0; i < o->f->dim; i++) finite = finite && isfinite(o->w[i]);
  if (!finite) return diverged(o, "a parameter is not a finite number", err);
  bool fell = fz_collapse_seen(&o->collapse, o->gain, o->visited, o->f->n_images);
  if (fell && !guarded(o)) return diverged(o, "the likelihood has collapsed", err);
  update_shares(o, o->visited - visited);
  o->steps++;
  return FZ_OK;
}

double fz_optimizer_passes(const fz_optimizer *o) {
  return (double)o->visited / (double)o->f->n_images;
}

static void add_mass(fz_optimizer *o, const int64_t *words) {
  if (!o->mass) return;
  double *more = o->mass + o->f->n_classes;
  o->f->class_mass(o->f->self, words, more);
  for (ptrdiff_t k = 0; k < o->f->n_classes; k++) o->mass[k] += more[k];
}

fz_status fz_optimizer_evaluate(fz_optimizer *o, const double *w, const int64_t *tile, int64_t n, int64_t *words,
                                fz_error *err) {
  fz_status st = o->f->evaluate(o->f->self, w, tile, n, words, err);
  if (st != FZ_OK) return st;
  int64_t images = o->f->images(o->f->self, words);
  o->visited += images;
  o->gain = o->f->gain(o->f->self, words) / (double)images;
  add_mass(o, words);
  if (n == o->f->n_tiles) fz_optimizer_tell(o, w, words);
  return FZ_OK;
}

void fz_optimizer_tell(const fz_optimizer *o, const double *w, const int64_t *words) {
  if (o->watch) o->watch(o->watcher, w, fz_optimizer_value(o, words, w));
}

double fz_optimizer_value(const fz_optimizer *o, const int64_t *words, const double *w) {
  const fz_objective *f = o->f;
  return -f->gain(f->self, words) / (double)f->images(f->self, words) + f->prior(f->self, w);
}

void fz_optimizer_state(fz_optimizer *o, fz_state_list *list) {
  fz_state_add_array(list, "optimizer/w", FZ_STATE_F64, 1, (int64_t[]){o->f->dim}, o->w, "image units",
                     "present parameters, one volume after the other");
  fz_state_add_i64(list, "optimizer/steps", &o->steps, "1", "updates taken");
  fz_state_add_i64(list, "optimizer/visited", &o->visited, "1", "images evaluated");
  fz_state_add_f64(list, "optimizer/gain", &o->gain, "nats", "mean log-likelihood gain per image, last evaluation");
  fz_collapse_state(&o->collapse, list);
  if (o->f->n_classes > 0)
    fz_state_add_array(list, "optimizer/class_prior", FZ_STATE_F64, 1, (int64_t[]){o->f->n_classes}, o->f->class_prior,
                       "1", "shares of the classes");
  if (o->kind->state) o->kind->state(o, list);
}
