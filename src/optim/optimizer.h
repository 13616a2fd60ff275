/* Outer loops as state machines over an abstract objective.
 *  One optimizer = one file with one fz_optimizer_kind; it is registered in optimizer.c.  Everything it must remember
 * is listed by `state`, so checkpoints know nothing of particular optimizers. cost   counted in cost-weighted passes:
 * images evaluated / N */
#ifndef FZ_OPTIM_OPTIMIZER_H
#define FZ_OPTIM_OPTIMIZER_H
#include "core/state.h"
#include "optim/objective.h"

typedef struct fz_optimizer_options {
  int64_t batch_images;
  int iterations;      /* solver iterations of a stochastic M-step or preconditioned step */
  int full_iterations; /* of an M-step after a full pass */
  double rate_power;   /* sEM: rho_t = (t + 2)^-rate_power */
  double step;         /* SGD, SVRG: eta;  sEM-vr: rho */
  double inner_passes; /* SVRG, sEM-vr: images visited between snapshots / N */
  uint64_t seed;
} fz_optimizer_options;

fz_optimizer_options fz_optimizer_options_default(void);

typedef struct fz_optimizer fz_optimizer;

typedef struct fz_optimizer_kind {
  const char *name, *summary;
  int want; /* FZ_WANT_* statistics that its objective must deliver */
  ptrdiff_t self_bytes;
  fz_status (*init)(fz_optimizer *o); /* allocate self's arrays */
  fz_status (*step)(fz_optimizer *o, fz_error *err);
  void (*state)(fz_optimizer *o, fz_state_list *list);
  void (*clear)(fz_optimizer *o); /* free self's arrays */
} fz_optimizer_kind;

struct fz_optimizer {
  const fz_optimizer_kind *kind;
  const fz_objective *f;
  fz_optimizer_options options;
  void *self;
  double *w;       /* [f->dim] the present parameters; owned */
  int64_t steps;   /* taken */
  int64_t visited; /* images evaluated so far */
  double gain;     /* mean gain per image of the last step's evaluation */
};

/** The registered optimizers; NULL when there is none of that name / index. */
const fz_optimizer_kind *fz_optimizer_find(const char *name);
const fz_optimizer_kind *fz_optimizer_at(int index);

/** Start at w0 [dim] (copied). owns the caller. calls local. fails FZ_ENOMEM */
fz_status fz_optimizer_create(const fz_optimizer_kind *kind, const fz_objective *f, const fz_optimizer_options *options,
                              const double *w0, fz_optimizer **out, fz_error *err);
void fz_optimizer_destroy(fz_optimizer **o);
/** One update (a batch, or a pass for EM). calls collective where f is.
 *  When an evaluation fails (FZ_ESTOPPED above all) the optimizer is as before: the step may be taken again later.
 *  fails   FZ_EDIVERGED with advice when w or the gain is no longer finite; then w is not to be used */
fz_status fz_optimizer_step(fz_optimizer *o, fz_error *err);
/** Cost-weighted passes so far. */
double fz_optimizer_passes(const fz_optimizer *o);
/** All that a resume needs, under "optimizer/". calls local; the arrays stay the optimizer's */
void fz_optimizer_state(fz_optimizer *o, fz_state_list *list);

/** For optimizers: evaluate and count. */
fz_status fz_optimizer_evaluate(fz_optimizer *o, const double *w, const int64_t *tile, int64_t n, int64_t *words,
                                fz_error *err);

#endif
