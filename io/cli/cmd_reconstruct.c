/* frazil reconstruct: options of the main job. */
#include <stdio.h>
#include <string.h>

#include "io/cli/command.h"
#include "io/cli/options.h"
#include "io/cli/reconstruct_command.h"
#include "io/cli/reconstruction.h"
#include "mpi/launch.h"

/* What was asked for is known to be possible before any data are read. */
static fz_status read_algorithm(fz_reconstruction_request *r, fz_error *err) {
  char batch[32];
  r->optimizer.options = fz_optimizer_options_default();
  r->optimizer.options.batch_images = 0; /* by step of the ladder */
  fz_status st = fz_optimizer_spec_parse(r->algorithm, &r->optimizer, err);
  snprintf(batch, sizeof batch, "%lld", (long long)r->batch);
  if (st == FZ_OK && r->batch) st = fz_optimizer_spec_set(&r->optimizer, "batch", batch, err);
  if (st == FZ_OK && strcmp(r->step, "auto") != 0) st = fz_optimizer_spec_set(&r->optimizer, "step", r->step, err);
  if (st == FZ_OK) return FZ_OK;
  fz_error why = *err;
  return fz_fail(err, st, "--algorithm %s: %s", r->algorithm, why.text);
}

enum { OPTIONS_MAX = 64 };

static const fz_command page = {
    .name = "reconstruct",
    .summary = "ab initio reconstruction or refinement from particle images",
    .description =
        "Finds the 3-D map of a molecule from images whose poses are unknown, by maximizing the likelihood with all "
        "poses marginalized. It starts from random low-resolution maps (or from --init MAP), climbs a ladder of "
        "resolutions with a stochastic optimizer, keeps the start with the highest likelihood, and refines it.\n\n"
        "Run it under mpirun or srun on any number of ranks: the result has the same bits on all of them. Progress is "
        "checkpointed in the run folder; after a kill, a signal (TERM, INT, USR1), --max-time or a file STOP in that "
        "folder the same command continues where it was. A finished run says so.\n\n"
        "It writes map.mrc, half1.mrc, half2.mrc, fsc.star, fsc.xml, fsc.png, slices.png, particles.star, "
        "metrics.jsonl, parameters.yaml, status.json, run.log. The half-maps are refined apart from the end of the "
        "climb on, so their correlation beyond that band limit is a gold standard; status.json says whether the map "
        "was "
        "found again (reproduced) or is uncertain, and why. The hand of an ab initio map is a coin toss.",
    .examples =
        "  frazil reconstruct --particles particles.star --output run1\n"
        "  mpirun -n 16 frazil reconstruct --particles particles.star --output run1 --starts 4 --seed 7\n"
        "  frazil reconstruct --particles particles.star --output run2 --init run1/map.mrc --max-resolution 15\n",
};

