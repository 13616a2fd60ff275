/* The experiments of Paul 2024, chapter 4, with the optimizers of the thesis and ours. */
#include <stdio.h>
#include <string.h>

#include "io/cli/options.h"
#include "thesis/methods.h"
#include "thesis/problems.h"

static const fz_command page = {
    .name = "bench_thesis",
    .summary = "the experiments of the thesis, with a table paper / ours",
    .description =
        "Runs optimizers on windowed multireference alignment (Paul 2024, 4.5.1: 16 samples, window 12, 3000 "
        "observations, noise 0.2, estimated density of shifts) or cryo-EM (4.5.2: 40 coefficients, 3600 images of 15 x "
        "15 "
        "pixels, SNR 0.34, 1200 poses) from one random start per seed, all with the same data. "
        "A method has converged when F at two consecutive epochs differs by less than the tolerance. Passes are cost-"
        "weighted: images evaluated / images; evaluations that only serve the record are not counted.\n"
        "\n"
        "Writes curves.csv (every epoch), table.csv, table.md, convergence.png (F - F* over passes), "
        "convergence_seconds.png and metrics.png to the folder, anew after each seed.",
    .examples =
        "  bench_thesis --problem mra --seeds 5 --out runs/mra --json mra.json\n"
        "  bench_thesis --methods em,sem-vr-stat --seeds 1\n"
        "  bench_thesis --problem cryo --list\n",
    .standalone = true};

typedef struct settings {
  const char *problem, *methods, *out, *json;
  int64_t seeds, first_seed, tile, threads;
  double warm_passes, max_passes, tolerance, target, step, inner_passes;
  int64_t batch, memory, eigenpairs;
  const char *safeguards;
  bool list;
} settings;

static bool is_cryo(const settings *s) {
  return !strcmp(s->problem, "cryo");
}

static fz_experiment plan(const settings *s, fz_thesis_source *source, const fz_experiment_method *method, int n) {
  bool cryo = is_cryo(s);
  double most = cryo ? 2000 : 14000; /* where the thesis ends what has not converged */
  return (fz_experiment){.name = s->problem,
                         .title = cryo ? "Cryo-EM in a low-resolution basis" : "Windowed multireference alignment",
                         .context = source,
                         .open = cryo ? fz_thesis_cryo_open : fz_thesis_mra_open,
                         .close = cryo ? fz_thesis_cryo_close : fz_thesis_mra_close,
                         .method = method,
                         .n_methods = n,
                         .n_metrics = cryo ? 1 : 2,
                         .metric = cryo ? fz_thesis_cryo_metric : fz_thesis_mra_metric,
                         .measure_end = cryo, /* the search for the best rotation takes longer than an epoch */
                         .first_seed = (uint64_t)s->first_seed,
                         .n_seeds = (int)s->seeds,
                         .max_passes = s->max_passes > 0 ? s->max_passes : most,
                         .tolerance = s->tolerance,
                         .target = s->target};
}

/* What the command line says instead of the table. */
static void adjust(const settings *s, fz_experiment_method *method, int n) {
  for (int i = 0; i < n; i++) {
    fz_optimizer_options *o = &method[i].options;
    if (s->step > 0) o->step_rule = FZ_STEP_GIVEN;
    if (s->step > 0) o->step = s->step;
    if (s->batch > 0) o->batch_images = s->batch;
    if (s->inner_passes > 0) o->inner_passes = s->inner_passes;
    if (s->memory > 0) o->memory = (int)s->memory;
    if (s->eigenpairs > 0) o->eigenpairs = (int)s->eigenpairs;
    if (s->safeguards) o->safeguards = strcmp(s->safeguards, "on") ? 0 : FZ_SAFE_ALL;
  }
}

static fz_status run(fz_mpi *comm, const settings *s, fz_error *err) {
  fz_experiment_method method[FZ_THESIS_METHODS_MOST];
  fz_experiment_result result = {0};
  fz_bench_report report = {0};
  fz_thesis_source source = {comm, (int)s->tile, (int)s->threads, s->warm_passes};
  int n;
  fz_status st = fz_thesis_methods(is_cryo(s) ? FZ_THESIS_CRYO : FZ_THESIS_MRA, s->methods, method, &n, err);
  if (st != FZ_OK) return st;
  adjust(s, method, n);
  const fz_experiment e = plan(s, &source, method, n);
  FZ_TRY(fz_experiment_run(comm, &e, s->out, stdout, &result, err));
  if (fz_mpi_rank(comm) == 0) {
    printf("\n");
    fz_experiment_print(&e, &result, stdout);
    const fz_bench_machine machine = fz_bench_machine_look();
    fz_experiment_report(&e, &result, &report);
    if (s->json) st = fz_bench_report_write(&report, s->json, "thesis", &machine, 0, err);
  }
  st = fz_mpi_agree(comm, st, err);
done:
  fz_bench_report_clear(&report);
  fz_experiment_clear(&result);
  return st;
}

