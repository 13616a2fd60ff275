/* frazil reconstruct: the main job. */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/version.h"
#include "io/checkpoint.h"
#include "io/cli/command.h"
#include "io/cli/job.h"
#include "io/cli/options.h"
#include "io/images.h"
#include "io/log.h"
#include "io/mrc.h"
#include "io/particles.h"
#include "io/run_dir.h"
#include "mpi/dataset.h"
#include "mpi/memory.h"
#include "mpi/node.h"
#include "mpi/run_host.h"

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
        "metrics.jsonl, parameters.yaml, status.json, run.log. The half-maps share poses, so their correlation is not "
        "a gold standard. The hand of an ab initio map is a coin toss.",
    .examples =
        "  frazil reconstruct --particles particles.star --output run1\n"
        "  mpirun -n 16 frazil reconstruct --particles particles.star --output run1 --starts 4 --seed 7\n"
        "  frazil reconstruct --particles particles.star --output run2 --init run1/map.mrc --max-resolution 15\n",
};

typedef struct request {
  const char *particles, *output, *init, *algorithm, *precision, *schedule, *config, *directions;
  int64_t seed, starts, classes, batch, max_passes, threads;
  double max_resolution_A, mask_diameter_A, shift_range_A, shift_step_A, angular_step_deg, step;
  double checkpoint_interval, max_time, max_memory_GB, max_excluded_percent;
  bool dry_run, fresh;
} request;

typedef struct session {
  fz_mpi *comm;
  const request *r;
  fz_io_run_dir *dir;
  fz_io_particles *particles;
  fz_images images;
  fz_dataset data;
  uint8_t *fault;
  fz_map start_map;
  double *initial;
  fz_io_stop *stop;
  fz_mpi_run_host host;
  fz_run run;
  FILE *log;
  int64_t base_bytes;
  int threads;
  char parameters[4096], label[200];
} session;

enum { TILE = 16, DEFAULT_LIMIT = 14, PASSES_MAX = 10000 };
static const int64_t IMAGE_CACHE = (int64_t)256 << 20, SLICE_CACHE = (int64_t)384 << 20;
/* What PETSc, HDF5, FFTW and the threads take once they are at work, over what starting the program took. */
static const int64_t LIBRARIES = (int64_t)20 << 20;

/* ---- settings ---- */

/* Unbound ranks see all cores of their node, bound ones only their own. collective */
static int default_threads(fz_mpi *comm) {
  int threads = omp_get_max_threads(), share = (int)sysconf(_SC_NPROCESSORS_ONLN) / fz_mpi_node_ranks(comm);
  if (getenv("OMP_NUM_THREADS")) return threads;
  return share < 1 ? 1 : share < threads ? share : threads;
}

static fz_status parse_ladder(const char *text, int limit, fz_schedule *schedule, fz_error *err) {
  long least = 3;
  schedule->n_ladder = 0;
  for (const char *at = text; *at;) {
    char *end;
    long kmax = strtol(at, &end, 10), passes = 0;
    bool valid = end != at && kmax >= least && kmax <= limit;
    if (*end == 'x') {
      at = end + 1;
      passes = strtol(at, &end, 10);
      valid = valid && end != at && passes >= 1 && passes <= PASSES_MAX;
    }
    if (!valid || (*end && (*end != ',' || !end[1])))
      return fz_fail(err, FZ_EINVAL,
                     "--kmax-schedule %s: want rising shells such as 3,4,6,8 or 3,4,6x2,8x4, from 3 to %d", text,
                     limit);
    if (schedule->n_ladder == FZ_SCHEDULE_MAX)
      return fz_fail(err, FZ_EINVAL, "--kmax-schedule: more than %d steps", FZ_SCHEDULE_MAX);
    if (!passes) passes = *end ? 1 : 2;
    schedule->ladder[schedule->n_ladder++] = (fz_schedule_step){(int)kmax, (double)passes, *end ? 100 : 200};
    least = kmax;
    at = *end ? end + 1 : end;
  }
  return schedule->n_ladder ? FZ_OK : fz_fail(err, FZ_EINVAL, "--kmax-schedule is empty");
}