/* Options that are about doing a run. */
static bool about_doing(const char *name) {
  static const char *const names[] = {"fresh",    "dry-run",      "checkpoint-interval",
                                      "max-time", "max-excluded", "stall-limit"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (!strcmp(name, names[i])) return true;
  return false;
}

/* own, then those of reconstruct that only foresee a run. */
static void join_tables(const fz_option *own, const fz_option *table, fz_option *out) {
  int n = 0;
  const fz_option *at;
  for (at = table; at->name; at++) {
    if (about_doing(at->name)) continue;
    out[n] = *at;
    if (!strcmp(at->name, "output")) {
      out[n].required = false;
      out[n].help = "run folder to be: the file system it will be on is tried";
    }
    n++;
  }
  for (; own->name; own++) out[n++] = *own;
  FZ_ASSERT(n < OPTIONS_MAX);
  out[n] = (fz_option){.name = NULL};
}

fz_status fz_reconstruct_command(fz_mpi *comm, const fz_command *command, const fz_option *own,
                                 fz_reconstruct_action action, void *context, int argc, char **argv, fz_error *err) {
  fz_reconstruction_request r = {0};
  char algorithms[1600];
  snprintf(algorithms, sizeof algorithms,
           "optimizer of the climb from random maps, with options if need be, such as svrg-ii:step=0.1,memory=20; one "
           "of %s; doc/optimizers.md explains them, and --algorithm NAME:help tells the options of one",
           fz_optimizer_spec_names());
  const fz_option all[] = {
      {.name = "particles",
       .type = FZ_OPTION_TEXT,
       .target = &r.particles,
       .required = true,
       .metavar = "FILE",
       .help = "particle set: a STAR file (RELION 3.0 to 5) or a cryoSPARC .cs file",
       .group = "Input and output"},
      {.name = "output",
       .type = FZ_OPTION_TEXT,
       .target = &r.output,
       .required = true,
       .metavar = "DIR",
       .help = "run folder; made if absent, continued if it holds an unfinished run"},
      {.name = "fresh",
       .type = FZ_OPTION_FLAG,
       .target = &r.fresh,
       .help = "start over: forget the checkpoints in the run folder"},
      {.name = "config",
       .type = FZ_OPTION_TEXT,
       .target = &r.config,
       .metavar = "FILE",
       .help = "YAML file with any of these options, one 'name: value' per line; the command line wins"},
      {.name = "dry-run",
       .type = FZ_OPTION_FLAG,
       .target = &r.dry_run,
       .help = "read the data, print the plan with the memory per rank, and leave"},
      {.name = "seed",
       .type = FZ_OPTION_INT,
       .target = &r.seed,
       .default_text = "1",
       .minimum = 0,
       .maximum = 1e15,
       .metavar = "N",
       .help = "random numbers: the same seed gives the same bits",
       .group = "Search"},
      {.name = "starts",
       .type = FZ_OPTION_INT,
       .target = &r.starts,
       .default_text = "2",
       .minimum = 1,
       .maximum = FZ_RUN_STARTS_MAX,
       .metavar = "N",
       .help = "random starts; the one with the highest likelihood is kept, and compared with the second best"},
      {.name = "most-starts",
       .type = FZ_OPTION_INT,
       .target = &r.most_starts,
       .minimum = 0,
       .maximum = FZ_RUN_STARTS_MAX,
       .metavar = "N",
       .help =
           "further starts, one by one, while the best two are different maps, up to so many in all; 0: three times "
           "--starts, if that is more than one"},
      {.name = "init",
       .type = FZ_OPTION_TEXT,
       .target = &r.init,
       .default_text = "random",
       .metavar = "MAP",
       .help = "'random', or a map (MRC) in the images' box and grey scale to refine from"},
      {.name = "classes",
       .type = FZ_OPTION_INT,
       .target = &r.classes,
       .default_text = "1",
       .minimum = 1,
       .maximum = 32,
       .metavar = "K",
       .help = "number of maps that the particles are shared among"},
      {.name = "algorithm",
       .type = FZ_OPTION_TEXT,
       .target = &r.algorithm,
       .default_text = "sem",
       .metavar = "NAME[:...]",
       .help = algorithms},
      {.name = "batch",
       .type = FZ_OPTION_INT,
       .target = &r.batch,
       .minimum = 0,
       .maximum = 1e9,
       .metavar = "N",
       .help = "images per stochastic update; 0: by step of the ladder"},
      {.name = "step",
       .type = FZ_OPTION_TEXT,
       .target = &r.step,
       .default_text = "auto",
       .metavar = "ETA",
       .help = "step of algorithms that have one: auto, search (a line search) or a number"},
      {.name = "kmax-schedule",
       .type = FZ_OPTION_TEXT,
       .target = &r.schedule,
       .metavar = "LIST",
       .help = "band limits of the climb in shells with the passes at each, such as 3,4,6x2,8x4; without xN one pass, "
               "two at the last; automatic when not given"},
      {.name = "annealing",
       .type = FZ_OPTION_TEXT,
       .target = &r.annealing,
       .default_text = "auto",
       .metavar = "SHARE",
       .help = "share of the images' signal that counts as noise during the climb, so that poses stay undecided while "
               "the map is coarse; taken back to nothing over the first refinement passes: auto (by the data: none at "
               "low signal-to-noise ratio, all at high), off, or a number up to 1"},
      {.name = "max-resolution",
       .type = FZ_OPTION_REAL,
       .target = &r.max_resolution_A,
       .minimum = 0,
       .maximum = 1e4,
       .metavar = "A",
       .help = "finest resolution to go to; 0: Nyquist's, as far as the half-maps agree",
       .group = "Model"},
      {.name = "max-passes",
       .type = FZ_OPTION_INT,
       .target = &r.max_passes,
       .default_text = "40",
       .minimum = 1,
       .maximum = 1000,
       .metavar = "N",
       .help = "most refinement passes; fewer when the half-maps agree no further"},
      {.name = "mask-diameter",
       .type = FZ_OPTION_REAL,
       .target = &r.mask_diameter_A,
       .minimum = 0,
       .maximum = 1e5,
       .metavar = "A",
       .help = "diameter of the sphere that holds the particle; 0: 0.9 of the box"},
      {.name = "shift-range",
       .type = FZ_OPTION_REAL,
       .target = &r.shift_range_A,
       .minimum = 0,
       .maximum = 1e4,
       .metavar = "A",
       .help = "largest displacement of a particle from its box centre; 0: a tenth of the box",
       .group = "Pose sampling"},
      {.name = "shift-step",
       .type = FZ_OPTION_REAL,
       .target = &r.shift_step_A,
       .minimum = 0,
       .maximum = 1e3,
       .metavar = "A",
       .help = "step of the shift search; 0: a quarter of the resolution"},
      {.name = "angular-step",
       .type = FZ_OPTION_REAL,
       .target = &r.angular_step_deg,
       .minimum = 0,
       .maximum = 30,
       .metavar = "DEG",
       .help = "step of directions and in-plane angles; 0: from the resolution"},
      {.name = "directions",
       .type = FZ_OPTION_CHOICE,
       .target = &r.directions,
       .default_text = "healpix",
       .choices = "healpix|design",
       .help = "directions of projection: a HEALPix grid, or a spherical design of about as many points, which "
               "integrates all polynomials of its degree exactly; designs go to about shell 18"},
      {.name = "marginalization",
       .type = FZ_OPTION_CHOICE,
       .target = &r.marginalization,
       .default_text = "auto",
       .choices = "auto|exhaustive|adaptive|bounded|modal|importance",
       .help =
           "exhaustive: every pose counts by its probability; adaptive: coarse samplings at low resolution rule out "
           "poses first, the others count (polar engine, and what auto takes with it); bounded: only poses that are "
           "proved not to matter are left out (slower, to check "
           "adaptive); modal: only the best pose does "
           "(projection matching), "
           "and the gain is that of the best pose, not comparable with a marginal one; importance: in the refinement "
           "poses are drawn where the image's last posterior lay, and weighted; the climb is as with auto"},
      {.name = "engine",
       .type = FZ_OPTION_CHOICE,
       .target = &r.engine,
       .default_text = "auto",
       .choices = "auto|polar|direct",
       .help =
           "how poses are scored: polar, all in-plane angles at once on rings (auto takes it); direct, pose by pose "
           "on the lattice, 5 to 30 times slower, for comparison"},
      {.name = "polish-poses",
       .type = FZ_OPTION_FLAG,
       .target = &r.polish_poses,
       .default_text = "true",
       .help = "in the end improve each image's best pose by local search between the points of the grid (on; "
               "--polish-poses=false: keep those of the grid)"},
      {.name = "precision",
       .type = FZ_OPTION_CHOICE,
       .target = &r.precision,
       .default_text = "float",
       .choices = "float|double",
       .help = "arithmetic of the pose scores; double is for tests, and slower"},
      {.name = "threads",
       .type = FZ_OPTION_INT,
       .target = &r.threads,
       .minimum = 0,
       .maximum = 1024,
       .metavar = "N",
       .help = "OpenMP threads per rank; 0: OMP_NUM_THREADS, or this rank's share of the cores",
       .group = "Job"},
      {.name = "pose-blocks",
       .type = FZ_OPTION_INT,
       .target = &r.pose_blocks,
       .minimum = 0,
       .maximum = FZ_POSE_BLOCKS_MOST,
       .metavar = "N",
       .help = "most ranks that share the poses of one tile of images; 0: as many as keep all busy, so more when a "
               "batch is small"},
      {.name = "checkpoint-interval",
       .type = FZ_OPTION_REAL,
       .target = &r.checkpoint_interval,
       .default_text = "-1",
       .minimum = -1,
       .maximum = 1e6,
       .metavar = "SECONDS",
       .help = "time between checkpoints; 0: after every step; -1: automatic, 2 % of the time at most"},
      {.name = "max-time",
       .type = FZ_OPTION_REAL,
       .target = &r.max_time,
       .minimum = 0,
       .maximum = 1e8,
       .metavar = "SECONDS",
       .help = "stop with a checkpoint and exit code 75 after this time; 0: no limit"},
      {.name = "stall-limit",
       .type = FZ_OPTION_REAL,
       .target = &r.stall_limit,
       .default_text = "40",
       .minimum = 0,
       .maximum = 1e6,
       .metavar = "SECONDS",
       .help = "end the job when a rank gives no sign of life for so long, or does nothing and waits for no other: "
               "more where file systems pause for longer; 0: only when a rank has died"},
      {.name = "max-memory",
       .type = FZ_OPTION_REAL,
       .target = &r.max_memory_GB,
       .minimum = 0,
       .maximum = 1e5,
       .metavar = "GB",
       .help = "refuse to start when a rank would need more; 0: no limit"},
      {.name = "max-excluded",
       .type = FZ_OPTION_REAL,
       .target = &r.max_excluded_percent,
       .default_text = "1",
       .minimum = 0,
       .maximum = 100,
       .metavar = "PERCENT",
       .help = "stop when more images than this are unusable: not finite, constant, unreadable, in another scale"},
      {.name = NULL}};
  fz_option foreseen[OPTIONS_MAX];
  if (own) join_tables(own, all, foreseen);
  const fz_option *table = own ? foreseen : all;
  fz_parsed parsed = {0};
  bool first = fz_mpi_rank(comm) == 0;
  fz_status st = fz_mpi_agree(comm, fz_options_parse(command, table, argc, argv, first, &parsed, err), err);
  if (st == FZ_OK && !parsed.help) st = read_algorithm(&r, err);
  if (st == FZ_OK && !parsed.help) st = action(comm, &r, table, context, err);
  fz_parsed_clear(&parsed);
  return st;
}

static fz_status run(fz_mpi *comm, const fz_reconstruction_request *r, const fz_option *table, void *context,
                     fz_error *err) {
  (void)context;
  fz_mpi_launch_warn_alone(fz_mpi_size(comm));
  return fz_reconstruction_run(comm, r, table, err);
}

fz_status fz_cmd_reconstruct(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  return fz_reconstruct_command(comm, &page, NULL, run, NULL, argc, argv, err);
}
