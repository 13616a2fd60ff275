/* A reconstruction as asked for on the command line: data, settings, plan and job. */
#ifndef FZ_CLI_RECONSTRUCTION_H
#define FZ_CLI_RECONSTRUCTION_H
#include <stdbool.h>
#include <stdio.h>

#include "io/cli/optimizer_spec.h"
#include "io/cli/options.h"
#include "io/particles.h"
#include "io/run_dir.h"
#include "io/stop.h"
#include "io/watchdog.h"
#include "model/map.h"
#include "mpi/run_host.h"

enum { FZ_TILE_SIZE = 16 }; /* images */

/* The options' values; strings are borrowed, 0 asks for the automatic value. */
typedef struct fz_reconstruction_request {
  const char *particles, *output, *init, *algorithm, *precision, *schedule, *config, *directions, *marginalization,
      *engine, *step, *annealing;
  int64_t seed, starts, most_starts, classes, batch, max_passes, threads, pose_blocks;
  double max_resolution_A, mask_diameter_A, shift_range_A, shift_step_A, angular_step_deg;
  double checkpoint_interval, max_time, stall_limit, max_memory_GB, max_excluded_percent;
  bool dry_run, fresh, polish_poses;
  fz_optimizer_spec optimizer; /* from algorithm, batch, step */
} fz_reconstruction_request;

/* What is open while it runs; reconstruction.c owns it. */
typedef struct fz_reconstruction {
  fz_mpi *comm;
  const fz_reconstruction_request *r;
  fz_io_run_dir *dir;
  fz_io_particles *particles;
  fz_images images;
  fz_dataset data;
  fz_map start_map;
  double *initial;
  fz_io_stop *stop;
  fz_io_watchdog *watchdog;
  fz_mpi_run_host host;
  fz_run run;
  FILE *log;
  int64_t base_bytes;
  int threads;
  bool job_began;
  char parameters[4096], label[200];
} fz_reconstruction;

/** Do all of it: read, plan, run or resume, write.  `table` is echoed into parameters.yaml.
 *  calls   collective.  fails as fz_job_run does, and with FZ_EINVAL, FZ_EINPUT for options and data */
fz_status fz_reconstruction_run(fz_mpi *comm, const fz_reconstruction_request *r, const fz_option *table,
                                fz_error *err);

/** Threads of this rank when the user names none: OMP_NUM_THREADS, or its share of the node's cores. collective */
int fz_reconstruction_threads(fz_mpi *comm);
/** Settings of the run from the request and the opened data. local, same on all ranks. fails FZ_EINVAL, FZ_EINPUT */
fz_status fz_reconstruction_settings(fz_reconstruction *s, fz_run_settings *out, fz_error *err);
/** Fill s->parameters (all that the bits of the result depend on, one per line) and s->label. local */
void fz_reconstruction_parameters(fz_reconstruction *s, const fz_run_settings *set);

/* Steps of it, in this order. */
/** The table, judged, and its images.  collective */
fz_status fz_reconstruction_open_particles(fz_reconstruction *s, fz_error *err);
/** Radius of the mask in pixels.  local, after the particles.  fails FZ_EINVAL */
fz_status fz_reconstruction_mask(const fz_reconstruction *s, double *radius, fz_error *err);
/** --init MAP, after the data.  collective */
fz_status fz_reconstruction_open_start_map(fz_reconstruction *s, fz_error *err);

#endif
