/* Optimizers of the ab initio climb from one random start at equal cost, judged alike. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "io/cli/reconstruction.h"
#include "voxels/judge.h"

static const fz_command page = {
    .name = "bench_voxels",
    .summary = "optimizers of the ab initio climb at equal cost from one random start",
    .description =
        "Climbs the ladder of band limits with each method, from the same random start, on the same images, for each "
        "budget of passes (images evaluated over images). The band limit is the same function of the passes used for "
        "all: a method whose steps take a whole pass leaves rungs out.\n"
        "\n"
        "Methods are optimizers as `frazil reconstruct --algorithm` takes them, with /modal when the best pose of an "
        "image alone shall count (em/modal is projection matching) and /straight for the last band limit from the "
        "start; NAME= in front is what tables and figures call it.\n"
        "\n"
        "Every map is judged alike, uncounted: minus the log-likelihood of all images at the last band limit, above "
        "that of pure noise and per image, in one quadrature; and where the Fourier shell correlation with the truth "
        "falls below 0.5, unmasked, after alignment, better hand. The output folder gets curves.csv, table.csv, "
        "table.md, curves.png (along the largest budget), budgets.png, maps.png and the aligned maps. It works under "
        "mpirun.",
    .examples =
        "  bench_voxels --passes 1,5 --output runs/phantom\n"
        "  mpirun -n 2 bench_voxels --particles set/particles.star --truth set/ref.mrc --method em --method sem \\\n"
        "    --method svrg:step=0.2 --method \"projection matching=em/modal/straight\" --output runs/set\n",
    .standalone = true};

static fz_status open_set(fz_voxels *v, fz_error *err) {
  enum { TILE = 16 };
  const fz_voxels_settings *s = v->settings;
  if (!s->particles != !s->truth) return fz_fail(err, FZ_EINVAL, "--particles and --truth go together");
  fz_bench_simulated what = {.box = (int)s->box,
                             .n = (int)((s->images + 2 * TILE - 1) / (2 * TILE) * 2 * TILE),
                             .tile_size = TILE,
                             .snr = s->snr,
                             .seed = 1};
  fz_status st = s->particles ? fz_bench_image_set_read(v->comm, s->particles, s->truth, TILE, &v->set, err)
                              : fz_bench_image_set_simulate(v->comm, &what, &v->set, err);
  if (st != FZ_OK) return st;
  const fz_dataset *data = &v->set.data;
  v->sampling.shift_range_px = s->shift_range_A > 0 ? s->shift_range_A / data->pixel_A : 0.1 * data->box;
  return FZ_OK;
}

/* With those that it is in. */
static fz_status make_folder(const fz_voxels *v, const char *name, fz_error *err) {
  char path[1024];
  fz_status st = fz_voxels_path(v, path, sizeof path, name, err);
  for (char *at = path + 1; st == FZ_OK; at++) {
    char was = *at;
    if (was != '/' && was) continue;
    *at = '\0';
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
      st = fz_fail(err, FZ_EIO, "%s: cannot make this folder: %s", path, strerror(errno));
    *at = was;
    if (!was) break;
  }
  return st;
}

static void print_climb(const fz_voxels_method *method, double budget, const fz_voxels_climb *c) {
  if (c->failed || !c->n) {
    printf("%-28s %7g %s\n", method->label, budget, c->note);
  } else {
    const fz_voxels_point *p = &c->point[c->n - 1];
    printf("%-28s %7g %7.2f %5d %12.4f %12.4f %7.2f %8.1f %8.1f\n", method->label, budget, p->passes, p->kmax, p->nll,
           p->f, p->shell, p->resolution_A, p->cpu_seconds);
  }
  fflush(stdout);
}

/* Tables are written after every climb: a comparison of many takes long. */
static fz_status climb_all(fz_voxels *v, fz_error *err) {
  bool first = fz_mpi_rank(v->comm) == 0;
  if (first)
    printf("%-28s %7s %7s %5s %12s %12s %7s %8s %8s\n", "method", "budget", "passes", "kmax", "-log L/N", "F", "shell",
           "FSC0.5_A", "cpu_s");
  for (int b = 0; b < v->n_budgets; b++)
    for (int i = 0; i < v->n_methods; i++) {
      fz_voxels_method *method = &v->method[i];
      double every = b + 1 == v->n_budgets ? v->settings->every : 0;
      fz_status st = fz_voxels_run_climb(v, method, v->budget[b], every, &method->climb[b], err);
      if (st != FZ_OK) return st;
      if (first) {
        print_climb(method, v->budget[b], &method->climb[b]);
        st = fz_voxels_write_map(v, method, b, err);
        if (st == FZ_OK) st = fz_voxels_write_tables(v, err);
      }
      st = fz_mpi_agree(v->comm, st, err);
      if (st != FZ_OK) return st;
    }
  return FZ_OK;
}

