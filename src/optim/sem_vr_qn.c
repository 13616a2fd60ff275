/* Quasi-Newton acceleration of sEM-vr: residuals of the EM map (reduced_map.h) times an inverse BFGS matrix.
 *  maths   pairs at snapshots: s = w~ - w~_before, y = r(w~) - r(w~_before), r = w - Psi(w);  w <- w - eta H r
 *          BFGS matrices are symmetric, the derivative of r is not: r = C^-1 grad F, C the curvature of Q.
 *          Preconditioned, everything is therefore said for C r:  y = C (r - r_before), d = H C r, H_0 = C^-1, so that
 *          without pairs d is r.  Else as in the source, y = r - r_before and H_0 = 1.
 *  source  Paul 2024, Algorithm 5, where y is the difference of Psi(w) and not of w - Psi(w): its inverse is then that
 *          of the wrong map.  The metric: Jamshidian & Jennrich 1997 */
#include <string.h>

#include "core/memory.h"
#include "estep/statistics.h"
#include "optim/pairs.h"
#include "optim/reduced_map.h"

typedef struct sem_vr_qn {
  fz_reduced_map reduced;
  fz_pairs pairs;
  double *last_w, *last_residual;       /* [dim] at the snapshot whose pair was taken last */
  double *s, *y, *weighted, *direction; /* [dim] scratch */
} sem_vr_qn;

enum { ARRAYS = 6 };

static void arrays_of(sem_vr_qn *s, double **array[ARRAYS]) {
  double **all[ARRAYS] = {&s->last_w, &s->last_residual, &s->s, &s->y, &s->weighted, &s->direction};
  memcpy(array, all, sizeof all);
}

static fz_status init(fz_optimizer *o) {
  sem_vr_qn *s = o->self;
  double **array[ARRAYS];
  arrays_of(s, array);
  for (int i = 0; i < ARRAYS; i++)
    if (!(*array[i] = fz_alloc(o->f->dim, sizeof(double)))) return FZ_ENOMEM;
  fz_status st = fz_pairs_init(&s->pairs, o);
  return st == FZ_OK ? fz_reduced_map_init(&s->reduced, o) : st;
}

static fz_status open_matrix(fz_optimizer *o, fz_error *err) {
  sem_vr_qn *s = o->self;
  return fz_pairs_open(&s->pairs, o, err);
}

/* out = C x with C at the snapshot, or x itself. */
static fz_status weigh(const fz_optimizer *o, const double *x, double *out, fz_error *err) {
  const sem_vr_qn *s = o->self;
  const fz_snapshot *snap = &s->reduced.snapshot;
  if (o->options.precondition) return o->f->curvature(o->f->self, snap->moments, snap->w, x, out, err);
  memcpy(out, x, sizeof *out * (size_t)o->f->dim);
  return FZ_OK;
}

static fz_status take_pair(fz_optimizer *o, fz_error *err) {
  sem_vr_qn *s = o->self;
  const fz_reduced_map *r = &s->reduced;
  const ptrdiff_t n = o->f->dim;
  fz_status st = FZ_OK;
  if (r->snapshot.partition > 1) {
    for (ptrdiff_t i = 0; i < n; i++) {
      s->s[i] = r->snapshot.w[i] - s->last_w[i];
      s->weighted[i] = r->full[i] - s->last_residual[i];
    }
    st = weigh(o, s->weighted, s->y, err);
    if (st == FZ_OK) fz_pairs_push(&s->pairs, o, s->s, s->y);
  }
  memcpy(s->last_w, r->snapshot.w, sizeof *s->last_w * (size_t)n);
  memcpy(s->last_residual, r->full, sizeof *s->last_residual * (size_t)n);
  return st;
}

static fz_status step(fz_optimizer *o, fz_error *err) {
  sem_vr_qn *s = o->self;
  fz_reduced_map *r = &s->reduced;
  const fz_pairs_start start = {o->options.precondition ? r->snapshot.moments : NULL, o->options.full_iterations, 1};
  bool fresh;
  fz_status st;
  FZ_TRY(fz_reduced_map_next(r, o, &fresh, err));
  if (fresh) FZ_TRY(take_pair(o, err));
  if (s->pairs.count == 0) { /* H C = 1, however well H_0 is known */
    fz_reduced_map_move(r, o, r->residual);
    return FZ_OK;
  }
  FZ_TRY(weigh(o, r->residual, s->weighted, err));
  FZ_TRY(fz_pairs_apply(&s->pairs, o, start, s->weighted, s->direction, err));
  fz_reduced_map_move(r, o, s->direction);
done:
  return st;
}

static void state(fz_optimizer *o, fz_state_list *list) {
  sem_vr_qn *s = o->self;
  const int64_t dim[] = {o->f->dim};
  fz_reduced_map_state(&s->reduced, o, list);
  fz_pairs_state(&s->pairs, o, list);
  fz_state_add_array(list, "optimizer/last_snapshot", FZ_STATE_F64, 1, dim, s->last_w, "image units",
                     "where the last pair ended");
  fz_state_add_array(list, "optimizer/last_residual", FZ_STATE_F64, 1, dim, s->last_residual, "image units",
                     "what an EM step would have taken off there");
}

static void clear(fz_optimizer *o) {
  sem_vr_qn *s = o->self;
  double **array[ARRAYS];
  fz_reduced_map_clear(&s->reduced);
  fz_pairs_clear(&s->pairs, o);
  arrays_of(s, array);
  for (int i = 0; i < ARRAYS; i++) fz_free(array[i]);
}

const fz_optimizer_kind fz_optimizer_sem_vr_qn = {.name = "sem-vr-qn",
                                                  .summary = "sEM-vr with a quasi-Newton matrix of the snapshots",
                                                  .want = FZ_WANT_MOMENTS,
                                                  .takes = FZ_TAKES_BATCH | FZ_TAKES_STEP | FZ_TAKES_PRECONDITION |
                                                           FZ_TAKES_INNER_PASSES | FZ_TAKES_MEMORY |
                                                           FZ_TAKES_SAFE_SNAPSHOTS | FZ_TAKES_SAFE_PAIRS,
                                                  .default_step = 0.3,
                                                  .needs_algebra = true,
                                                  .self_bytes = sizeof(sem_vr_qn),
                                                  .init = init,
                                                  .open = open_matrix,
                                                  .step = step,
                                                  .state = state,
                                                  .clear = clear};
