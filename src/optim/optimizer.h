/* Outer loops as state machines over an abstract objective.
 *  One optimizer = one file with one fz_optimizer_kind; it is registered in optimizer.c.  Everything it must remember
 * is listed by `state`, so checkpoints know nothing of particular optimizers. cost   counted in cost-weighted passes:
 * images evaluated / N */
#ifndef FZ_OPTIM_OPTIMIZER_H
#define FZ_OPTIM_OPTIMIZER_H
#include <stdbool.h>

#include "core/state.h"
#include "optim/objective.h"
#include "optim/collapse.h"

/* How the length of a step along -d is found, d the direction (H^-1 g preconditioned, g plain). */
typedef enum fz_step_rule {
  FZ_STEP_AUTO,  /* the optimizer's own: its number, times 1/|C| for plain gradients (step.h) */
  FZ_STEP_GIVEN, /* `step`, as in the papers */
  FZ_STEP_SEARCH /* backtracking on F over the images of the gradient */
} fz_step_rule;

/* Safeguards; each may be left out to see the bare algorithm. */
enum {
  FZ_SAFE_SNAPSHOTS = 1, /* a point (snapshot, full step) at which F is higher is refused and the step halved */
  FZ_SAFE_PAIRS = 2,     /* curvature pairs need s.y > 0: others are left out */
  FZ_SAFE_ALL = 3
};

/* What an optimizer reads of the options; the rest has no meaning to it, and no effect. */
enum {
  FZ_TAKES_BATCH = 1,
  FZ_TAKES_STEP = 2,
  FZ_TAKES_SEARCH = 4,       /* FZ_STEP_SEARCH is possible */
  FZ_TAKES_PRECONDITION = 8, /* may do with or without */
  FZ_TAKES_INNER_PASSES = 16,
  FZ_TAKES_MOMENTUM = 32,
  FZ_TAKES_MEMORY = 64,
  FZ_TAKES_EIGENPAIRS = 128,
  FZ_TAKES_DAMPING = 256,
  FZ_TAKES_RATE_POWER = 512,
  FZ_TAKES_SAFE_SNAPSHOTS = 1024,
  FZ_TAKES_SAFE_PAIRS = 2048,
  FZ_TAKES_HESSIAN_IMAGES = 4096
};

typedef struct fz_optimizer_options {
  int64_t batch_images;
  int iterations;      /* solver iterations of a stochastic M-step or preconditioned step */
  int full_iterations; /* of an M-step after a full pass */
  double rate_power;   /* sEM: rho_t = (t + 2)^-rate_power; automatic steps of noisy gradients fall by it per pass */
  fz_step_rule step_rule;
  double step;            /* eta; rho of sem-vr. Read under FZ_STEP_GIVEN alone */
  bool precondition;      /* gradients by the curvature of Q */
  double inner_passes;    /* SVRG, sEM-vr: images visited between snapshots / N */
  double momentum;        /* momentum, nesterov: 0 <= mu < 1 */
  int memory;             /* pairs of quasi-Newton matrices, gradients of tonga, iterates of Anderson mixing */
  int eigenpairs;         /* svrg-i: r, below dim */
  int64_t hessian_images; /* of a subsampled Hessian; 0: a tenth of the data (svrg-i), no Hessian (hessian-free) */
  double damping;      /* lambda: of Gauss-Newton matrices, times their mean eigenvalue; of C of tonga, G of adagrad */
  unsigned safeguards; /* FZ_SAFE_* */
  double keep_bytes;   /* SVRG, sEM-vr: most that kept batch statistics may take, over all ranks (snapshot.h) */
  uint64_t seed;
} fz_optimizer_options;

fz_optimizer_options fz_optimizer_options_default(void);

typedef struct fz_optimizer fz_optimizer;