static void close_all(fz_voxels *v) {
  for (int i = 0; i < v->n_methods; i++)
    for (int b = 0; b < v->n_budgets; b++) {
      fz_free(&v->method[i].climb[b].point);
      fz_map_clear(&v->method[i].climb[b].map);
    }
  fz_free(&v->method);
  fz_voxels_judge_close(&v->judge);
  fz_bench_image_set_clear(&v->set);
}

static fz_status run(fz_mpi *comm, const fz_voxels_settings *s, fz_error *err) {
  fz_voxels v = {.comm = comm, .settings = s, .threads = (int)s->threads};
  fz_status st = FZ_OK;
  bool first = fz_mpi_rank(comm) == 0;
  if (!v.threads) v.threads = fz_reconstruction_threads(comm);
  FZ_TRY(fz_mpi_agree(comm, fz_voxels_plan(&v, err), err));
  FZ_TRY(fz_mpi_agree(comm, open_set(&v, err), err));
  FZ_TRY(fz_mpi_agree(comm, fz_voxels_check_plan(&v, err), err));
  if (first) st = make_folder(&v, "maps", err);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  FZ_TRY(fz_voxels_judge_open(&v, &v.judge, err));
  FZ_TRY(climb_all(&v, err));
  FZ_TRY(fz_mpi_agree(comm, first ? fz_voxels_draw(&v, err) : FZ_OK, err));
done:
  close_all(&v);
  return st;
}

int main(int argc, char **argv) {
  fz_voxels_settings s = {0};
  const fz_option table[] = {
      {"method", FZ_OPTION_LIST, &s.methods, .metavar = "METHOD", .group = "Comparison",
       .help = "A method; give as many as are to be compared. Without: every optimizer, as it is by default."},
      {"passes", FZ_OPTION_TEXT, &s.passes, .default_text = "5", .metavar = "LIST",
       .help = "Budgets, rising; each method climbs once for each, from the start."},
      {"ladder", FZ_OPTION_TEXT, &s.ladder, .default_text = "3,4,5,6,8x2", .metavar = "LIST",
       .help = "Band limits in shells, with their weights in a budget."},
      {"batch", FZ_OPTION_INT, &s.batch, .default_text = "100", .minimum = 1, .maximum = 1e9, .metavar = "N",
       .help = "Images per batch, for methods that do not say."},
      {"seed", FZ_OPTION_INT, &s.seed, .default_text = "1", .minimum = 0, .maximum = 2147483647, .metavar = "N",
       .help = "Of the random start and the batches."},
      {"every", FZ_OPTION_REAL, &s.every, .default_text = "0.5", .minimum = 0, .maximum = 1000, .metavar = "PASSES",
       .help = "Between points of the curves. 0: the end alone."},
      {"threads", FZ_OPTION_INT, &s.threads, .minimum = 0, .maximum = 1024, .metavar = "N",
       .help = "Of each rank. 0: its share of the cores."},
      {"particles", FZ_OPTION_TEXT, &s.particles, .metavar = "FILE", .group = "Images",
       .help = "Particle set (STAR or .cs). Without, images of the phantom are simulated in memory."},
      {"truth", FZ_OPTION_TEXT, &s.truth, .metavar = "FILE", .help = "The map behind the images, in their box."},
      {"shift-range", FZ_OPTION_REAL, &s.shift_range_A, .minimum = 0, .maximum = 1000, .metavar = "A",
       .help = "Largest displacement looked for. 0: a tenth of the box."},
      {"images", FZ_OPTION_INT, &s.images, .default_text = "960", .minimum = 32, .maximum = 1e6, .metavar = "N",
       .help = "Simulated images, rounded up to a multiple of 32."},
      {"box", FZ_OPTION_INT, &s.box, .default_text = "48", .minimum = 24, .maximum = 512, .metavar = "N",
       .help = "Of simulated images, pixels of 4 A."},
      {"snr", FZ_OPTION_REAL, &s.snr, .default_text = "0.1", .minimum = 1e-4, .maximum = 1e4, .metavar = "RATIO",
       .help = "Of simulated images."},
      {"output", FZ_OPTION_TEXT, &s.output, .required = true, .metavar = "DIR", .group = "Output",
       .help = "Folder for tables, figures and maps; what is there is written over."},
      {.name = NULL}};
  fz_parsed parsed = {0};
  fz_error err = {0};
  fz_status st = FZ_OK;
  fz_mpi *comm = fz_mpi_start(&argc, &argv);
  bool first = fz_mpi_rank(comm) == 0;
  st = fz_mpi_agree(comm, fz_options_parse(&page, table, argc, argv, first, &parsed, &err), &err);
  if (st == FZ_OK && !parsed.help) st = run(comm, &s, &err);
  if (st != FZ_OK && first) fprintf(stderr, "bench_voxels: %s\n", err.text[0] ? err.text : fz_status_name(st));
  fz_parsed_clear(&parsed);
  fz_mpi_finish(&comm);
  return fz_status_exit_code(st);
}
