/* What importance sampling saves against the sum over all poses, and what it costs in likelihood. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/report.h"
#include "common/scoring.h"
#include "core/memory.h"
#include "estep/importance.h"
#include "io/cli/options.h"
#include "optim/schedule.h"

static const fz_command page = {
    .name = "bench_importance",
    .summary = "evaluations that importance sampling saves, and its error in likelihood",
    .description =
        "Simulates images of the phantom in memory and scores them by importance sampling at rising band limits, two "
        "visits at each, as a reconstruction does: the first visit of all sums every pose, later ones draw poses where "
        "the last posterior lay. At the last band limit, with proposals warm, it prints for each visit the poses and "
        "slices of an image, how many times fewer that is than the quadrature has (`saved`), the time of an E-step, "
        "and the error of the log-likelihood against the sum over all poses of the same quadrature, found by the "
        "direct engine for a few images: mean, standard deviation and the worst, in nats per image.\n"
        "\n"
        "The slides of Punjani and Brubaker name a speed-up of 100,000.",
    .examples = "  bench_importance --kmax 16 --json importance.json\n",
    .standalone = true};

typedef struct settings {
  const char *json;
  int64_t kmax, images, exact, repeats, box;
  double snr, finer, shift_range;
} settings;

enum { TILE = 16 }; /* as in a reconstruction */
/* Seconds per image: the direct engine's first sweep, a whole E-step of the other two. */
typedef struct others {
  double direct, polar, adaptive;
} others;

static fz_status create_direct(const fz_engine_setup *setup, fz_engine *engine) {
  fz_engine_setup frugal = *setup;
  frugal.cache_bytes = 0; /* its slices would not fit, and are used once */
  return fz_engine_direct_f32(&frugal, engine);
}

static const fz_bench_engine sampling = {"importance", FZ_ENGINE_IMPORTANCE, FZ_MARGINALIZATION_IMPORTANCE,
                                         fz_engine_importance_f32};
static const fz_bench_engine exhaustive = {"direct", FZ_ENGINE_DIRECT, FZ_MARGINALIZATION_EXHAUSTIVE, create_direct};

/* The sampling of a reconstruction that searches the whole range of shifts, with steps made `finer`. */
static fz_stage_spec spec_for(const settings *s, int box, int kmax) {
  fz_random r = fz_random_stream(1, FZ_PURPOSE_GRID_ROTATION, 0, (uint64_t)kmax);
  fz_stage_spec spec = {
      .turn = fz_rotation_random(&r), .n_classes = 1, .want = FZ_WANT_MOMENTS, .threads = 1, .seed = 1};
  fz_sampling_options o = {.shift_range_px = s->shift_range * box};
  fz_schedule_sampling(&o, box, kmax, false, &spec);
  if (s->finer == 1) return spec;
  int nside = (int)ceil(spec.directions.order * s->finer);
  o.shift_step_px = spec.shift_step_px / s->finer;
  o.angular_step_deg = 360.0 / (spec.n_psi * s->finer);
  fz_schedule_sampling(&o, box, kmax, false, &spec);
  spec.directions.order = nside;
  return spec;
}

/* What one visit of all images did. */
typedef struct visit {
  double poses, slices, seconds; /* per image */
  double full;                   /* images summed in full */
  double entropy;                /* mean */
} visit;

static fz_status visit_all(fz_bench_scoring *s, fz_bench_image_set *set, visit *v) {
  double images = 0, began = fz_bench_process_seconds();
  *v = (visit){0};
  *s->profile = (fz_engine_profile){0};
  fz_bench_scoring_reset(s);
  for (int t = 0; t < s->n_tiles; t++) {
    fz_status st = fz_bench_scoring_tile(s, 0, t, FZ_BENCH_ESTEP);
    if (st != FZ_OK) return st;
    for (int i = 0; i < s->tile[t].n; i++, images++) {
      const fz_tile_image *image = &s->tile[t].image[i];
      set->data.memory[image->particle] = image->memory;
      v->entropy += s->posterior[t * FZ_TILE_MOST + i].entropy;
    }
  }
  v->seconds = (fz_bench_process_seconds() - began) / images;
  v->poses = s->profile->scores / images;
  v->slices = s->profile->slices / images;
  v->full = s->profile->full_images;
  v->entropy /= images;
  fz_stage_learn(&s->stage, s->words);
  return FZ_OK;
}

