#include "io/cli/reconstruction.h"

#include <math.h>
#include <omp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/progress.h"
#include "io/checkpoint.h"
#include "io/cli/job.h"
#include "io/cli/memory_plan.h"
#include "io/images.h"
#include "io/images_check.h"
#include "io/log.h"
#include "io/mrc.h"
#include "io/run_status.h"
#include "mpi/dataset.h"
#include "mpi/fault.h"
#include "mpi/memory.h"
#include "mpi/node.h"
#include "optim/run_verdict.h"

/* ---- opening the data ---- */

static fz_status open_images(fz_reconstruction *s, fz_error *err) {
  const fz_particles *table = fz_io_particles_table(s->particles);
  return fz_io_images_open(table, fz_memory_plan_images(table), &s->images, err);
}

/* Errors fail; warnings are told, one line for each kind. */
static fz_status judge_table(const fz_reconstruction *s, fz_error *err) {
  fz_io_findings *findings = fz_io_findings_create(true);
  if (!findings) return fz_fail(err, FZ_ENOMEM, "no memory");
  fz_status st = fz_io_particles_check(s->particles, findings, err);
  if (st == FZ_OK) st = fz_io_particles_check_box(s->particles, findings, err);
  if (st == FZ_OK) fz_io_findings_log_warnings(findings);
  fz_io_findings_destroy(&findings);
  return st;
}

fz_status fz_reconstruction_open_particles(fz_reconstruction *s, fz_error *err) {
  fz_progress_at(FZ_AT_READ);
  fz_mpi_stall(s->comm, "read");
  fz_status st = fz_io_particles_read(s->r->particles, &s->particles, err);
  FZ_TRY(fz_mpi_agree(s->comm, st, err));
  if (fz_mpi_rank(s->comm) == 0) st = judge_table(s, err);
  FZ_TRY(fz_mpi_agree(s->comm, st, err));
  st = open_images(s, err);
  st = fz_mpi_agree(s->comm, st, err);
done:
  return st;
}

static fz_status judge_images(const fz_reconstruction *s, const uint8_t *fault, fz_error *err) {
  const fz_io_images_seen seen = {.particles = s->particles,
                                  .images = &s->images,
                                  .table = fz_io_particles_table(s->particles),
                                  .fault = fault,
                                  .contrast = s->data.contrast,
                                  .max_excluded_percent = s->r->max_excluded_percent};
  fz_io_findings *findings = fz_io_findings_create(true);
  if (!findings) return fz_fail(err, FZ_ENOMEM, "no memory");
  fz_status st = fz_io_images_check(&seen, findings, err);
  if (st == FZ_OK) fz_io_findings_log_warnings(findings);
  fz_io_findings_destroy(&findings);
  return st;
}

/* From here on the set is what it would be if the file had only the usable particles. */
static fz_status exclude(fz_reconstruction *s, const uint8_t *fault, fz_error *err) {
  fz_status st = fz_io_particles_exclude(s->particles, fault, err);
  if (st != FZ_OK || !fz_io_particles_excluded(s->particles)) return st;
  fz_io_images_close(&s->images);
  st = open_images(s, err);
  s->data.table = fz_io_particles_table(s->particles);
  s->data.images = s->images;
  return st;
}

static fz_mpi_request ask(void *stop) {
  return fz_io_stop_requested(stop) ? FZ_STOP : FZ_GO_ON;
}

/* No stop is listened for by a dry run. */
static fz_mpi_pause pause_of(const fz_reconstruction *s) {
  return (fz_mpi_pause){s->stop ? ask : NULL, s->stop};
}

