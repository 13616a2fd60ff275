#include "optim/reduced_map.h"

#include <string.h>

#include "core/memory.h"

fz_status fz_reduced_map_init(fz_reduced_map *r, const fz_optimizer *o) {
  double **array[] = {&r->full, &r->residual, &r->image, &r->reference};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++)
    if (!(*array[i] = fz_alloc(o->f->dim, sizeof(double)))) return FZ_ENOMEM;
  r->moments = fz_alloc(o->f->n_moments, sizeof *r->moments);
  r->class_prior = fz_alloc(o->f->n_classes, sizeof *r->class_prior);
  return r->moments && r->class_prior ? fz_snapshot_init(&r->snapshot, o) : FZ_ENOMEM;
}

void fz_reduced_map_clear(fz_reduced_map *r) {
  fz_snapshot_clear(&r->snapshot);
  double **array[] = {&r->full, &r->residual, &r->image, &r->reference};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) fz_free(array[i]);
  fz_free(&r->moments);
  fz_free(&r->class_prior);
}

void fz_reduced_map_state(fz_reduced_map *r, const fz_optimizer *o, fz_state_list *list) {
  fz_snapshot_state(&r->snapshot, o, list);
  fz_state_add_array(list, "optimizer/full_residual", FZ_STATE_F64, 1, (int64_t[]){o->f->dim}, r->full, "image units",
                     "what an EM step would take off the snapshot");
}

static void use_full(fz_reduced_map *r, const fz_optimizer *o) {
  memcpy(r->residual, r->full, sizeof *r->full * (size_t)o->f->dim);
}

static fz_status take_snapshot(fz_reduced_map *r, fz_optimizer *o, bool *fresh, fz_error *err) {
  const fz_objective *f = o->f;
  const fz_snapshot *snap = &r->snapshot;
  fz_snapshot_mean(snap, o, r->image);
  fz_status st = fz_snapshot_take(&r->snapshot, o, r->image, fresh, err);
  if (st == FZ_OK && *fresh) {
    memcpy(r->image, o->w, sizeof *r->image * (size_t)f->dim);
    st = f->maximize(f->self, snap->moments, (double)f->n_images, o->options.full_iterations, r->image, err);
    for (ptrdiff_t i = 0; i < f->dim; i++) r->full[i] = o->w[i] - r->image[i];
  }
  if (st == FZ_OK) use_full(r, o);
  return st;
}

/* image = psi_I(w), from the statistics of the batch there. */
static fz_status map_batch(fz_reduced_map *r, const fz_optimizer *o, const int64_t *words, const double *w,
                           double *image, fz_error *err) {
  const fz_objective *f = o->f;
  const size_t bytes = sizeof *r->class_prior * (size_t)f->n_classes;
  f->moments(f->self, words, r->moments);
  memcpy(image, w, sizeof *image * (size_t)f->dim);
  if (bytes) memcpy(r->class_prior, f->class_prior, bytes);
  fz_status st = f->maximize(f->self, r->moments, (double)f->images(f->self, words), o->options.iterations, image, err);
  if (bytes) memcpy(f->class_prior, r->class_prior, bytes);
  return st;
}

fz_status fz_reduced_map_next(fz_reduced_map *r, fz_optimizer *o, bool *fresh, fz_error *err) {
  const fz_snapshot *snap = &r->snapshot;
  bool back;
  fz_status st;
  *fresh = false;
  if (fz_snapshot_due(snap, o)) return take_snapshot(r, o, fresh, err);
  FZ_TRY(fz_snapshot_visit(&r->snapshot, o, &back, err));
  if (back) {
    use_full(r, o);
    return FZ_OK;
  }
  FZ_TRY(map_batch(r, o, snap->reference, snap->w, r->reference, err));
  st = map_batch(r, o, snap->words, o->w, r->image, err);
  if (fz_snapshot_retreat(&r->snapshot, o, st)) {
    use_full(r, o);
    return FZ_OK;
  }
  if (st != FZ_OK) goto done;
  for (ptrdiff_t i = 0; i < o->f->dim; i++)
    r->residual[i] = o->w[i] - r->image[i] + r->reference[i] - (snap->w[i] - r->full[i]);
done:
  return st;
}

void fz_reduced_map_move(fz_reduced_map *r, fz_optimizer *o, const double *d) {
  const double eta = fz_snapshot_step(&r->snapshot, o);
  for (ptrdiff_t i = 0; i < o->f->dim; i++) o->w[i] -= eta * d[i];
  fz_snapshot_moved(&r->snapshot, o);
}