/* Error of the gains of the first tiles' images, `exact` [images]. */
typedef struct deviation {
  double mean, sd, worst;
} deviation;

static deviation compare(const fz_bench_scoring *s, const double *exact, int images) {
  deviation d = {0};
  for (int i = 0, t = 0, k = 0; i < images; i++, k++) {
    if (k == s->tile[t].n) {
      k = 0;
      t++;
    }
    double apart = s->posterior[t * FZ_TILE_MOST + k].gain - exact[i];
    d.mean += apart / images;
    d.sd += apart * apart / images;
    d.worst = fabs(apart) > fabs(d.worst) ? apart : d.worst;
  }
  d.sd = sqrt(fmax(0, d.sd - d.mean * d.mean));
  return d;
}

/* The same images by an engine that needs no memory: seconds per image, and their gains if `gain` is given. */
static fz_status time_engine(const settings *s, fz_bench_image_set *set, const fz_stage_spec *spec,
                             const fz_bench_engine *engine, fz_bench_job job, double *gain, double *seconds,
                             fz_error *err) {
  fz_bench_scoring e;
  int tiles = (int)((s->exact + TILE - 1) / TILE), images = 0;
  fz_status st = fz_bench_scoring_open(set, spec, engine, tiles, false, &e, err);
  if (st != FZ_OK) return st;
  double began = fz_bench_process_seconds();
  for (int t = 0; t < e.n_tiles && st == FZ_OK; t++) {
    if (e.tile[t].n > s->exact - images) e.tile[t].n = (int)s->exact - images;
    st = fz_bench_scoring_tile(&e, 0, t, job);
    for (int i = 0; i < e.tile[t].n; i++, images++)
      if (gain) gain[images] = e.posterior[t * FZ_TILE_MOST + i].gain;
  }
  *seconds = (fz_bench_process_seconds() - began) / images;
  fz_bench_scoring_close(&e);
  return st;
}

/* Bring the memories up to the band limit: two visits each. */
static fz_status warm_up(const settings *s, fz_bench_image_set *set, fz_error *err) {
  visit v;
  fz_status st = FZ_OK;
  printf("warming up:");
  for (int kmax = 4; kmax < s->kmax && st == FZ_OK; kmax = (int)ceil(1.4 * kmax)) {
    fz_bench_scoring e;
    fz_stage_spec spec = spec_for(s, set->data.box, kmax);
    st = fz_bench_scoring_open(set, &spec, &sampling, (int)s->images, true, &e, err);
    if (st != FZ_OK) break;
    for (int i = 0; i < 2 && st == FZ_OK; i++) st = visit_all(&e, set, &v);
    printf(" %d", kmax);
    fflush(stdout);
    fz_bench_scoring_close(&e);
  }
  printf("\n");
  return st;
}