static fz_status make_settings(session *s, fz_run_settings *out, fz_error *err) {
  const request *r = s->r;
  const fz_dataset *data = &s->data;
  int nyquist = data->box / 2 - 2, limit = nyquist < DEFAULT_LIMIT ? nyquist : DEFAULT_LIMIT;
  if (r->max_resolution_A > 0) {
    double shell = data->box * data->pixel_A / r->max_resolution_A;
    if (shell < 3 || shell > nyquist + 1)
      return fz_fail(err, FZ_EINVAL, "--max-resolution %g: these images allow %.1f to %.1f A", r->max_resolution_A,
                     data->box * data->pixel_A / (nyquist + 1.0), data->box * data->pixel_A / 3);
    limit = shell < nyquist ? (int)shell : nyquist;
  }
  *out = (fz_run_settings){.seed = (uint64_t)r->seed,
                           .starts = s->initial ? 1 : (int)r->starts,
                           .n_classes = (int)r->classes,
                           .threads = s->threads,
                           .double_precision = !strcmp(r->precision, "double"),
                           .cache_bytes = SLICE_CACHE,
                           .kind = fz_optimizer_find(r->algorithm),
                           .optimizer = fz_optimizer_options_default(),
                           .schedule = fz_schedule_default(data->n, limit),
                           .max_refine_passes = (int)r->max_passes,
                           .initial = s->initial,
                           .initial_kmax = 8};
  out->optimizer.batch_images = r->batch;
  if (r->step > 0) out->optimizer.step = r->step;
  if (r->batch > data->n)
    return fz_fail(err, FZ_EINVAL, "--batch %lld is larger than the data (%lld images)", (long long)r->batch,
                   (long long)data->n);
  double range = r->shift_range_A > 0 ? r->shift_range_A / data->pixel_A : 0.1 * data->box;
  if (range > data->box / 2.0)
    return fz_fail(err, FZ_EINVAL, "--shift-range %g: at most half a box, %g A", r->shift_range_A,
                   data->box * data->pixel_A / 2);
  out->sampling = (fz_sampling_options){
      .shift_range_px = range,
      .shift_step_px = r->shift_step_A / data->pixel_A,
      .angular_step_deg = r->angular_step_deg,
      .directions = strcmp(r->directions, "design") ? FZ_DIRECTIONS_HEALPIX : FZ_DIRECTIONS_DESIGN};
  fz_status st = fz_schedule_check(&out->sampling, limit, err);
  if (st != FZ_OK) return st;
  return r->schedule ? parse_ladder(r->schedule, limit, &out->schedule, err) : FZ_OK;
}

/* CRC of what the table says of the particles, field by field (structs have padding). */
static uint32_t fingerprint(const fz_particles *table) {
  uLong crc = crc32(0, NULL, 0);
  for (int64_t i = 0; i < table->n; i++) {
    const fz_particle *p = &table->particle[i];
    double ctf[] = {p->ctf.defocus_u_A,     p->ctf.defocus_v_A, p->ctf.defocus_angle_deg,
                    p->ctf.phase_shift_deg, p->ctf.b_factor_A2, p->ctf.scale};
    int64_t place[] = {p->optics, p->stack, p->slice, p->subset};
    crc = crc32(crc, (const Bytef *)ctf, sizeof ctf);
    crc = crc32(crc, (const Bytef *)place, sizeof place);
  }
  for (int g = 0; g < table->n_optics; g++) {
    const fz_optics *o = &table->optics[g];
    double optics[] = {o->voltage_kV, o->cs_mm, o->amplitude_contrast, o->pixel_A, o->box, o->has_ctf};
    crc = crc32(crc, (const Bytef *)optics, sizeof optics);
  }
  return (uint32_t)crc;
}

