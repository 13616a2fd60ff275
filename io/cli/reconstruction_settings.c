/* From options and data to the settings of a run. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/version.h"
#include "estep/spectra.h"
#include "io/cli/reconstruction.h"
#include "mpi/node.h"

enum { INITIAL_KMAX = 8, PASSES_MAX = 10000 };
static const int64_t SLICE_CACHE = (int64_t)384 << 20;

/* Unbound ranks see all cores of their node, bound ones only their own. collective */
int fz_reconstruction_threads(fz_mpi *comm) {
  int threads = omp_get_max_threads(), share = (int)sysconf(_SC_NPROCESSORS_ONLN) / fz_mpi_node_ranks(comm);
  if (getenv("OMP_NUM_THREADS")) return threads;
  return share < 1 ? 1 : share < threads ? share : threads;
}

static fz_status parse_ladder(const char *text, int limit, fz_schedule *schedule, fz_error *err) {
  long least = 3;
  schedule->n_ladder = schedule->n_further = 0;
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

/* The best two of three times as many starts may well agree where those of the first did not. */
static int most_starts(const fz_reconstruction_request *r) {
  int64_t most = r->most_starts ? r->most_starts : r->starts > 1 ? 3 * r->starts : 1;
  if (most > FZ_RUN_STARTS_MAX) most = FZ_RUN_STARTS_MAX;
  return (int)(most > r->starts ? most : r->starts);
}

static fz_marginalization marginalization_named(const char *name, fz_engine_kind engine) {
  if (!strcmp(name, "auto"))
    return engine == FZ_ENGINE_POLAR ? FZ_MARGINALIZATION_ADAPTIVE : FZ_MARGINALIZATION_EXHAUSTIVE;
  if (!strcmp(name, "importance")) return FZ_MARGINALIZATION_IMPORTANCE;
  if (!strcmp(name, "adaptive")) return FZ_MARGINALIZATION_ADAPTIVE;
  if (!strcmp(name, "bounded")) return FZ_MARGINALIZATION_BOUNDED;
  return strcmp(name, "modal") ? FZ_MARGINALIZATION_EXHAUSTIVE : FZ_MARGINALIZATION_MODAL;
}

/* Highest band limit, shells: Nyquist's, or the user's. */
static fz_status band_limit(const fz_reconstruction *s, int *limit, fz_error *err) {
  double box_A = s->data.box * s->data.pixel_A, asked = s->r->max_resolution_A;
  int nyquist = s->data.box / 2 - 1;
  *limit = nyquist;
  if (!(asked > 0)) return FZ_OK;
  double shell = box_A / asked;
  if (shell < 3 || shell > nyquist + 1)
    return fz_fail(err, FZ_EINVAL, "--max-resolution %g: these images allow %.1f to %.1f A", asked,
                   box_A / (nyquist + 1.0), box_A / 3);
  *limit = shell < nyquist ? (int)shell : nyquist;
  return FZ_OK;
}

static fz_status set_schedule(const fz_reconstruction *s, fz_schedule *out, fz_error *err) {
  int limit, reach = fz_spectra_reach(&s->data);
  fz_status st = band_limit(s, &limit, err);
  if (st != FZ_OK) return st;
  *out = fz_schedule_default(s->data.n, limit);
  if (reach < limit) out->kmax_foreseen = reach;
  return s->r->schedule ? parse_ladder(s->r->schedule, limit, out, err) : FZ_OK;
}

static fz_status set_annealing(const fz_reconstruction *s, fz_run_settings *out, fz_error *err) {
  const char *text = s->r->annealing;
  const fz_schedule *schedule = &out->schedule;
  if (!strcmp(text, "auto")) {
    out->annealing = fz_spectra_annealing(&s->data, schedule->ladder[schedule->n_ladder - 1].kmax);
  } else if (strcmp(text, "off")) {
    char *end;
    out->annealing = strtod(text, &end);
    if (end == text || *end || !(out->annealing >= 0 && out->annealing <= 1))
      return fz_fail(err, FZ_EINVAL, "--annealing %s: want auto, off, or a share of the signal from 0 to 1", text);
  }
  out->annealed_passes = fz_spectra_annealed_passes(&s->data, out->annealing);
  return FZ_OK;
}

static fz_status set_sampling(const fz_reconstruction *s, fz_run_settings *out, fz_error *err) {
  const fz_reconstruction_request *r = s->r;
  const fz_dataset *data = &s->data;
  double range = r->shift_range_A > 0 ? r->shift_range_A / data->pixel_A : 0.1 * data->box;
  if (range > data->box / 2.0)
    return fz_fail(err, FZ_EINVAL, "--shift-range %g: at most half a box, %g A", r->shift_range_A,
                   data->box * data->pixel_A / 2);
  out->sampling = (fz_sampling_options){
      .shift_range_px = range,
      .shift_step_px = r->shift_step_A / data->pixel_A,
      .angular_step_deg = r->angular_step_deg,
      .directions = strcmp(r->directions, "design") ? FZ_DIRECTIONS_HEALPIX : FZ_DIRECTIONS_DESIGN};
  return fz_schedule_check(&out->sampling, out->schedule.kmax_limit, err);
}

static fz_status check_settings(const fz_reconstruction *s, const fz_run_settings *out, fz_error *err) {
  bool search =
      out->marginalization == FZ_MARGINALIZATION_ADAPTIVE || out->marginalization == FZ_MARGINALIZATION_BOUNDED;
  if (search && out->engine == FZ_ENGINE_DIRECT)
    return fz_fail(err, FZ_EINVAL, "--marginalization %s needs the polar engine: leave out --engine direct",
                   s->r->marginalization);
  if (out->optimizer.batch_images > s->data.n)
    return fz_fail(err, FZ_EINVAL, "--batch %lld is larger than the data (%lld images)",
                   (long long)out->optimizer.batch_images, (long long)s->data.n);
  fz_optimizer_options trial = out->optimizer;
  if (!trial.batch_images) trial.batch_images = 1;
  return fz_optimizer_check(out->kind, &trial, s->data.n, 0, err);
}

fz_status fz_reconstruction_settings(fz_reconstruction *s, fz_run_settings *out, fz_error *err) {
  const fz_reconstruction_request *r = s->r;
  fz_engine_kind engine = strcmp(r->engine, "direct") ? FZ_ENGINE_POLAR : FZ_ENGINE_DIRECT;
  *out = (fz_run_settings){.seed = (uint64_t)r->seed,
                           .starts = s->initial ? 1 : (int)r->starts,
                           .most_starts = s->initial ? 1 : most_starts(r),
                           .n_classes = (int)r->classes,
                           .threads = s->threads,
                           .engine = engine,
                           .double_precision = !strcmp(r->precision, "double"),
                           .marginalization = marginalization_named(r->marginalization, engine),
                           .cache_bytes = SLICE_CACHE,
                           .kind = r->optimizer.kind,
                           .optimizer = r->optimizer.options,
                           .max_refine_passes = (int)r->max_passes,
                           .polish_poses = r->polish_poses,
                           .initial = s->initial,
                           .initial_kmax = INITIAL_KMAX};
  fz_status st = set_schedule(s, &out->schedule, err);
  if (st == FZ_OK) st = set_annealing(s, out, err);
  if (st == FZ_OK) st = set_sampling(s, out, err);
  return st == FZ_OK ? check_settings(s, out, err) : st;
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
               "frazil %s\nparticles %lld crc %08x usable %lld\nseed %lld\nstarts %d to %d\nannealing %.17g\nclasses "
               "%d\nalgorithm %s\n"
               "precision %s\ninit %s\nbatch %lld\nstep %s\nmask-diameter %g\nshift-range %g\nshift-step %g\n"
               "angular-step %g\ndirections %s\nmarginalization %s\nengine %s\nmax-passes %d\npolish-poses "
               "%d\nmax-shell %d\nladder",
               fz_version(), (long long)s->data.table->n, (unsigned)fingerprint(s->data.table), (long long)s->data.n,
               (long long)r->seed, set->starts, set->most_starts, set->annealing, set->n_classes, r->algorithm,
               r->precision, start, (long long)r->batch, r->step, 2 * s->data.mask_radius_px * pixel_A,
               set->sampling.shift_range_px * pixel_A, r->shift_step_A, r->angular_step_deg, r->directions,
               r->marginalization, strcmp(r->engine, "direct") ? "polar" : "direct", set->max_refine_passes,
               set->polish_poses, set->schedule.kmax_limit);
  for (int i = 0; i < set->schedule.n_ladder + set->schedule.n_further && used > 0 && (size_t)used < n; i++)
    used += snprintf(s->parameters + used, n - (size_t)used, " %dx%g", set->schedule.ladder[i].kmax,
                     set->schedule.ladder[i].passes);
  snprintf(s->label, sizeof s->label, "frazil %s (%s) reconstruct seed %lld", fz_version(), fz_git_revision(),
           (long long)r->seed);
}
