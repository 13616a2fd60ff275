#include "optim/optimizer.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

extern const fz_optimizer_kind fz_optimizer_em, fz_optimizer_sem, fz_optimizer_incremental, fz_optimizer_sem_vr,
    fz_optimizer_sgd, fz_optimizer_svrg;

static const fz_optimizer_kind *const kinds[] = {&fz_optimizer_em,     &fz_optimizer_sem, &fz_optimizer_incremental,
                                                 &fz_optimizer_sem_vr, &fz_optimizer_sgd, &fz_optimizer_svrg};

const fz_optimizer_kind *fz_optimizer_at(int index) {
  return index >= 0 && index < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[index] : NULL;
}

const fz_optimizer_kind *fz_optimizer_find(const char *name) {
  for (int i = 0; fz_optimizer_at(i); i++)
    if (!strcmp(fz_optimizer_at(i)->name, name)) return fz_optimizer_at(i);
  return NULL;
}

fz_optimizer_options fz_optimizer_options_default(void) {
  return (fz_optimizer_options){
      .batch_images = 100, .iterations = 3, .full_iterations = 15, .rate_power = 0.6, .step = 0.3, .inner_passes = 1.0};
}

fz_status fz_optimizer_create(const fz_optimizer_kind *kind, const fz_objective *f, const fz_optimizer_options *options,
                              const double *w0, fz_optimizer **out, fz_error *err) {
  fz_status st = FZ_ENOMEM;
  fz_optimizer *o = *out = fz_alloc(1, sizeof *o);
  if (o) {
    *o = (fz_optimizer){.kind = kind, .f = f, .options = *options};
    o->self = fz_alloc(1, (size_t)kind->self_bytes);
    o->w = fz_alloc(f->dim, sizeof *o->w);
    if (o->self && o->w) st = kind->init(o);
  }
  if (st != FZ_OK) {
    fz_optimizer_destroy(out);
    return fz_fail(err, st, "no memory for the state of optimizer %s", kind->name);
  }
  memcpy(o->w, w0, sizeof *w0 * (size_t)f->dim);
  return FZ_OK;
}

void fz_optimizer_destroy(fz_optimizer **o) {
  if (!*o) return;
  if ((*o)->self) (*o)->kind->clear(*o);
  fz_free(&(*o)->self);
  fz_free(&(*o)->w);
  fz_free(o);
}

fz_status fz_optimizer_step(fz_optimizer *o, fz_error *err) {
  const int64_t visited = o->visited;
  const double gain = o->gain;
  fz_status st = o->kind->step(o, err);
  if (st != FZ_OK) {
    o->visited = visited;
    o->gain = gain;
    return st;
  }
  o->steps++;
  bool finite = isfinite(o->gain);
  for (ptrdiff_t i = 0; i < o->f->dim; i++) finite = finite && isfinite(o->w[i]);
  if (finite) return FZ_OK;
  return fz_fail(err, FZ_EDIVERGED, "%s diverged at step %lld: take a smaller step or larger batches", o->kind->name,
                 (long long)o->steps);
}

double fz_optimizer_passes(const fz_optimizer *o) {
  return (double)o->visited / (double)o->f->n_images;
}

fz_status fz_optimizer_evaluate(fz_optimizer *o, const double *w, const int64_t *tile, int64_t n, int64_t *words,
                                fz_error *err) {
  fz_status st = o->f->evaluate(o->f->self, w, tile, n, words, err);
  if (st != FZ_OK) return st;
  int64_t images = o->f->images(o->f->self, words);
  o->visited += images;
  o->gain = o->f->gain(o->f->self, words) / (double)images;
  return FZ_OK;
}

void fz_optimizer_state(fz_optimizer *o, fz_state_list *list) {
  fz_state_add_array(list, "optimizer/w", FZ_STATE_F64, 1, (int64_t[]){o->f->dim}, o->w, "image units",
                     "present parameters, one volume after the other");
  fz_state_add_i64(list, "optimizer/steps", &o->steps, "1", "updates taken");
  fz_state_add_i64(list, "optimizer/visited", &o->visited, "1", "images evaluated");
  fz_state_add_f64(list, "optimizer/gain", &o->gain, "nats", "mean log-likelihood gain per image, last evaluation");
  if (o->f->n_classes > 0)
    fz_state_add_array(list, "optimizer/class_prior", FZ_STATE_F64, 1, (int64_t[]){o->f->n_classes}, o->f->class_prior,
                       "1", "shares of the classes");
  if (o->kind->state) o->kind->state(o, list);
}