typedef struct fz_optimizer_kind {
  const char *name, *summary;
  int want;                /* FZ_WANT_* statistics that its objective must deliver; see fz_optimizer_want */
  unsigned takes;          /* FZ_TAKES_* */
  double default_step;     /* of FZ_STEP_AUTO */
  bool moments_steer_only; /* moments serve the preconditioner and the automatic step alone */
  bool needs_algebra;      /* the objective's, for more than vectors */
  bool needs_damping;      /* damping 0 makes no sense to it */
  bool keeps_batches;      /* the statistics of every batch stay in memory */
  ptrdiff_t self_bytes;
  fz_status (*init)(fz_optimizer *o);                /* allocate self's arrays */
  fz_status (*open)(fz_optimizer *o, fz_error *err); /* after it what fails for other reasons; NULL: nothing */
  fz_status (*step)(fz_optimizer *o, fz_error *err);
  void (*state)(fz_optimizer *o, fz_state_list *list);
  void (*clear)(fz_optimizer *o); /* free self's arrays */
} fz_optimizer_kind;

struct fz_optimizer {
  const fz_optimizer_kind *kind;
  const fz_objective *f;
  fz_optimizer_options options;
  void *self;
  double *w; /* [f->dim] the present parameters; owned */
  double
      *mass; /* [2][f->n_classes] posterior mass of the classes in this step's evaluations, and scratch; NULL without */
  int64_t steps;   /* taken */
  int64_t visited; /* images evaluated so far */
  double gain;     /* mean gain per image of the last step's evaluation */
  fz_collapse collapse;
  /* For measurements: told F at w whenever all images have been evaluated there, after they were counted. No part of
   * the state. */
  void (*watch)(void *watcher, const double *w, double value);
  void *watcher;
};

/** The registered optimizers; NULL when there is none of that name / index. */
const fz_optimizer_kind *fz_optimizer_find(const char *name);
const fz_optimizer_kind *fz_optimizer_at(int index);

/** FZ_WANT_* that these options really need. */
int fz_optimizer_want(const fz_optimizer_kind *kind, const fz_optimizer_options *options);
/** Whether these options make sense for so many images and parameters; `dim` 0: not known yet.
 *  fails   FZ_EINVAL with what to change.  calls local */
fz_status fz_optimizer_check(const fz_optimizer_kind *kind, const fz_optimizer_options *options, int64_t n_images,
                             ptrdiff_t dim, fz_error *err);

/** Start at w0 [dim] (copied). owns the caller. calls local. fails FZ_ENOMEM, as fz_optimizer_check */
fz_status fz_optimizer_create(const fz_optimizer_kind *kind, const fz_objective *f, const fz_optimizer_options *options,
                              const double *w0, fz_optimizer **out, fz_error *err);
void fz_optimizer_destroy(fz_optimizer **o);
/** One update (a batch, or a pass for EM). calls collective where f is.
 *  With gradients the shares of the classes follow by the M-step that they have in closed form:
 *  maths   omega_k <- omega_k + rho (mass_k / sum mass - omega_k), mass of the step's evaluations, rho = 1 when those
 *          were of as many images as there are, else (steps + 2)^-rate_power
 *  When an evaluation fails (FZ_ESTOPPED above all) the optimizer is as before: the step may be taken again later.
 *  fails   FZ_EDIVERGED with advice when w or the gain is no longer finite, or the gains have collapsed (collapse.h;
 * not where FZ_SAFE_SNAPSHOTS takes back what made F higher); then w is not to be used */
fz_status fz_optimizer_step(fz_optimizer *o, fz_error *err);
/** Cost-weighted passes so far. */
double fz_optimizer_passes(const fz_optimizer *o);
/** All that a resume needs, under "optimizer/". calls local; the arrays stay the optimizer's */
void fz_optimizer_state(fz_optimizer *o, fz_state_list *list);

/** For optimizers: evaluate and count. */
fz_status fz_optimizer_evaluate(fz_optimizer *o, const double *w, const int64_t *tile, int64_t n, int64_t *words,
                                fz_error *err);
/** For optimizers that evaluate all images at w in parts: tell the watcher. `words`: their sum */
void fz_optimizer_tell(const fz_optimizer *o, const double *w, const int64_t *words);
/** The mean gain that `words` hold becomes F at w: -gain + prior. */
double fz_optimizer_value(const fz_optimizer *o, const int64_t *words, const double *w);

#endif