static fz_status look_at_images(fz_reconstruction *s, double radius, fz_error *err) {
  uint8_t *fault = fz_alloc((ptrdiff_t)fz_io_particles_table(s->particles)->n, 1);
  fz_status st = fault ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory");
  FZ_TRY(fz_mpi_agree(s->comm, st, err));
  FZ_TRY(fz_mpi_dataset_scan(s->comm, fz_io_particles_table(s->particles), &s->images, radius, pause_of(s), &s->data,
                             fault, err));
  if (fz_mpi_rank(s->comm) == 0) st = judge_images(s, fault, err);
  FZ_TRY(fz_mpi_agree(s->comm, st, err));
  FZ_TRY(fz_mpi_agree(s->comm, exclude(s, fault, err), err));
  if (fz_io_particles_excluded(s->particles))
    fz_log(FZ_LOG_INFO, "%lld of %lld particles are set aside; excluded.star will list them",
           (long long)fz_io_particles_excluded(s->particles),
           (long long)(s->data.table->n + fz_io_particles_excluded(s->particles)));
done:
  fz_free(&fault);
  return st;
}

static fz_status refuse_empty_half(const fz_reconstruction *s, fz_error *err) {
  int64_t size[2] = {0, 0};
  for (int64_t i = 0; i < s->data.table->n; i++)
    if (s->data.half[i] >= 0) size[s->data.half[i]]++;
  if (size[0] && size[1]) return FZ_OK;
  return fz_fail(err, FZ_EINPUT, "%s: half-set %d is empty: of %lld particles %lld are usable", s->r->particles,
                 size[0] ? 2 : 1, (long long)(s->data.n + fz_io_particles_excluded(s->particles)),
                 (long long)s->data.n);
}

fz_status fz_reconstruction_mask(const fz_reconstruction *s, double *radius, fz_error *err) {
  const fz_optics *optics = &fz_io_particles_table(s->particles)->optics[0];
  *radius =
      s->r->mask_diameter_A > 0 ? 0.5 * s->r->mask_diameter_A / optics->pixel_A : fz_io_mask_radius_px(s->images.box);
  if (*radius <= 0.5 * s->images.box - 1 && *radius >= 3) return FZ_OK;
  return fz_fail(err, FZ_EINVAL, "--mask-diameter %g: the box of %d px leaves room for %.0f to %.0f A",
                 s->r->mask_diameter_A, s->images.box, 6 * optics->pixel_A, (s->images.box - 2) * optics->pixel_A);
}

static fz_status open_dataset(fz_reconstruction *s, fz_error *err) {
  double radius;
  fz_status st = fz_reconstruction_mask(s, &radius, err);
  if (st != FZ_OK) return st;
  st = look_at_images(s, radius, err);
  if (st == FZ_OK)
    st = fz_mpi_agree(s->comm, fz_dataset_cut(&s->data, NULL, FZ_TILE_SIZE, (uint64_t)s->r->seed, err), err);
  return st == FZ_OK ? refuse_empty_half(s, err) : st;
}

