/* From options and data to the settings of a run. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/version.h"
#include "io/cli/reconstruction.h"
#include "mpi/node.h"

enum { LEAST_LIMIT = 8, PASSES_MAX = 10000 };
static const int64_t SLICE_CACHE = (int64_t)384 << 20;

/* Unbound ranks see all cores of their node, bound ones only their own. collective */
int fz_reconstruction_threads(fz_mpi *comm) {
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

static fz_marginalization marginalization_named(const char *name, fz_engine_kind engine) {
  if (!strcmp(name, "auto"))
    return engine == FZ_ENGINE_POLAR ? FZ_MARGINALIZATION_ADAPTIVE : FZ_MARGINALIZATION_EXHAUSTIVE;
  if (!strcmp(name, "importance")) return FZ_MARGINALIZATION_IMPORTANCE;
  if (!strcmp(name, "adaptive")) return FZ_MARGINALIZATION_ADAPTIVE;
  if (!strcmp(name, "bounded")) return FZ_MARGINALIZATION_BOUNDED;
  return strcmp(name, "modal") ? FZ_MARGINALIZATION_EXHAUSTIVE : FZ_MARGINALIZATION_MODAL;
}

fz_status fz_reconstruction_settings(fz_reconstruction *s, fz_run_settings *out, fz_error *err) {
  const fz_reconstruction_request *r = s->r;
  const fz_dataset *data = &s->data;
  int nyquist = data->box / 2 - 2, limit = fz_dataset_reach(data);
  if (limit < LEAST_LIMIT) limit = LEAST_LIMIT;
  if (limit > nyquist) limit = nyquist;
  if (r->max_resolution_A > 0) {
    double shell = data->box * data->pixel_A / r->max_resolution_A;
    if (shell < 3 || shell > nyquist + 1)
      return fz_fail(err, FZ_EINVAL, "--max-resolution %g: these images allow %.1f to %.1f A", r->max_resolution_A,
                     data->box * data->pixel_A / (nyquist + 1.0), data->box * data->pixel_A / 3);
    limit = shell < nyquist ? (int)shell : nyquist;
  }
  fz_engine_kind engine = strcmp(r->engine, "direct") ? FZ_ENGINE_POLAR : FZ_ENGINE_DIRECT;
  *out = (fz_run_settings){.seed = (uint64_t)r->seed,
                           .starts = s->initial ? 1 : (int)r->starts,
                           .n_classes = (int)r->classes,
                           .threads = s->threads,
                           .engine = engine,
                           .double_precision = !strcmp(r->precision, "double"),
                           .marginalization = marginalization_named(r->marginalization, engine),
                           .cache_bytes = SLICE_CACHE,
                           .kind = r->optimizer.kind,
                           .optimizer = r->optimizer.options,
                           .schedule = fz_schedule_default(data->n, limit),
                           .max_refine_passes = (int)r->max_passes,
                           .polish_poses = r->polish_poses,
                           .initial = s->initial,
                           .initial_kmax = 8};
  bool search =
      out->marginalization == FZ_MARGINALIZATION_ADAPTIVE || out->marginalization == FZ_MARGINALIZATION_BOUNDED;
  if (search && out->engine == FZ_ENGINE_DIRECT)
    return fz_fail(err, FZ_EINVAL, "--marginalization %s needs the polar engine: leave out --engine direct",
                   r->marginalization);
  if (out->optimizer.batch_images > data->n)
    return fz_fail(err, FZ_EINVAL, "--batch %lld is larger than the data (%lld images)",
                   (long long)out->optimizer.batch_images, (long long)data->n);
  fz_optimizer_options trial = out->optimizer;
  if (!trial.batch_images) trial.batch_images = 1;
  fz_status st = fz_optimizer_check(out->kind, &trial, data->n, 0, err);
  if (st != FZ_OK) return st;
  double range = r->shift_range_A > 0 ? r->shift_range_A / data->pixel_A : 0.1 * data->box;
  if (range > data->box / 2.0)
    return fz_fail(err, FZ_EINVAL, "--shift-range %g: at most half a box, %g A", r->shift_range_A,
                   data->box * data->pixel_A / 2);
  out->sampling = (fz_sampling_options){
      .shift_range_px = range,
      .shift_step_px = r->shift_step_A / data->pixel_A,
      .angular_step_deg = r->angular_step_deg,
      .directions = strcmp(r->directions, "design") ? FZ_DIRECTIONS_HEALPIX : FZ_DIRECTIONS_DESIGN};
  st = fz_schedule_check(&out->sampling, limit, err);
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
void fz_reconstruction_parameters(fz_reconstruction *s, const fz_run_settings *set) {
  const fz_reconstruction_request *r = s->r;
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
               "precision %s\ninit %s\nbatch %lld\nstep %s\nmask-diameter %g\nshift-range %g\nshift-step %g\n"
               "angular-step %g\ndirections %s\nmarginalization %s\nengine %s\nmax-passes %d\npolish-poses "
               "%d\nmax-shell %d\nladder",
               fz_version(), (long long)s->data.table->n, (unsigned)fingerprint(s->data.table), (long long)s->data.n,
               (long long)r->seed, set->starts, set->n_classes, r->algorithm, r->precision, start, (long long)r->batch,
               r->step, 2 * s->data.mask_radius_px * pixel_A, set->sampling.shift_range_px * pixel_A, r->shift_step_A,
               r->angular_step_deg, r->directions, r->marginalization, strcmp(r->engine, "direct") ? "polar" : "direct",
               set->max_refine_passes, set->polish_poses, set->schedule.kmax_limit);
  for (int i = 0; i < set->schedule.n_ladder && used > 0 && (size_t)used < n; i++)
    used += snprintf(s->parameters + used, n - (size_t)used, " %dx%g", set->schedule.ladder[i].kmax,
                     set->schedule.ladder[i].passes);
  snprintf(s->label, sizeof s->label, "frazil %s (%s) reconstruct seed %lld", fz_version(), fz_git_revision(),
           (long long)r->seed);
}