/* All that the bits of the result depend on, one per line, for checkpoints to compare. */
static void write_parameters(session *s, const fz_run_settings *set) {
  const request *r = s->r;
  const double pixel_A = s->data.pixel_A;
  size_t n = sizeof s->parameters;
  char start[40] = "random";
  if (s->initial) {
    ptrdiff_t bytes = (ptrdiff_t)sizeof *s->initial * s->data.box * s->data.box * s->data.box;
    snprintf(start, sizeof start, "map crc %08lx",
             crc32_z(crc32(0, NULL, 0), (const Bytef *)s->initial, (z_size_t)bytes));
  }
  int used =
      snprintf(s->parameters, n,
               "frazil %s\nparticles %lld crc %08x usable %lld\nseed %lld\nstarts %d\nclasses %d\nalgorithm %s\n"
               "precision %s\ninit %s\nbatch %lld\nstep %g\nmask-diameter %g\nshift-range %g\nshift-step %g\n"
               "angular-step %g\ndirections %s\nmax-passes %d\nmax-shell %d\nladder",
               fz_version(), (long long)s->data.table->n, (unsigned)fingerprint(s->data.table), (long long)s->data.n,
               (long long)r->seed, set->starts, set->n_classes, r->algorithm, r->precision, start, (long long)r->batch,
               set->optimizer.step, 2 * s->data.mask_radius_px * pixel_A, set->sampling.shift_range_px * pixel_A,
               r->shift_step_A, r->angular_step_deg, r->directions, set->max_refine_passes, set->schedule.kmax_limit);
  for (int i = 0; i < set->schedule.n_ladder && used > 0 && (size_t)used < n; i++)
    used += snprintf(s->parameters + used, n - (size_t)used, " %dx%g", set->schedule.ladder[i].kmax,
                     set->schedule.ladder[i].passes);
  snprintf(s->label, sizeof s->label, "frazil %s (%s) reconstruct seed %lld", fz_version(), fz_git_revision(),
           (long long)r->seed);
}

/* ---- opening the data ---- */

static fz_status open_particles(session *s, fz_error *err) {
  fz_status st = fz_io_particles_read(s->r->particles, &s->particles, err);
  FZ_TRY(fz_mpi_agree(s->comm, st, err));
  if (fz_mpi_rank(s->comm) == 0) st = fz_io_particles_require_supported(s->particles, err);
  FZ_TRY(fz_mpi_agree(s->comm, st, err));
  const fz_particles *table = fz_io_particles_table(s->particles);
  int64_t all = table->n * table->optics[0].box * table->optics[0].box * (int64_t)sizeof(float);
  st = fz_io_images_open(table, all < IMAGE_CACHE ? all : IMAGE_CACHE, &s->images, err);
  if (st == FZ_OK && !(s->fault = fz_alloc(table->n, 1))) st = fz_fail(err, FZ_ENOMEM, "no memory");
  st = fz_mpi_agree(s->comm, st, err);
done:
  return st;
}

static fz_status refuse_many_excluded(const session *s, fz_error *err) {
  int64_t bad = s->data.table->n - s->data.n, first = 0;
  if (!bad) return FZ_OK;
  while (!s->fault[first]) first++;
  const fz_particle *p = &s->data.table->particle[first];
  const char *stack = s->data.table->stack_path[p->stack];
  const char *why = s->fault[first] == FZ_IMAGE_NOT_FINITE ? "has pixels that are not finite numbers" : "is constant";
  if (100.0 * (double)bad > s->r->max_excluded_percent * (double)s->data.table->n)
    return fz_fail(err, FZ_EINPUT,
                   "%lld of %lld images are unusable, more than --max-excluded %g %%; the first is image %lld of %s "
                   "(%s line %lld), which %s",
                   (long long)bad, (long long)s->data.table->n, s->r->max_excluded_percent, (long long)p->slice + 1,
                   stack, s->r->particles, (long long)p->line, why);
  fz_log(FZ_LOG_WARN, "%lld unusable images are set aside (excluded.star); the first is image %lld of %s, which %s",
         (long long)bad, (long long)p->slice + 1, stack, why);
  return FZ_OK;
}

static fz_status refuse_empty_half(const session *s, fz_error *err) {
  int64_t size[2] = {0, 0};
  for (int64_t i = 0; i < s->data.table->n; i++)
    if (s->data.half[i] >= 0) size[s->data.half[i]]++;
  if (size[0] && size[1]) return FZ_OK;
  return fz_fail(err, FZ_EINPUT, "%s: half-set %d is empty: of %lld particles %lld are usable", s->r->particles,
                 size[0] ? 2 : 1, (long long)s->data.table->n, (long long)s->data.n);
}

