/* Climbs of the voxel problem by several methods, judged alike: what is asked for and what was found. */
#ifndef FZ_BENCH_VOXELS_H
#define FZ_BENCH_VOXELS_H
#include <stdbool.h>

#include "common/image_set.h"
#include "io/cli/optimizer_spec.h"
#include "io/cli/options.h"
#include "model/map.h"
#include "optim/schedule.h"

enum { FZ_VOXELS_BUDGETS_MOST = 8, FZ_VOXELS_POINTS_MOST = 2000 };

typedef struct fz_voxels_settings {
  const char *particles, *truth, *ladder, *passes, *output;
  fz_option_list methods;
  int64_t seed, threads, box, images, batch;
  double snr, shift_range_A, every;
} fz_voxels_settings;

/* The state of a climb after so many passes. */
typedef struct fz_voxels_point {
  double passes, cpu_seconds; /* of the climb, all ranks and threads */
  int kmax;                   /* of the climb at that time */
  double nll, f;              /* nats per image above pure noise, at the last band limit; f: with the prior */
  double shell, resolution_A; /* where the FSC with the truth falls below 0.5 */
} fz_voxels_point;

typedef struct fz_voxels_climb {
  int n;                  /* points, rising in passes */
  fz_voxels_point *point; /* [FZ_VOXELS_POINTS_MOST] */
  fz_map map;             /* in the end, brought onto the truth; rank 0 alone has voxels */
  bool failed;
  char note[160]; /* why */
} fz_voxels_climb;

/* A line of the comparison, written [LABEL=]NAME[:OPTION=VALUE,...][/modal][/straight]. */
typedef struct fz_voxels_method {
  char label[48];
  fz_optimizer_spec optimizer;
  bool modal;                                    /* the best pose alone counts: projection matching */
  bool straight;                                 /* at the last band limit from the start */
  fz_voxels_climb climb[FZ_VOXELS_BUDGETS_MOST]; /* by budget */
} fz_voxels_method;

typedef struct fz_voxels {
  fz_mpi *comm;
  const fz_voxels_settings *settings;
  fz_bench_image_set set;
  fz_sampling_options sampling;
  int threads;
  fz_schedule schedule; /* the ladder; its passes are shares of a budget */
  int n_budgets, n_methods;
  double budget[FZ_VOXELS_BUDGETS_MOST]; /* rising */
  fz_voxels_method *method;              /* [n_methods] */
  struct fz_voxels_judge *judge;
} fz_voxels;

/** Read settings->passes, ladder and methods.  calls local.  fails FZ_EINVAL, FZ_ENOMEM */
fz_status fz_voxels_plan(fz_voxels *v, fz_error *err);
/** Whether the images, now open, allow the ladder. As above */
fz_status fz_voxels_check_plan(fz_voxels *v, fz_error *err);
int fz_voxels_last_kmax(const fz_voxels *v);

/** From the common start: as many passes as the budget has.  every: passes between points; 0: one at the end alone.
 *  A method that diverges is a finding, not a failure.  calls collective */
fz_status fz_voxels_run_climb(fz_voxels *v, const fz_voxels_method *method, double budget, double every,
                              fz_voxels_climb *climb, fz_error *err);

/** Files in settings->output: curves.csv, table.csv, table.md; curves.png, budgets.png, maps.png, maps/ *.mrc.
 *  calls local, rank 0.  fails FZ_EIO, FZ_ENOMEM */
fz_status fz_voxels_write_tables(const fz_voxels *v, fz_error *err);
fz_status fz_voxels_write_map(const fz_voxels *v, const fz_voxels_method *method, int budget, fz_error *err);
fz_status fz_voxels_draw(const fz_voxels *v, fz_error *err);
/** The name of a file there. fails FZ_EINVAL when it is too long */
fz_status fz_voxels_path(const fz_voxels *v, char *path, size_t size, const char *name, fz_error *err);

#endif
