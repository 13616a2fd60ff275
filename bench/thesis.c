/* The experiments of Paul 2024, chapter 4, with the optimizers of the thesis and ours. */
#include <stdio.h>

#include "io/cli/options.h"
#include "thesis/methods.h"
#include "thesis/problems.h"

static const fz_command page = {
    .name = "bench_thesis",
    .summary = "the experiments of the thesis, with a table paper / ours",
    .description =
        "Runs optimizers on windowed multireference alignment (Paul 2024, 4.5.1: 16 samples, window 12, 3000 "
        "observations, noise 0.2, estimated density of shifts) from one random start per seed, all with the same data. "
        "A method has converged when F at two consecutive epochs differs by less than the tolerance. Passes are cost-"
        "weighted: images evaluated / images; evaluations that only serve the record are not counted.\n"
        "\n"
        "Writes curves.csv (every epoch), table.csv, table.md, convergence.png (F - F* over passes), "
        "convergence_seconds.png and metrics.png to the folder, anew after each seed.",
    .examples =
        "  bench_thesis --problem mra --seeds 5 --out runs/mra --json mra.json\n"
        "  bench_thesis --methods em,sem-vr-stat --seeds 1\n"
        "  bench_thesis --list\n",
    .standalone = true};

typedef struct settings {
  const char *problem, *methods, *out, *json;
  int64_t seeds, first_seed, tile, threads;
  double max_passes, tolerance, target;
  bool list;
} settings;

static fz_experiment plan(const settings *s, fz_thesis_source *source, const fz_experiment_method *method, int n) {
  return (fz_experiment){.name = s->problem,
                         .title = "Windowed multireference alignment",
                         .context = source,
                         .open = fz_thesis_mra_open,
                         .close = fz_thesis_mra_close,
                         .method = method,
                         .n_methods = n,
                         .n_metrics = 2,
                         .metric = fz_thesis_mra_metric,
                         .first_seed = (uint64_t)s->first_seed,
                         .n_seeds = (int)s->seeds,
                         .max_passes = s->max_passes > 0 ? s->max_passes : 14000,
                         .tolerance = s->tolerance,
                         .target = s->target};
}

static fz_status run(fz_mpi *comm, const settings *s, fz_error *err) {
  fz_experiment_method method[FZ_THESIS_METHODS_MOST];
  fz_experiment_result result = {0};
  fz_bench_report report = {0};
  fz_thesis_source source = {comm, (int)s->tile, (int)s->threads};
  int n;
  fz_status st = fz_thesis_methods(FZ_THESIS_MRA, s->methods, method, &n, err);
  if (st != FZ_OK) return st;
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
      {"problem", FZ_OPTION_CHOICE, &s.problem, .default_text = "mra", .choices = "mra", .help = "Which experiment.",
       .group = "Experiment"},
      {"methods", FZ_OPTION_TEXT, &s.methods, .default_text = "all", .metavar = "LIST",
       .help = "Keys of --list with commas between them."},
      {"list", FZ_OPTION_FLAG, &s.list, .help = "Print the methods with their settings, and end."},
      {"seeds", FZ_OPTION_INT, &s.seeds, .default_text = "5", .minimum = 1, .maximum = 1000, .metavar = "N",
       .help = "Data sets and starts."},
      {"first-seed", FZ_OPTION_INT, &s.first_seed, .default_text = "1", .minimum = 0, .maximum = 1e9, .metavar = "N",
       .help = "The first one's seed."},
      {"max-passes", FZ_OPTION_REAL, &s.max_passes, .minimum = 0, .maximum = 1e7, .metavar = "N",
       .help = "Cost-weighted passes for each method. 0: as in the thesis, 14000."},
      {"tolerance", FZ_OPTION_REAL, &s.tolerance, .default_text = "1e-14", .minimum = 0, .maximum = 1, .metavar = "D",
       .help = "Converged when F changes by less in an epoch."},
      {"target", FZ_OPTION_REAL, &s.target, .default_text = "1e-10", .minimum = 0, .maximum = 1e3, .metavar = "D",
       .help = "Tell the passes to this F - F*. 0: do not."},
      {"tile", FZ_OPTION_INT, &s.tile, .default_text = "20", .minimum = 1, .maximum = 64, .metavar = "N",
       .help = "Observations per tile; batches are whole tiles."},
      {"threads", FZ_OPTION_INT, &s.threads, .default_text = "1", .minimum = 1, .maximum = 256, .metavar = "N",
       .help = "Threads per rank."},
      {"out", FZ_OPTION_TEXT, &s.out, .metavar = "DIR", .help = "Folder for curves, tables and pictures.",
       .group = "Files"},
      {"json", FZ_OPTION_TEXT, &s.json, .metavar = "FILE",
       .help = "Write a row for each method and seed to this file."},
      {.name = NULL}};
  fz_parsed parsed = {0};
  fz_error err = {0};
  fz_status st = fz_options_parse(&page, table, argc, argv, true, &parsed, &err);
  if (st == FZ_OK && s.list && !parsed.help) {
    fz_thesis_print_methods(FZ_THESIS_MRA, stdout);
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