static fz_status open_dataset(session *s, fz_error *err) {
  const fz_optics *optics = &fz_io_particles_table(s->particles)->optics[0];
  if (s->images.box < 12)
    return fz_fail(err, FZ_EINPUT, "%s: images of %d px are too small: at least 12 px", s->r->particles, s->images.box);
  double radius = s->r->mask_diameter_A > 0 ? 0.5 * s->r->mask_diameter_A / optics->pixel_A : 0.45 * s->images.box;
  if (radius > 0.5 * s->images.box - 1 || radius < 3)
    return fz_fail(err, FZ_EINVAL, "--mask-diameter %g: the box of %d px leaves room for %.0f to %.0f A",
                   s->r->mask_diameter_A, s->images.box, 6 * optics->pixel_A, (s->images.box - 2) * optics->pixel_A);
  fz_status st = fz_mpi_dataset_open(s->comm, fz_io_particles_table(s->particles), &s->images, radius, TILE,
                                     (uint64_t)s->r->seed, &s->data, s->fault, err);
  if (st == FZ_OK) st = refuse_many_excluded(s, err);
  return st == FZ_OK ? refuse_empty_half(s, err) : st;
}

static fz_status open_start_map(session *s, fz_error *err) {
  if (!strcmp(s->r->init, "random")) return FZ_OK;
  fz_status st = fz_io_map_read(s->r->init, &s->start_map, err);
  if (st == FZ_OK && s->start_map.n != s->data.box)
    st = fz_fail(err, FZ_EINPUT, "%s: its box is %d, the images have %d", s->r->init, s->start_map.n, s->data.box);
  ptrdiff_t n3 = (ptrdiff_t)s->data.box * s->data.box * s->data.box, k = (ptrdiff_t)s->r->classes;
  if (st == FZ_OK && !(s->initial = fz_alloc(n3, sizeof *s->initial)))
    st = fz_fail(err, FZ_ENOMEM, "no memory for the starting map");
  for (ptrdiff_t i = 0; st == FZ_OK && i < n3; i++) s->initial[i] = s->start_map.voxel[i];
  if (st == FZ_OK && k > 1)
    st = fz_fail(err, FZ_EINVAL, "--init MAP with --classes %lld: give --init random", (long long)k);
  return fz_mpi_agree(s->comm, st, err);
}

/* ---- the plan ---- */

/* The most that this rank will hold: what it holds now and what is to come, as files are written last. */
static int64_t memory_needed(const session *s, const fz_run_settings *set) {
  int64_t n3 = (int64_t)s->data.box * s->data.box * s->data.box;
  int64_t results = 8 * n3 * (3 * set->n_classes + 3), run = fz_run_bytes(set, &s->data, fz_mpi_size(s->comm));
  int64_t bytes = s->base_bytes + LIBRARIES + (int64_t)fz_memory_bytes() + (results > run ? results : run);
  int64_t scan = fz_mpi_memory_peak_bytes();
  return bytes > scan ? bytes : scan;
}

static fz_status announce(session *s, const fz_run_settings *set, fz_error *err) {
  double GB = fz_mpi_report_max(s->comm, (double)memory_needed(s, set) * 1e-9);
  fz_log(FZ_LOG_INFO, "%lld particles of %d px at %.4g A, %d optics group%s, band limit %.1f A (shell %d)",
         (long long)s->data.n, s->data.box, s->data.pixel_A, s->data.n_groups, s->data.n_groups > 1 ? "s" : "",
         s->data.box * s->data.pixel_A / set->schedule.kmax_limit, set->schedule.kmax_limit);
  fz_log(FZ_LOG_INFO, "%d rank%s x %d thread%s, algorithm %s, %d start%s, seed %lld; memory per rank up to %.3f GB",
         fz_mpi_size(s->comm), fz_mpi_size(s->comm) > 1 ? "s" : "", set->threads, set->threads > 1 ? "s" : "",
         set->kind->name, set->starts, set->starts > 1 ? "s" : "", (long long)set->seed, GB);
  if (s->r->max_memory_GB > 0 && GB > s->r->max_memory_GB)
    return fz_fail(err, FZ_EINVAL,
                   "the run needs %.3f GB per rank, --max-memory allows %.3f: lower --max-resolution, --classes or "
                   "--threads",
                   GB, s->r->max_memory_GB);
  return FZ_OK;
}

/* ---- the job ---- */

static bool wants_stop(void *context) {
  return fz_io_stop_requested(context);
}