static void tell(const settings *s, fz_bench_report *report, const fz_bench_scoring *e, int number, const visit *v,
                 const deviation *d, const others *o) {
  double all = fz_bench_scoring_poses(e);
  fz_io_json row;
  printf("%5d %9.0f %8.0f %10.0f %8.2f %9.2f %8.1f", number, v->poses, v->slices, all / v->poses, v->entropy,
         1e3 * v->seconds, o->polar / v->seconds);
  printf(" %9.3f %7.3f %7.3f\n", d->mean, d->sd, d->worst);
  fz_io_json_begin(&row);
  fz_io_json_i64(&row, "kmax", s->kmax);
  fz_io_json_f64(&row, "finer", s->finer);
  fz_io_json_f64(&row, "snr", s->snr);
  fz_io_json_i64(&row, "visit", number);
  fz_io_json_f64(&row, "quadrature_poses", all);
  fz_io_json_f64(&row, "poses_per_image", v->poses);
  fz_io_json_f64(&row, "slices_per_image", v->slices);
  fz_io_json_f64(&row, "saved", all / v->poses);
  fz_io_json_f64(&row, "images_summed_in_full", v->full);
  fz_io_json_f64(&row, "mean_entropy", v->entropy);
  fz_io_json_f64(&row, "seconds_per_image", v->seconds);
  fz_io_json_f64(&row, "direct_sweep_seconds_per_image", o->direct);
  fz_io_json_f64(&row, "polar_seconds_per_image", o->polar);
  fz_io_json_f64(&row, "adaptive_seconds_per_image", o->adaptive);
  fz_io_json_i64(&row, "images_compared", s->exact);
  fz_io_json_f64(&row, "log_likelihood_error_mean", d->mean);
  fz_io_json_f64(&row, "log_likelihood_error_sd", d->sd);
  fz_io_json_f64(&row, "log_likelihood_error_worst", d->worst);
  fz_bench_report_add(report, &row);
}

static void tell_phases(const fz_engine_profile *p) {
  static const char *const name[FZ_PHASES] = {"load",    "products", "transforms", "epilogue",
                                              "adjoint", "scatter",  "slices"};
  double sum = 0;
  for (int i = 0; i < FZ_PHASES; i++) sum += p->seconds[i];
  printf("last visit:");
  for (int i = 0; i < FZ_PHASES; i++)
    if (p->seconds[i] > 0) printf(" %s %.0f %%", name[i], 100 * p->seconds[i] / sum);
  printf("\n");
}

static fz_status time_others(const settings *s, fz_bench_image_set *set, const fz_stage_spec *spec, double *exact,
                             others *o, fz_error *err) {
  const fz_bench_engine *polar = fz_bench_engine_find("polar"), *adaptive = fz_bench_engine_find("adaptive");
  fz_status st = time_engine(s, set, spec, &exhaustive, FZ_BENCH_FIRST_SWEEP, exact, &o->direct, err);
  if (st == FZ_OK) st = time_engine(s, set, spec, polar, FZ_BENCH_ESTEP, NULL, &o->polar, err);
  if (st == FZ_OK) st = time_engine(s, set, spec, adaptive, FZ_BENCH_ESTEP, NULL, &o->adaptive, err);
  printf(
      "seconds per image: all poses by the direct engine, first sweep, %.3g; E-step by the polar engine %.3g, "
      "with adaptive search %.3g\n",
      o->direct, o->polar, o->adaptive);
  return st;
}

static fz_status measure(const settings *s, fz_bench_image_set *set, fz_bench_report *report, fz_error *err) {
  fz_stage_spec spec = spec_for(s, set->data.box, (int)s->kmax);
  fz_bench_scoring e;
  others o;
  double *exact = fz_alloc(s->images, sizeof *exact);
  fz_status st = exact ? warm_up(s, set, err) : FZ_ENOMEM;
  if (st == FZ_OK) st = fz_bench_scoring_open(set, &spec, &sampling, (int)s->images, true, &e, err);
  if (st != FZ_OK) goto done;
  const fz_quadrature *q = &e.stage.quadrature;
  printf("kmax %d: %d directions x %d in-plane angles x %d shifts = %.3g poses\n", (int)s->kmax, q->n_directions,
         q->n_psi, q->n_shifts, fz_bench_scoring_poses(&e));
  fflush(stdout);
  st = time_others(s, set, &spec, exact, &o, err);
  printf("%5s %9s %8s %10s %8s %9s %8s %26s\n", "visit", "poses", "slices", "saved", "entropy", "ms/image", "x polar",
         "error: mean, sd, worst");
  for (int i = 0; i < s->repeats && st == FZ_OK; i++) {
    visit v;
    st = visit_all(&e, set, &v);
    if (st != FZ_OK) break;
    deviation d = compare(&e, exact, (int)s->exact);
    tell(s, report, &e, i + 1, &v, &d, &o);
  }
  if (st == FZ_OK) tell_phases(e.profile);
  fz_bench_scoring_close(&e);
done:
  fz_free(&exact);
  return st;
}

