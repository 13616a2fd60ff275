/* Optimizers side by side: a set of methods on one problem per seed, all from the same start, with a record of F, of
 * measures against the truth, of cost and of time.
 *  epochs  A method that evaluates all images now and then (a pass of EM, a snapshot) tells F at that point, with the
 *          cost before that evaluation; where nothing does, all images are evaluated once a pass outside of the count.
 *          Points of methods with FZ_SAFE_SNAPSHOTS where F is higher than at the last epoch, refused or not, are none.
 *  stop    two consecutive epochs differ in F by less than the tolerance (Paul 2024, 4.5.1), the passes are used up, or
 *          the method says that it diverges
 *  F*      the lowest F seen with a seed, by any method
 *  time    of the optimizer's steps alone */
#ifndef FZ_BENCH_EXPERIMENT_H
#define FZ_BENCH_EXPERIMENT_H
#include <stdio.h>

#include "common/report.h"
#include "mpi/comm.h"
#include "optim/optimizer.h"

typedef struct fz_experiment_problem {
  void *self;
  const fz_objective *f;
  const double *start; /* [f->dim] */
  /** Measures against the truth at w, [n_metrics] of the experiment. calls as f.  NULL: there are none */
  fz_status (*measure)(void *self, const double *w, double *metric, fz_error *err);
} fz_experiment_problem;

typedef struct fz_experiment_method {
  const char *label, *kind;     /* kind: of fz_optimizer_find */
  fz_optimizer_options options; /* its seed is added to the experiment's */
  double max_passes;            /* 0: the experiment's */
  const char *paper;            /* what a publication says of its passes, for the table; may be NULL */
} fz_experiment_method;

typedef struct fz_experiment {
  const char *name, *title;
  void *context;
  /** The problem of a seed, its data and its start. collective.  close: accepts a problem that did not open */
  fz_status (*open)(void *context, uint64_t seed, fz_experiment_problem *problem, fz_error *err);
  void (*close)(void *context, fz_experiment_problem *problem);
  const fz_experiment_method *method;
  int n_methods, n_metrics;
  const char *const *metric; /* names, [n_metrics] */
  uint64_t first_seed;
  int n_seeds;
  double max_passes;
  double tolerance;                      /* of the stop; 0: none */
  double target;                         /* of F - F*, whose cost the table tells; 0: none */
  bool measure_end;                      /* metrics are costly: at the last epoch only, elsewhere NAN */
  const fz_experiment_method *reference; /* run only for a lower F*; NULL: none */
} fz_experiment;

typedef enum fz_experiment_end { FZ_END_CONVERGED, FZ_END_PASSES, FZ_END_DIVERGED } fz_experiment_end;

typedef struct fz_experiment_point {
  double passes, seconds, cpu_seconds, value; /* cpu: of this rank's threads */
} fz_experiment_point;

/* One method with one seed. */
typedef struct fz_experiment_record {
  uint64_t seed;
  int method;
  fz_experiment_end end;
  char message[256];                   /* of a divergence */
  double passes, seconds, cpu_seconds; /* all that was spent */
  double lowest, best;                 /* lowest F of all its epochs; F* of the seed */
  ptrdiff_t n;                         /* epochs kept: all of the first hundreds, then every half a per cent */
  fz_experiment_point *point;          /* [n] */
  double *metric;                      /* [n][n_metrics] */
} fz_experiment_record;

typedef struct fz_experiment_result {
  int n; /* [seed][method] */
  fz_experiment_record *record;
} fz_experiment_result;

/** Run all methods with all seeds; rank 0 tells its progress on `out` (NULL: nowhere) and, after each seed, writes what
 *  there is so far to the folder `dir` (NULL: nothing is written), see fz_experiment_write.
 *  owns    result: the caller, fz_experiment_clear, also after a failure
 *  calls   collective.  fails FZ_EINVAL for an unknown kind or options that make no sense, before anything is run; as
 *          the problem; a method that diverges is recorded, and the others go on */
fz_status fz_experiment_run(fz_mpi *comm, const fz_experiment *e, const char *dir, FILE *out,
                            fz_experiment_result *result, fz_error *err);
void fz_experiment_clear(fz_experiment_result *result);

/** curves.csv, table.csv, table.md, convergence.png and convergence_seconds.png (log10 F - F* of the first seed),
 *  metrics.png (F and up to two metrics of the first seed).  Each is complete or as it was.  calls local */
fz_status fz_experiment_write(const fz_experiment *e, const fz_experiment_result *result, const char *dir,
                              fz_error *err);
/** The table as Markdown. */
void fz_experiment_print(const fz_experiment *e, const fz_experiment_result *result, FILE *out);
/** A row for each method and seed. */
void fz_experiment_report(const fz_experiment *e, const fz_experiment_result *result, fz_bench_report *report);

/** Passes at which F - F* first was at most `target`; INFINITY: never. */
double fz_experiment_passes_to(const fz_experiment_record *record, double target);

#endif