static fz_status write_yaml(const session *s, const fz_option *table, fz_error *err) {
  char path[FZ_PATH_MAX], *text = NULL;
  size_t n = 0;
  FILE *stream = open_memstream(&text, &n);
  if (!stream) return fz_fail(err, FZ_ENOMEM, "no memory for parameters.yaml");
  fprintf(stream, "# %s\n", s->label);
  fz_status st = fz_options_write_yaml(table, stream);
  fprintf(stream, "\n# The result depends on:\n");
  for (const char *c = s->parameters; *c; c++) {
    if (c == s->parameters || c[-1] == '\n') fputs("#   ", stream);
    fputc(*c, stream);
  }
  fputc('\n', stream);
  fclose(stream);
  if (st == FZ_OK) st = fz_io_path_join(path, s->r->output, "parameters.yaml", err);
  if (st == FZ_OK) st = fz_io_write_atomic(path, text, (int64_t)n, err);
  free(text);
  return st;
}

static fz_status run_job(session *s, const fz_run_settings *set, const fz_option *table, fz_error *err) {
  fz_job job = {.comm = s->comm,
                .run_dir = s->r->output,
                .particles = s->particles,
                .fault = s->fault,
                .run = &s->run,
                .checkpoint_interval = s->r->checkpoint_interval,
                .parameters = s->parameters,
                .label = s->label};
  fz_status st;
  if (s->r->fresh) FZ_TRY(fz_io_checkpoint_discard(s->comm, s->r->output, err));
  bool finished;
  FZ_TRY(fz_job_is_finished(&job, &finished, err));
  if (finished) {
    fz_log(FZ_LOG_INFO, "%s holds a finished run of these parameters; --fresh starts over", s->r->output);
    goto done;
  }
  if (fz_mpi_rank(s->comm) == 0) st = write_yaml(s, table, err);
  FZ_TRY(fz_mpi_agree(s->comm, st, err));
  job.stop = s->stop;
  s->host = (fz_mpi_run_host){.comm = s->comm, .stop = wants_stop, .stop_context = s->stop};
  fz_run_host host = fz_mpi_run_host_view(&s->host);
  st = fz_run_init(&s->run, set, &s->data, &host, err);
  FZ_TRY(fz_mpi_agree(s->comm, st, err));
  FZ_TRY(fz_job_run(&job, err));
  double peak = (double)fz_mpi_memory_peak_bytes_max(s->comm) * 1e-9;
  fz_log(FZ_LOG_INFO,
         "done: %s/map.mrc, half-maps part at %.2f A (FSC 0.143, not gold standard); peak memory %.3f GB per rank",
         s->r->output, s->data.box * s->data.pixel_A / s->run.best_shell, peak);
done:
  return st;
}

/* Results written over what they were made from could be neither repeated nor continued. */
static fz_status refuse_to_overwrite(const request *r, fz_error *err) {
  static const char *const results[] = {"particles.star", "excluded.star", "map.mrc", "half1.mrc", "half2.mrc"};
  const char *const inputs[] = {r->particles, r->init};
  for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
    for (size_t k = 0; k < sizeof results / sizeof results[0]; k++) {
      char path[FZ_PATH_MAX];
      struct stat input, result;
      fz_status st = fz_io_path_join(path, r->output, results[k], err);
      if (st != FZ_OK) return st;
      if (stat(inputs[i], &input) != 0 || stat(path, &result) != 0) continue;
      if (input.st_dev == result.st_dev && input.st_ino == result.st_ino)
        return fz_fail(err, FZ_EINVAL, "%s is an input, and --output %s would overwrite it: choose another folder",
                       inputs[i], r->output);
    }
  return FZ_OK;
}

static void copy_log(session *s) {
  char path[FZ_PATH_MAX];
  if (fz_mpi_rank(s->comm) != 0 || fz_io_path_join(path, s->r->output, "run.log", NULL) != FZ_OK) return;
  s->log = fopen(path, "a");
  if (s->log) fz_io_log_copy(s->log);
}

