/* A whole reconstruction as a state machine: several random starts climb a ladder of band limits, the best one by
 * likelihood is refined with half-sets at rising band limits, and last the poses are improved by local search.
 *  One step is one update of the optimizer, one comparison, refinement or polishing pass; between steps the run can be
 *  written down and taken up again anywhere.  What is decided here depends on the data, the settings and the seed only.
 */
#ifndef FZ_OPTIM_RUN_H
#define FZ_OPTIM_RUN_H
#include "core/state.h"
#include "estep/dataset.h"
#include "estep/polish.h"
#include "estep/stage.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

enum { FZ_RUN_STARTS_MAX = 64, FZ_RUN_CLASSES_MAX = 32 };

typedef enum fz_run_phase { FZ_RUN_CLIMB, FZ_RUN_COMPARE, FZ_RUN_REFINE, FZ_RUN_POLISH, FZ_RUN_COMPLETE } fz_run_phase;

/* Who makes objectives of stages: mpi/ for real runs. The same on all ranks; collective. */
typedef struct fz_run_host {
  void *self;
  /** Open the stage; view and stage stay valid until close. inverse_tau2 [kmax + 2]. */
  fz_status (*open)(void *self, fz_dataset *data, const fz_stage_spec *spec, const double *inverse_tau2,
                    double mask_radius_px, const fz_objective **view, const fz_stage **stage, fz_error *err);
  void (*close)(void *self);
  /** From now on M-steps of the open stage may fail with FZ_ESTOPPED, or not. */
  void (*stop_in_mstep)(void *self, bool may);
  /** Local search of all poses (estep/polish.h). */
  fz_status (*polish)(void *self, fz_dataset *data, const fz_polish_spec *spec, fz_error *err);
  /** One verdict for all ranks about a step that each takes by itself (fz_mpi_agree). */
  fz_status (*agree)(void *self, fz_status st, fz_error *err);
  /* What a step has evaluated is the host's to keep: when evaluate or polish fails with FZ_ESTOPPED the same step is
   * begun again later, perhaps in another job, asks for the same in the same order, and finds what was done. */
  void (*begin_step)(void *self);
  void (*end_step)(void *self); /* it is complete */
  void (*scalars)(void *self, fz_state_list *list);
  fz_status (*restore)(void *self, fz_error *err); /* after the scalars were read: room for the arrays */
  void (*arrays)(void *self, fz_state_list *list);
} fz_run_host;

typedef struct fz_run_settings {
  uint64_t seed;
  int starts, most_starts; /* more than `starts` while the best two disagree */
  int n_classes, threads;
  fz_engine_kind engine;
  bool double_precision;
  fz_marginalization marginalization;
  int64_t cache_bytes;
  const fz_optimizer_kind *kind; /* of the ladder */
  fz_optimizer_options optimizer;
  fz_schedule schedule;
  fz_sampling_options sampling;
  int max_refine_passes;
  double annealing;      /* of the climb (estep/spectra.h), 0: none; it is taken back in the refinement */
  int annealed_passes;   /* that this takes, for estimates of time only */
  bool polish_poses;     /* in the end */
  const double *initial; /* [box]^3 a starting map instead of random ones, or NULL; borrowed */
  int initial_kmax;      /* band limit at which it is taken up */
} fz_run_settings;

/* How far the maps of the refinement can be trusted, as of the pass that made them: doubles, for checkpoints. */
enum { FZ_RUN_TRUST_NUMBERS = 4 };
typedef struct fz_run_trust {
  double reach;          /* band limit that they were solved for, shells */
  double shell;          /* to which the half-maps agree (FSC 0.143), and agree because of poses */
  double foretold_shell; /* to which the map should agree with the truth (FSC 0.5), with the views there are */
  double information;    /* that an image has of its pose, in the mean, nats */
} fz_run_trust;

enum { FZ_RUN_CURVES = 3 };

typedef struct fz_run {
  fz_run_settings settings; /* sampling.shift_range_px grows with the images' shifts */
  fz_dataset *data;         /* borrowed */
  fz_run_host host;
  const fz_objective *view; /* open stage, or NULL */
  const fz_stage *stage;
  int scored_half; /* whose grid of poses the open stage has */
  fz_optimizer *optimizer;

  /* The state. */
  int64_t phase;
  int64_t starts, start, rung; /* of the climb; starts: as many as are known to be needed */
  int64_t compared_from;       /* first of the starts that are compared; above 0: they climb further */
  int64_t pass, kmax;          /* of the refinement */
  int64_t climbing, halves;    /* 1: there is an optimizer, there are half-maps */
  int64_t all_shifts;          /* 1: shifts are looked for everywhere, not around the last ones */
  int64_t n_fsc;
  int64_t m, best_m; /* work box of w, of best_w; 0: none */
  double best_gain, second_gain;
  double likeness, agreed_shell; /* of the best two starts: mean correlation, shell (FSC 0.5); 0: not compared */
  double annealing;              /* present */
  double noise_change;           /* of the mean gain, from one pass to the next, by the noise alone */
  double cost_done;              /* in units of the cost model */
  double passes;                 /* cost-weighted: images evaluated / N, all starts and refinement together */
  double start_gain[FZ_RUN_STARTS_MAX];
  double *w;                           /* [n_classes][m]^3 */
  double *half[2];                     /* [n_classes][m]^3, of the half-sets, from the first refinement pass on */
  fz_run_trust now, better;            /* of these maps, of those kept */
  double *fsc, *fsc_turned, *foretold; /* one array, [3][n_classes][data->n_shells]: correlation of the half-maps, whole
                                          and without their rotational averages (model/shells.h); what they foretell of
                                          the truth (metrics/coverage.h); 0 beyond the band */
  /* In the climb, the best two starts: [n_classes][best_m]^3 each.  In the refinement best_w holds the maps before the
   * last pass, of all images and of the halves: [3][n_classes][best_m]^3. */
  double *best_w, *second_w;
  fz_image_state *best_state; /* [table->n] poses found with them */
  double *better_curves;      /* [3][n_classes][data->n_shells] as fsc */

  /* Of the last step, for reports. */
  double last_gain;
} fz_run;

/** calls local, same on all ranks. fails FZ_ENOMEM.  owns the caller: fz_run_clear */
fz_status fz_run_init(fz_run *run, const fz_run_settings *settings, fz_dataset *data, const fz_run_host *host,
                      fz_error *err);
void fz_run_clear(fz_run *run);

/** After the scalars have been read into a fresh run: allocate what fz_run_arrays will list, open the stage of an
 *  optimizer under way.  collective as host.open is.  fails FZ_ENOMEM */
fz_status fz_run_restore(fz_run *run, fz_error *err);
/** One step. FZ_ESTOPPED leaves the run as it was before the step, but for what the host keeps of it and the states of
 *  images that were evaluated.  collective as the host is; same on all ranks */
fz_status fz_run_step(fz_run *run, fz_error *err);

/** Scalars that say where the run stands, and the arrays of that place. Both are listed for writing. */
void fz_run_scalars(fz_run *run, fz_state_list *list);
void fz_run_arrays(fz_run *run, fz_state_list *list);

/** What is evaluated at a place of the run. */
fz_stage_spec fz_run_stage_spec(const fz_run_settings *s, int box, int64_t phase, int64_t start, int kmax);
/** Cost of one pass in the units of run->cost_done. */
double fz_run_cost_of_pass(const fz_run_settings *s, const fz_dataset *data, int64_t phase, int kmax);
/** Share of the whole run done, 0..1, by a cost model of image-pose evaluations. */
double fz_run_fraction(const fz_run *run);

#endif
