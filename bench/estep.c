/* Scores per second and core of the scoring engines, alone and as a whole E-step. */
#include <stdio.h>
#include <stdlib.h>

#include "estep/bench.h"
#include "io/cli/options.h"

static const fz_command page = {
    .name = "bench_estep",
    .summary = "scores per second and core of the scoring engines",
    .description =
        "Simulates images of the phantom in memory and times every engine on them, one thread each: the first sweep "
        "(all scores, with norm term, maximum and sum of exponentials) and the whole E-step (that, and a second sweep "
        "for posterior weights and statistics), once with a broad and once with a concentrated posterior. The engines "
        "take turns; rates are medians over the repetitions, ratios are medians of the ratios within a repetition. "
        "`plain` is one matrix product of shifted images by slices at every in-plane angle, a yardstick; `adaptive` is "
        "the "
        "polar engine after a search that rules poses out, which count as scored. "
        "Times are processor seconds, without the making of slices. `share` is exp(entropy) over the number of poses; "
        "`effective` are the Gflop/s of an evaluation by the definition of the score.\n"
        "\n"
        "Then how well the engines' likelihoods agree, the E-step of several tiles with two threads against one "
        "(wall clock), and where the time goes, the products compared with SGEMM.\n"
        "\n"
        "With --particles and --map the images come from files and pass through the stage of a reconstruction; times "
        "then include reading and preparing them.",
    .examples =
        "  bench_estep --kmax 8,16 --json estep.json\n"
        "  bench_estep --particles particles.star --map map.mrc --kmax 10 --nside 4 --shift-step 2 --shift-range 8\n",
    .standalone = true};

static const double BROAD = 2, CONCENTRATED = 400; /* SNR x pixels: the most that an image can tell, twice over */

static fz_status measure(fz_estep_bench *b, int kmax, fz_error *err) {
  fz_estep_plan plan = fz_estep_plan_for(kmax);
  fz_bench_simulated what = {
      .box = plan.box, .n = plan.n_tiles * plan.tile_size, .tile_size = plan.tile_size, .seed = 1};
  fz_bench_image_set set = {0};
  double pixels = (double)plan.box * plan.box, peak = fz_bench_sgemm_peak(2);
  fz_status st;
  b->repeats = b->settings->repeats ? (int)b->settings->repeats : plan.repeats;
  if (peak > b->peak_gflops) b->peak_gflops = peak;
  what.snr = CONCENTRATED / pixels;
  FZ_TRY(fz_bench_image_set_simulate(b->comm, &what, &set, err));
  FZ_TRY(fz_estep_rates(b, &plan, "concentrated", &set, err));
  FZ_TRY(fz_estep_agreement(b, &plan, "concentrated", &set, err));
  fz_bench_image_set_clear(&set);
  what.snr = BROAD / pixels;
  FZ_TRY(fz_bench_image_set_simulate(b->comm, &what, &set, err));
  FZ_TRY(fz_estep_rates(b, &plan, "broad", &set, err));
  FZ_TRY(fz_estep_agreement(b, &plan, "broad", &set, err));
  FZ_TRY(fz_estep_threads(b, &plan, &set, err));
  FZ_TRY(fz_estep_profile(b, &plan, &set, err));
done:
  fz_bench_image_set_clear(&set);
  fflush(stdout);
  return st;
}

static void print_heading(void) {
  printf("%4s %-8s %-12s %5s x %3s x %-4s %6s %7s %9s %9s %9s %7s %15s\n", "kmax", "engine", "posterior", "dir", "psi",
         "shift", "images", "share", "sweep", "E-step", "effective", "/plain", "/direct");
  printf("%47s %7s %19s %9s %7s %7s %7s\n", "", "%", "million scores/s", "Gflop/s", "sweep", "sweep", "E-step");
}

/* Every number of a list such as 8,16,32. */
static fz_status each_kmax(fz_estep_bench *b, fz_error *err) {
  const char *at = b->settings->kmax;
  fz_status st = FZ_OK;
  while (st == FZ_OK) {
    char *end;
    long kmax = strtol(at, &end, 10);
    if (end == at || (*end && *end != ',') || kmax < 3 || kmax > 128)
      return fz_fail(err, FZ_EINVAL, "--kmax %s: band limits from 3 to 128 with commas between them",
                     b->settings->kmax);
    st = b->settings->particles ? fz_estep_files(b, (int)kmax, err) : measure(b, (int)kmax, err);
    if (!*end) break;
    at = end + 1;
  }
  return st;
}