static void close_session(session *s) {
  fz_run_clear(&s->run);
  fz_io_stop_destroy(&s->stop);
  fz_dataset_clear(&s->data);
  fz_io_images_close(&s->images);
  fz_io_particles_destroy(&s->particles);
  fz_map_clear(&s->start_map);
  fz_free(&s->initial);
  fz_free(&s->fault);
  fz_io_run_dir_close(&s->dir);
  if (s->log) {
    fz_io_log_copy(NULL);
    fclose(s->log);
  }
}

static fz_status reconstruct(fz_mpi *comm, const request *r, const fz_option *table, fz_error *err) {
  session s = {.comm = comm, .r = r, .base_bytes = fz_mpi_memory_peak_bytes()};
  fz_run_settings settings;
  fz_status st;
  int threads = default_threads(comm);
  s.threads = r->threads > 0 ? (int)r->threads : threads;
  omp_set_num_threads(s.threads); /* of the opening scan, too */
  FZ_TRY(open_particles(&s, err));
  if (!r->dry_run) {
    FZ_TRY(fz_mpi_agree(comm, fz_mpi_rank(comm) == 0 ? refuse_to_overwrite(r, err) : FZ_OK, err));
    FZ_TRY(fz_io_run_dir_open(comm, r->output, &s.dir, err));
    copy_log(&s);
    /* Before the scan: its time counts, and a request that comes meanwhile is heard. */
    FZ_TRY(fz_mpi_agree(comm, fz_io_stop_create(comm, r->output, r->max_time, &s.stop, err), err));
  }
  FZ_TRY(fz_mpi_agree(comm, open_dataset(&s, err), err));
  FZ_TRY(open_start_map(&s, err));
  FZ_TRY(fz_mpi_agree(comm, make_settings(&s, &settings, err), err));
  write_parameters(&s, &settings);
  FZ_TRY(announce(&s, &settings, err));
  if (!r->dry_run) st = run_job(&s, &settings, table, err);
done:
  close_session(&s);
  return st;
}

fz_status fz_cmd_reconstruct(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  request r = {0};
  char algorithms[200] = "";
  for (int i = 0; fz_optimizer_at(i); i++) {
    if (i) strcat(algorithms, "|");
    strcat(algorithms, fz_optimizer_at(i)->name);
  }
  const fz_option table[] = {
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
       .help = "random starts; the one with the highest likelihood is kept"},
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
       .type = FZ_OPTION_CHOICE,
       .target = &r.algorithm,
       .default_text = "sem",
       .choices = algorithms,
       .help = "optimizer of the climb from random maps (see doc/optimizers.md)"},
      {.name = "batch",
       .type = FZ_OPTION_INT,
       .target = &r.batch,
       .minimum = 0,
       .maximum = 1e9,
       .metavar = "N",
       .help = "images per stochastic update; 0: by step of the ladder"},
      {.name = "step",
       .type = FZ_OPTION_REAL,
       .target = &r.step,
       .minimum = 0,
       .maximum = 1,
       .metavar = "ETA",
       .help = "step size of sgd and svrg, averaging rate of sem-vr; 0: the default, 0.3"},
      {.name = "kmax-schedule",
       .type = FZ_OPTION_TEXT,
       .target = &r.schedule,
       .metavar = "LIST",
       .help = "band limits of the climb in shells with the passes at each, such as 3,4,6x2,8x4; without xN one pass, "
               "two at the last; automatic when not given"},
      {.name = "max-resolution",
       .type = FZ_OPTION_REAL,
       .target = &r.max_resolution_A,
       .minimum = 0,
       .maximum = 1e4,
       .metavar = "A",
       .help = "finest resolution to go to; 0: shell 14, where ab initio search ends",
       .group = "Model"},
      {.name = "max-passes",
       .type = FZ_OPTION_INT,
       .target = &r.max_passes,
       .default_text = "10",
       .minimum = 1,
       .maximum = 1000,
       .metavar = "N",
       .help = "most refinement passes; fewer when the half-maps stop improving"},
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
       .help = "stop when more images than this are unusable (not finite, constant)"},
      {.name = NULL}};
  fz_parsed parsed = {0};
  bool first = fz_mpi_rank(comm) == 0;
  fz_status st = fz_mpi_agree(comm, fz_options_parse(&page, table, argc, argv, first, &parsed, err), err);
  if (st == FZ_OK && !parsed.help) st = reconstruct(comm, &r, table, err);
  fz_parsed_clear(&parsed);
  return st;
}