static fz_status run(fz_mpi *comm, const settings *s, fz_error *err) {
  fz_bench_machine machine = fz_bench_machine_look();
  fz_bench_report report = {0};
  fz_bench_image_set set = {0};
  fz_bench_simulated what = {.box = s->box ? (int)s->box : fz_work_box((int)s->kmax + (int)s->kmax / 4),
                             .n = (int)s->images,
                             .tile_size = TILE,
                             .snr = s->snr,
                             .seed = 1};
  fz_status st;
  if (s->images % (2 * TILE) || s->exact > s->images)
    return fz_fail(err, FZ_EINVAL, "--images: a multiple of %d, and at least --exact", 2 * TILE);
  printf("%s, %s; %d images of %d px, SNR %g\n", machine.processor, machine.instruction_set, what.n, what.box, s->snr);
  FZ_TRY(fz_bench_image_set_simulate(comm, &what, &set, err));
  FZ_TRY(fz_dataset_keep_memory(&set.data));
  FZ_TRY(measure(s, &set, &report, err));
  if (s->json) st = fz_bench_report_write(&report, s->json, "importance", &machine, fz_bench_sgemm_peak(2), err);
done:
  fz_bench_image_set_clear(&set);
  fz_bench_report_clear(&report);
  return st;
}

int main(int argc, char **argv) {
  settings s = {0};
  const fz_option table[] = {
      {"kmax", FZ_OPTION_INT, &s.kmax, .default_text = "32", .minimum = 5, .maximum = 128, .metavar = "N",
       .help = "Band limit in shells.", .group = "Measurement"},
      {"images", FZ_OPTION_INT, &s.images, .default_text = "32", .minimum = 8, .maximum = 4096, .metavar = "N",
       .help = "Images, a multiple of 32."},
      {"exact", FZ_OPTION_INT, &s.exact, .default_text = "16", .minimum = 1, .maximum = 4096, .metavar = "N",
       .help = "Of them, how many are also summed over all poses."},
      {"repeats", FZ_OPTION_INT, &s.repeats, .default_text = "6", .minimum = 1, .maximum = 100, .metavar = "N",
       .help = "Visits at the band limit."},
      {"json", FZ_OPTION_TEXT, &s.json, .metavar = "FILE", .help = "Write all figures to this file."},
      {"box", FZ_OPTION_INT, &s.box, .minimum = 0, .maximum = 1024, .metavar = "PIXELS", .group = "Images",
       .help = "Edge of the images. 0: 2.5 times the band limit."},
      {"snr", FZ_OPTION_REAL, &s.snr, .default_text = "0.05", .minimum = 1e-6, .maximum = 100, .metavar = "RATIO",
       .help = "Variance of the clean images over that of the noise."},
      {"finer", FZ_OPTION_REAL, &s.finer, .default_text = "1", .minimum = 0.5, .maximum = 8, .metavar = "F",
       .help = "Divide the steps of a reconstruction by this.", .group = "Quadrature"},
      {"shift-range", FZ_OPTION_REAL, &s.shift_range, .default_text = "0.1", .minimum = 0, .maximum = 0.5,
       .metavar = "RATIO", .help = "Largest displacement, in boxes."},
      {.name = NULL}};
  fz_parsed parsed = {0};
  fz_error err = {0};
  fz_status st = fz_options_parse(&page, table, argc, argv, true, &parsed, &err);
  if (st == FZ_OK && !parsed.help) {
    fz_mpi *comm = fz_mpi_start(&argc, &argv);
    st = run(comm, &s, &err);
    fz_mpi_finish(&comm);
  }
  if (st != FZ_OK) fprintf(stderr, "bench_importance: %s\n", err.text[0] ? err.text : fz_status_name(st));
  fz_parsed_clear(&parsed);
  return fz_status_exit_code(st);
}