fz_status fz_reconstruction_open_start_map(fz_reconstruction *s, fz_error *err) {
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

static fz_status plan_memory(fz_reconstruction *s, const fz_run_settings *set, fz_memory_plan *plan, fz_error *err) {
  const fz_memory_job job = {.ranks = fz_mpi_size(s->comm),
                             .ranks_per_node = fz_mpi_node_ranks(s->comm),
                             .base_bytes = s->base_bytes,
                             .table_bytes = (int64_t)fz_memory_bytes() - fz_io_images_count(&s->images).bytes,
                             .image_bytes = fz_memory_plan_images(s->data.table)};
  return fz_mpi_agree(s->comm, fz_memory_plan_make(set, &s->data, &job, plan, err), err);
}

static fz_status announce(fz_reconstruction *s, const fz_run_settings *set, fz_error *err) {
  fz_memory_plan plan;
  fz_status st = plan_memory(s, set, &plan, err);
  if (st != FZ_OK) return st;
  double GB = fz_mpi_report_max(s->comm, (double)plan.rank_bytes * 1e-9);
  fz_log(FZ_LOG_INFO, "%lld particles of %d px at %.4g A, %d optics group%s, band limit %.1f A (shell %d)",
         (long long)s->data.n, s->data.box, s->data.pixel_A, s->data.n_groups, s->data.n_groups > 1 ? "s" : "",
         s->data.box * s->data.pixel_A / set->schedule.kmax_limit, set->schedule.kmax_limit);
  fz_log(FZ_LOG_INFO, "%d rank%s x %d thread%s, algorithm %s, %d start%s, seed %lld; memory per rank up to %.3f GB",
         fz_mpi_size(s->comm), fz_mpi_size(s->comm) > 1 ? "s" : "", set->threads, set->threads > 1 ? "s" : "",
         set->kind->name, set->starts, set->starts > 1 ? "s" : "", (long long)set->seed, GB);
  fz_memory_plan_log(&plan);
  if (s->r->pose_blocks > fz_mpi_size(s->comm))
    fz_log(FZ_LOG_WARN, "--pose-blocks %lld: only %d rank%s can share a tile", (long long)s->r->pose_blocks,
           fz_mpi_size(s->comm), fz_mpi_size(s->comm) > 1 ? "s" : "");
  return fz_memory_plan_judge(s->comm, &plan, s->r->max_memory_GB, err);
}

/* ---- the job ---- */

static fz_status save_parameters(const fz_reconstruction *s, const fz_option *table, fz_error *err) {
  char what[60];
  snprintf(what, sizeof what, "reconstruct seed %lld", (long long)s->r->seed);
  return fz_options_save(table, s->r->output, what, s->parameters, err);
}

static void announce_result(fz_reconstruction *s) {
  double peak = (double)fz_mpi_memory_peak_bytes_max(s->comm) * 1e-9, A = s->data.box * s->data.pixel_A;
  fz_run_verdict v = fz_run_judge(&s->run);
  char claim[80] = "no resolution can be claimed";
  if (v.shell >= 1) snprintf(claim, sizeof claim, "resolution %.2f A (halves refined apart, FSC 0.143)", A / v.shell);
  fz_log(FZ_LOG_INFO, "done: %s/map.mrc, %s; %s; peak memory %.3f GB per rank", s->r->output, claim,
         v.reproduced ? "reproduced" : "UNCERTAIN", peak);
  if (!v.reproduced) fz_log(FZ_LOG_WARN, "the map is uncertain: %s", v.why);
}

static fz_status run_job(fz_reconstruction *s, const fz_run_settings *set, const fz_option *table, fz_error *err) {
  fz_job job = {.comm = s->comm,
                .run_dir = s->r->output,
                .particles = s->particles,
                .run = &s->run,
                .checkpoint_interval = s->r->checkpoint_interval,
                .parameters = s->parameters,
                .label = s->label};
  fz_status st;
  if (s->r->fresh) FZ_TRY(fz_io_checkpoint_discard(s->comm, s->r->output, err));
  bool finished;
  fz_progress_at(FZ_AT_PREPARE);
  FZ_TRY(fz_job_is_finished(&job, &finished, err));
  if (finished) {
    fz_log(FZ_LOG_INFO, "%s holds a finished run of these parameters; --fresh starts over", s->r->output);
    goto done;
  }
  if (fz_mpi_rank(s->comm) == 0) st = save_parameters(s, table, err);
  FZ_TRY(fz_mpi_agree(s->comm, st, err));
  job.stop = s->stop;
  s->host = (fz_mpi_run_host){.comm = s->comm, .pose_blocks = (int)s->r->pose_blocks};
  job.host = &s->host;
  fz_run_host host = fz_mpi_run_host_view(&s->host);
  st = fz_run_init(&s->run, set, &s->data, &host, err);
  FZ_TRY(fz_mpi_agree(s->comm, st, err));
  s->job_began = true;
  FZ_TRY(fz_job_run(&job, err));
  announce_result(s);
done:
  return st;
}

/* Results written over what they were made from could be neither repeated nor continued. */
static fz_status refuse_to_overwrite(const fz_reconstruction_request *r, fz_error *err) {
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

static void copy_log(fz_reconstruction *s) {
  char path[FZ_PATH_MAX];
  if (fz_mpi_rank(s->comm) != 0 || fz_io_path_join(path, s->r->output, "run.log", NULL) != FZ_OK) return;
  s->log = fopen(path, "a");
  if (s->log) fz_io_log_copy(s->log);
}

/* status.json is in step with the exit code, however early the end; of a finished run it stays as it is. */
static void tell_why(const fz_reconstruction *s, fz_status st, const fz_error *why) {
  fz_error unwritten = {0};
  char results[FZ_PATH_MAX];
  if (fz_mpi_rank(s->comm) != 0 || fz_io_path_join(results, s->r->output, "particles.star", NULL) != FZ_OK) return;
  if (access(results, F_OK) == 0) return;
  fz_io_run_status status = {.state = st == FZ_ESTOPPED ? FZ_RUN_STOPPED : FZ_RUN_FAILED,
                             .status = st,
                             .step = "reading the data",
                             .message = why->text,
                             .fraction = -1,
                             .seconds_left = -1,
                             .checkpoint = -1,
                             .ranks = fz_mpi_size(s->comm)};
  if (fz_io_run_status_write(s->r->output, &status, &unwritten) != FZ_OK) fz_log(FZ_LOG_WARN, "%s", unwritten.text);
}

static fz_status start_watchdog(fz_reconstruction *s, fz_error *err) {
  fz_io_watchdog_settings settings = {.limit = s->r->stall_limit,
                                      .apart = fz_mpi_any(s->comm, fz_mpi_fault(s->comm, "apart"))};
  return fz_io_watchdog_start(s->comm, &settings, &s->watchdog, err);
}

static void close_session(fz_reconstruction *s) {
  fz_io_watchdog_stop(&s->watchdog);
  fz_run_clear(&s->run);
  fz_io_stop_destroy(&s->stop);
  fz_dataset_clear(&s->data);
  fz_io_images_close(&s->images);
  fz_io_particles_destroy(&s->particles);
  fz_map_clear(&s->start_map);
  fz_free(&s->initial);
  fz_io_run_dir_close(&s->dir);
  if (s->log) {
    fz_io_log_copy(NULL);
    fclose(s->log);
  }
}

fz_status fz_reconstruction_run(fz_mpi *comm, const fz_reconstruction_request *r, const fz_option *table,
                                fz_error *err) {
  fz_reconstruction s = {.comm = comm, .r = r, .base_bytes = fz_mpi_memory_peak_bytes()};
  fz_run_settings settings;
  fz_status st;
  int threads = fz_reconstruction_threads(comm);
  s.threads = r->threads > 0 ? (int)r->threads : threads;
  omp_set_num_threads(s.threads); /* of the opening scan, too */
  /* Before anything is read: its time counts, and a request that comes meanwhile is heard. */
  if (!r->dry_run) FZ_TRY(fz_mpi_agree(comm, fz_io_stop_create(comm, r->output, r->max_time, &s.stop, err), err));
  FZ_TRY(start_watchdog(&s, err));
  FZ_TRY(fz_reconstruction_open_particles(&s, err));
  if (!r->dry_run) {
    FZ_TRY(fz_mpi_agree(comm, fz_mpi_rank(comm) == 0 ? refuse_to_overwrite(r, err) : FZ_OK, err));
    FZ_TRY(fz_io_run_dir_open(comm, r->output, &s.dir, err));
    copy_log(&s);
    FZ_TRY(fz_io_watchdog_attach(s.watchdog, r->output, err));
  }
  FZ_TRY(fz_mpi_agree(comm, open_dataset(&s, err), err));
  FZ_TRY(fz_reconstruction_open_start_map(&s, err));
  FZ_TRY(fz_mpi_agree(comm, fz_reconstruction_settings(&s, &settings, err), err));
  fz_reconstruction_parameters(&s, &settings);
  FZ_TRY(announce(&s, &settings, err));
  if (!r->dry_run) st = run_job(&s, &settings, table, err);
done:
  if (st != FZ_OK && s.dir && !s.job_began) tell_why(&s, st, err);
  close_session(&s);
  return st;
}
