/* frazil mra: multireference alignment, simulated or from a file. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/cli/command.h"
#include "io/cli/mra.h"
#include "io/cli/options.h"
#include "io/cli/reconstruction.h"
#include "io/run_dir.h"
#include "mpi/algebra.h"
#include "mpi/orbit_objective.h"

static const fz_command page = {
    .name = "mra",
    .summary = "multireference alignment of signals, plain or windowed",
    .description =
        "Estimates a periodic signal from many noisy observations of it, each shifted by an unknown number of samples "
        "and cut to a window, by maximizing the likelihood with all shifts marginalized; the distribution of shifts is "
        "estimated along with it, or known. It is the one-dimensional likeness of cryo-EM, and runs on the same "
        "optimizers. Without --data it simulates; the defaults are the problem of the thesis that Frazil grew from.\n\n"
        "It runs until the mean negative log-likelihood F moves by less than --tolerance in a pass, and writes "
        "estimate.csv (signal and density, shifted to fit the truth), metrics.jsonl (F and errors after each pass), "
        "mra.png (both, and the convergence), parameters.yaml. The result has the same bits on any number of ranks and "
        "threads.",
    .examples =
        "  frazil mra --output mra1\n"
        "  frazil mra --output mra2 --length 64 --window 0 --sigma 1 --observations 20000 --shifts uniform\n"
        "  frazil mra --output mra3 --algorithm svrg-ii:step=0.1,batch=300\n"
        "  frazil mra --output mra4 --data observations.txt --length 16 --sigma 0.2\n",
};

static fz_status read_algorithm(fz_mra_request *r, fz_error *err) {
  r->optimizer.options = fz_optimizer_options_default();
  fz_status st = fz_optimizer_spec_parse(r->algorithm, &r->optimizer, err);
  if (st == FZ_OK) return FZ_OK;
  fz_error why = *err;
  return fz_fail(err, st, "--algorithm %s: %s", r->algorithm, why.text);
}

static fz_status make_model(const fz_mra_request *r, const fz_mra_problem *p, fz_orbit_model **out, fz_error *err) {
  const fz_mra_spec *s = &p->spec;
  double *matrix = fz_alloc((ptrdiff_t)s->length * s->length * s->window, sizeof *matrix);
  if (!matrix) return fz_fail(err, FZ_ENOMEM, "no memory for %d shifts of %d samples", s->length, s->length);
  fz_mra_matrix(s->length, s->window, matrix);
  fz_orbit_spec spec = {.n_candidates = s->length,
                        .p = s->window,
                        .d = s->length,
                        .matrix = matrix,
                        .n = s->n,
                        .x = p->x,
                        .sigma = s->sigma,
                        .prior = p->density,
                        .estimate_prior = !r->known_density,
                        .tile = (int)r->tile,
                        .threads = (int)r->threads};
  fz_status st = fz_orbit_model_create(&spec, out, err);
  fz_free(&matrix);
  return st;
}

static void tell(const fz_mra_request *r, const fz_mra_curve *c, fz_mra_end end) {
  int64_t last = c->n - 1;
  printf("%s: F %.12g after %.1f passes in %.2f s, %s\n", r->optimizer.kind->name, c->value[last], c->passes[last],
         c->seconds[last],
         end == FZ_MRA_CONVERGED ? "converged" : "not converged: the most passes (--max-passes) are used up");
  if (isfinite(c->error[last])) printf("relative error of the signal %.4f\n", c->error[last]);
  if (isfinite(c->density_error[last]))
    printf("error of the density %.4f (sum of differences)\n", c->density_error[last]);
  printf("written to %s\n", r->output);
}

typedef struct parts {
  fz_mra_problem problem;
  fz_orbit_model *model;
  fz_mpi_algebra *algebra;
  fz_mpi_orbit_objective *objective;
  fz_mra_curve curve;
  double *w;
} parts;

static void clear_parts(parts *p) {
  fz_mpi_orbit_objective_close(&p->objective);
  fz_mpi_algebra_destroy(&p->algebra);
  fz_orbit_model_destroy(&p->model);
  fz_mra_problem_clear(&p->problem);
  fz_mra_curve_clear(&p->curve);
  fz_free(&p->w);
}

static fz_status open_parts(fz_mpi *comm, const fz_mra_request *r, parts *p, fz_error *err) {
  fz_status st = fz_mpi_rank(comm) == 0 ? fz_io_make_dir(r->output, err) : FZ_OK;
  FZ_TRY(fz_mpi_agree(comm, st, err));
  FZ_TRY(fz_mpi_agree(comm, fz_mra_problem_open(r, &p->problem, err), err));
  FZ_TRY(fz_mpi_agree(comm, make_model(r, &p->problem, &p->model, err), err));
  FZ_TRY(fz_mpi_algebra_create(comm, 1, &p->algebra, err));
  FZ_TRY(fz_mpi_orbit_objective_open(comm, p->model, fz_mpi_algebra_view(p->algebra), &p->objective, err));
  p->w = fz_alloc(2 * r->length, sizeof *p->w);
  FZ_TRY(fz_mpi_agree(comm, p->w ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory"), err));
  fz_mra_start((int)r->length, (uint64_t)r->start_seed, !r->known_density, p->w);
done:
  return st;
}

static fz_status run(fz_mpi *comm, fz_mra_request *r, const fz_option *table, fz_error *err) {
  parts p = {0};
  fz_mra_end end = FZ_MRA_MAX_PASSES;
  fz_status st;
  FZ_TRY(read_algorithm(r, err));
  if (!r->threads) r->threads = fz_reconstruction_threads(comm);
  FZ_TRY(open_parts(comm, r, &p, err));
  FZ_TRY(fz_mra_solve(r, &p.problem, fz_mpi_orbit_objective_view(p.objective), p.w, &p.curve, &end, err));
  if (fz_mpi_rank(comm) == 0) {
    st = fz_mra_results_write(r, &p.problem, p.w, &p.curve, err);
    if (st == FZ_OK) st = fz_options_save(table, r->output, "mra", NULL, err);
    if (st == FZ_OK) tell(r, &p.curve, end);
  }
  st = fz_mpi_agree(comm, st, err);
done:
  clear_parts(&p);
  return st;
}

fz_status fz_cmd_mra(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  fz_mra_request r = {0};
  char algorithms[1600];
  snprintf(algorithms, sizeof algorithms,
           "optimizer, with options if need be, such as svrg-ii:step=0.1,batch=300; one of %s; doc/optimizers.md "
           "explains them, and --algorithm NAME:help tells the options of one",
           fz_optimizer_spec_names());
  const fz_option table[] = {
      {"length", FZ_OPTION_INT, &r.length, .default_text = "16", .minimum = 2, .maximum = 512, .metavar = "N",
       .group = "Problem", .help = "Samples of the signal."},
      {"window", FZ_OPTION_INT, &r.window, .default_text = "12", .minimum = 0, .maximum = 512, .metavar = "N",
       .help = "Samples of an observation; 0 means all of them (plain multireference alignment)."},
      {"observations", FZ_OPTION_INT, &r.observations, .default_text = "3000", .minimum = 1, .maximum = 1e9,
       .metavar = "N", .help = "How many are simulated."},
      {"sigma", FZ_OPTION_REAL, &r.sigma, .default_text = "0.2", .minimum = 1e-9, .maximum = 1e9, .metavar = "S",
       .help = "Standard deviation of the noise; the built-in signals have norm 1."},
      {"signal", FZ_OPTION_TEXT, &r.signal, .default_text = "pulse", .metavar = "NAME",
       .help = "pulse, random, or a file with one number per sample."},
      {"shifts", FZ_OPTION_TEXT, &r.density, .default_text = "two-gaussians", .metavar = "NAME",
       .help = "Distribution of the shifts: two-gaussians, uniform, or a file with one number per shift."},
      {"data", FZ_OPTION_TEXT, &r.data, .metavar = "FILE",
       .help = "Observations as rows of numbers, instead of simulated ones; a row is a window."},
      {"known-density", FZ_OPTION_FLAG, &r.known_density,
       .help = "The distribution of shifts is known (--shifts) and not estimated."},
      {"algorithm", FZ_OPTION_TEXT, &r.algorithm, .default_text = "sem-vr-anderson:step=1", .metavar = "NAME[:...]",
       .group = "Solution", .help = algorithms},
      {"tolerance", FZ_OPTION_REAL, &r.tolerance, .default_text = "1e-14", .minimum = 0, .maximum = 1e9, .metavar = "T",
       .help = "Stop when F moves by less than this in a pass."},
      {"max-passes", FZ_OPTION_REAL, &r.max_passes, .default_text = "14000", .minimum = 1, .maximum = 1e9,
       .metavar = "N", .help = "Stop after so many cost-weighted passes over the data."},
      {"start-seed", FZ_OPTION_INT, &r.start_seed, .default_text = "1", .minimum = 0, .maximum = 1e15, .metavar = "N",
       .help = "Of the random signal that it starts from."},
      {"output", FZ_OPTION_TEXT, &r.output, .required = true, .metavar = "DIR", .group = "Run",
       .help = "Folder to write to; it is made if it is not there."},
      {"save-observations", FZ_OPTION_FLAG, &r.save_observations, .help = "Write observations.txt, too."},
      {"seed", FZ_OPTION_INT, &r.seed, .default_text = "1", .minimum = 0, .maximum = 1e15, .metavar = "N",
       .help = "Of the simulated data; the same seeds give the same bits."},
      {"tile", FZ_OPTION_INT, &r.tile, .default_text = "20", .minimum = 1, .maximum = 1e6, .metavar = "N",
       .help = "Observations that one thread works through; batches are whole tiles."},
      {"threads", FZ_OPTION_INT, &r.threads, .minimum = 0, .maximum = 1024, .metavar = "N",
       .help = "OpenMP threads per rank; 0 means OMP_NUM_THREADS, or this rank's share of the cores."},
      {"config", FZ_OPTION_TEXT, &r.config, .metavar = "FILE", .help = "Read options from this YAML file."},
      {.name = NULL}};
  fz_parsed parsed = {0};
  fz_status st = fz_options_parse(&page, table, argc, argv, fz_mpi_rank(comm) == 0, &parsed, err);
  st = fz_mpi_agree(comm, st, err);
  if (st == FZ_OK && !parsed.help) st = run(comm, &r, table, err);
  fz_parsed_clear(&parsed);
  return st;
}