static fz_status check(const fz_estep_settings *s, fz_error *err) {
  if (!s->particles != !s->map) return fz_fail(err, FZ_EINVAL, "--particles and --map go together");
  if (s->n_psi % 4) return fz_fail(err, FZ_EINVAL, "--psi %d is not a multiple of 4", (int)s->n_psi);
  for (int i = 0; fz_bench_engine_at(i); i++)
    if (fz_estep_wants(s, fz_bench_engine_at(i))) return FZ_OK;
  return fz_fail(err, FZ_EINVAL, "--engine %s: no such engine", s->engine);
}

static fz_status run(fz_mpi *comm, const fz_estep_settings *s, fz_error *err) {
  fz_estep_bench b = {
      .settings = s, .comm = comm, .machine = fz_bench_machine_look(), .peak_gflops = fz_bench_sgemm_peak(4)};
  fz_status st = check(s, err);
  if (st != FZ_OK) return st;
  printf("%s, %s, %d cores; SGEMM %.1f Gflop/s on one\n", b.machine.processor, b.machine.instruction_set,
         b.machine.cores, b.peak_gflops);
  if (!s->particles) print_heading();
  st = each_kmax(&b, err);
  if (st == FZ_OK) printf("SGEMM, the best of all measurements: %.1f Gflop/s\n", b.peak_gflops);
  if (st == FZ_OK && s->json) st = fz_bench_report_write(&b.report, s->json, "estep", &b.machine, b.peak_gflops, err);
  fz_bench_report_clear(&b.report);
  return st;
}

int main(int argc, char **argv) {
  fz_estep_settings s = {0};
  const fz_option table[] = {
      {"kmax", FZ_OPTION_TEXT, &s.kmax, .default_text = "8,16,32,64", .metavar = "LIST",
       .help = "Band limits in shells.", .group = "Measurement"},
      {"engine", FZ_OPTION_TEXT, &s.engine, .default_text = "all", .metavar = "NAME", .help = "One engine, or all."},
      {"repeats", FZ_OPTION_INT, &s.repeats, .minimum = 0, .maximum = FZ_BENCH_REPEATS_MOST, .metavar = "N",
       .help = "Repetitions of each measurement. 0: by the band limit, five to one."},
      {"json", FZ_OPTION_TEXT, &s.json, .metavar = "FILE", .help = "Write all figures to this file."},
      {"nside", FZ_OPTION_INT, &s.nside, .minimum = 0, .maximum = 256, .metavar = "N", .group = "Quadrature",
       .help = "HEALPix directions: 12 N squared. 0: what a reconstruction takes, or fewer where that takes too long."},
      {"psi", FZ_OPTION_INT, &s.n_psi, .minimum = 0, .maximum = 4096, .metavar = "N",
       .help = "In-plane angles, a multiple of 4. 0: what a reconstruction takes."},
      {"shift-step", FZ_OPTION_REAL, &s.shift_step_px, .minimum = 0, .maximum = 100, .metavar = "PIXELS",
       .help = "Step between shifts. 0: what a reconstruction takes."},
      {"shift-range", FZ_OPTION_REAL, &s.shift_range_px, .minimum = 0, .maximum = 100, .metavar = "PIXELS",
       .help = "Largest shift. 0: what a reconstruction takes once images are centred."},
      {"particles", FZ_OPTION_TEXT, &s.particles, .metavar = "FILE", .group = "Files",
       .help = "Particle set to take the images from (STAR or .cs)."},
      {"map", FZ_OPTION_TEXT, &s.map, .metavar = "FILE",
       .help = "Map to score them with, in their box and grey scale."},
      {.name = NULL}};
  fz_parsed parsed = {0};
  fz_error err = {0};
  fz_status st = fz_options_parse(&page, table, argc, argv, true, &parsed, &err);
  if (st == FZ_OK && !parsed.help) {
    fz_mpi *comm = fz_mpi_start(&argc, &argv);
    st = run(comm, &s, &err);
    fz_mpi_finish(&comm);
  }
  if (st != FZ_OK) fprintf(stderr, "bench_estep: %s\n", err.text[0] ? err.text : fz_status_name(st));
  fz_parsed_clear(&parsed);
  return fz_status_exit_code(st);
}