int main(int argc, char **argv) {
  settings s = {0};
  const fz_option table[] = {
      {"problem", FZ_OPTION_CHOICE, &s.problem, .default_text = "mra", .choices = "mra|cryo",
       .help = "Which experiment.", .group = "Experiment"},
      {"methods", FZ_OPTION_TEXT, &s.methods, .default_text = "all", .metavar = "LIST",
       .help = "Keys of --list with commas between them."},
      {"list", FZ_OPTION_FLAG, &s.list, .help = "Print the methods with their settings, and end."},
      {"seeds", FZ_OPTION_INT, &s.seeds, .default_text = "5", .minimum = 1, .maximum = 1000, .metavar = "N",
       .help = "Data sets and starts."},
      {"first-seed", FZ_OPTION_INT, &s.first_seed, .default_text = "1", .minimum = 0, .maximum = 1e9, .metavar = "N",
       .help = "The first one's seed."},
      {"warm-passes", FZ_OPTION_REAL, &s.warm_passes, .minimum = 0, .maximum = 1e6, .metavar = "N",
       .help = "Passes of incremental EM from the random start, before and outside of the comparison: methods that "
               "begin in the basin of one optimum are compared by their rates alone."},
      {"max-passes", FZ_OPTION_REAL, &s.max_passes, .minimum = 0, .maximum = 1e7, .metavar = "N",
       .help = "Cost-weighted passes for each method. 0: as in the thesis, 14000 or, cryo, 2000."},
      {"tolerance", FZ_OPTION_REAL, &s.tolerance, .default_text = "1e-14", .minimum = 0, .maximum = 1, .metavar = "D",
       .help = "Converged when F changes by less in an epoch."},
      {"target", FZ_OPTION_REAL, &s.target, .default_text = "1e-10", .minimum = 0, .maximum = 1e3, .metavar = "D",
       .help = "Tell the passes to this F - F*. 0: do not."},
      {"tile", FZ_OPTION_INT, &s.tile, .default_text = "20", .minimum = 1, .maximum = 64, .metavar = "N",
       .help = "Observations per tile; batches are whole tiles."},
      {"threads", FZ_OPTION_INT, &s.threads, .default_text = "1", .minimum = 1, .maximum = 256, .metavar = "N",
       .help = "Threads per rank."},
      {"step", FZ_OPTION_REAL, &s.step, .minimum = 0, .maximum = 1e6, .metavar = "ETA",
       .help = "For all the methods chosen: this step.", .group = "Instead of the table's settings"},
      {"batch", FZ_OPTION_INT, &s.batch, .minimum = 0, .maximum = 1e9, .metavar = "N",
       .help = "Observations per batch."},
      {"inner-passes", FZ_OPTION_REAL, &s.inner_passes, .minimum = 0, .maximum = 1e6, .metavar = "X",
       .help = "Observations visited between snapshots / observations."},
      {"memory", FZ_OPTION_INT, &s.memory, .minimum = 0, .maximum = 1e6, .metavar = "N",
       .help = "Pairs or iterates remembered."},
      {"eigenpairs", FZ_OPTION_INT, &s.eigenpairs, .minimum = 0, .maximum = 1e6, .metavar = "R",
       .help = "Of the subsampled Hessian."},
      {"safeguards", FZ_OPTION_CHOICE, &s.safeguards, .choices = "on|off", .help = "All of them, or none."},
      {"out", FZ_OPTION_TEXT, &s.out, .metavar = "DIR", .help = "Folder for curves, tables and pictures.",
       .group = "Files"},
      {"json", FZ_OPTION_TEXT, &s.json, .metavar = "FILE",
       .help = "Write a row for each method and seed to this file."},
      {.name = NULL}};
  fz_parsed parsed = {0};
  fz_error err = {0};
  fz_status st = fz_options_parse(&page, table, argc, argv, true, &parsed, &err);
  if (st == FZ_OK && s.list && !parsed.help) {
    fz_thesis_print_methods(is_cryo(&s) ? FZ_THESIS_CRYO : FZ_THESIS_MRA, stdout);
  } else if (st == FZ_OK && !parsed.help) {
    fz_mpi *comm = fz_mpi_start(&argc, &argv);
    st = run(comm, &s, &err);
    if (st != FZ_OK && fz_mpi_rank(comm) == 0) fprintf(stderr, "bench_thesis: %s\n", err.text);
    fz_mpi_finish(&comm);
  } else if (st != FZ_OK) {
    fprintf(stderr, "bench_thesis: %s\n", err.text[0] ? err.text : fz_status_name(st));
  }
  fz_parsed_clear(&parsed);
  return fz_status_exit_code(st);
}
