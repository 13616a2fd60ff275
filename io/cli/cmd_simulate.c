/* frazil simulate: particles with known poses. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/version.h"
#include "io/cli/command.h"
#include "io/cli/map_sources.h"
#include "io/cli/options.h"
#include "io/mrc.h"
#include "io/particles.h"
#include "io/run_dir.h"
#include "io/stack_fill.h"
#include "model/forward.h"
#include "model/noise.h"
#include "model/phantom.h"
#include "model/simulation.h"
#include "mpi/reduce.h"

static const fz_command page = {
    .name = "simulate",
    .summary = "make a particle stack with known poses from a map, an atomic model or a phantom",
    .description =
        "Projects maps at random or given poses, applies the CTF, shifts the particles, adds noise and normalizes the "
        "background as RELION expects (mean 0, standard deviation 1, protein bright). Several maps, models or "
        "phantoms make a mixture: their order, maps first, then models, then phantoms, gives the class numbers.\n"
        "\n"
        "Written to the output folder: particles.mrcs; particles.star, with poses and origins set to 0; truth.star, "
        "with the true ones and, for mixtures, rlnClassNumber; truth.mrc (or truth_class1.mrc ...), the map in units "
        "of "
        "the noise's standard deviation; parameters.yaml.\n"
        "\n"
        "SNR is the variance of the clean image with CTF over the whole box, averaged over images, divided by the "
        "variance of the noise per pixel. The noise is white, or, with --noise-falloff A, has the power spectrum "
        "c [1 / (1 + (k A)^2) + 0.2] at the spatial frequency k (1/Angstrom); c leaves the variance per pixel as it "
        "is. With --junk a share of the particles shows noise only: their rows in truth.star have frazilJunk 1 and "
        "poses that mean nothing; the other particles, and the noise, are the same as without. Every particle is a "
        "function of the seed and its number: the files are the same bytes on any number of ranks.",
    .examples =
        "  frazil simulate --output sim\n"
        "  frazil simulate --map ribosome.mrc --box 64 --n 5000 --snr 0.05 --output sim\n"
        "  frazil simulate --phantom asymmetric --phantom open --class-weight 2 --class-weight 1 --output mix\n"
        "  mpirun -n 8 frazil simulate --atoms 6vxx.pdb --pixel-size 2.5 --view-peak 0,90,20 --output side\n"
        "  frazil simulate --phantom protein --noise-falloff 40 --junk 0.2 --output hard\n",
};

typedef struct settings {
  const char *output, *poses, *config;
  fz_map_sources sources;
  fz_option_list class_weights, peaks;
  int64_t n, seed;
  double snr, falloff_A, junk, shift_sd_A, uniform, mask_diameter_A;
  double defocus_min_A, defocus_max_A, astigmatism_A, voltage_kV, cs_mm, contrast;
  bool no_ctf, no_noise;
} settings;

/* All that the ranks need to make images. */
typedef struct job {
  fz_simulation simulation;
  fz_forward *forward[FZ_SIMULATION_CLASSES];
  fz_io_particles *given; /* --poses, or NULL */
  fz_map map[FZ_SIMULATION_CLASSES];
  int n_maps, box;
  int64_t n;
  fz_noise *noise;
  double noise_sd, radius_px;
  double *pixels; /* [box][box] */
} job;

static fz_status check_settings(const settings *s, fz_error *err) {
  int maps = fz_map_sources_count(&s->sources);
  if (maps > FZ_SIMULATION_CLASSES)
    return fz_fail(err, FZ_EINVAL, "%d maps in one mixture; at most %d are possible", maps, (int)FZ_SIMULATION_CLASSES);
  if (s->class_weights.n > 0 && s->class_weights.n != maps)
    return fz_fail(err, FZ_EINVAL, "--class-weight is given %d times for %d maps; give one for each",
                   s->class_weights.n, maps);
  if (s->defocus_max_A < s->defocus_min_A)
    return fz_fail(err, FZ_EINVAL, "--defocus-max %g is below --defocus-min %g", s->defocus_max_A, s->defocus_min_A);
  if (s->poses && s->peaks.n > 0)
    return fz_fail(err, FZ_EINVAL, "--poses and --view-peak exclude each other: poses are either given or drawn");
  if (s->no_noise && (s->junk > 0 || s->falloff_A > 0))
    return fz_fail(err, FZ_EINVAL, "--no-noise leaves nothing for %s", s->junk > 0 ? "--junk" : "--noise-falloff");
  return FZ_OK;
}

static fz_status read_class_weights(const settings *s, fz_simulation *simulation, fz_error *err) {
  for (int c = 0; c < simulation->n_classes; c++) {
    char rest;
    simulation->class_weight[c] = 1;
    if (s->class_weights.n == 0) continue;
    const char *text = s->class_weights.item[c];
    if (sscanf(text, "%lf%c", &simulation->class_weight[c], &rest) != 1 || !(simulation->class_weight[c] > 0) ||
        !isfinite(simulation->class_weight[c]))
      return fz_fail(err, FZ_EINVAL, "--class-weight: '%s' is not a number above 0", text);
  }
  return FZ_OK;
}

static fz_status read_poses(const settings *s, job *j, fz_error *err) {
  fz_status st = fz_io_particles_read_poses(s->poses, &j->given, err);
  if (st != FZ_OK) return st;
  const fz_particles *table = fz_io_particles_table(j->given);
  if (j->n == 0) j->n = table->n;
  if (j->n > table->n)
    return fz_fail(err, FZ_EINPUT, "%s lists %lld poses, but --n asks for %lld particles", s->poses,
                   (long long)table->n, (long long)j->n);
  j->simulation.pose = table->particle;
  return FZ_OK;
}

/* Everything that each rank does for itself before the first image. */
static fz_status prepare(settings *s, job *j, fz_error *err) {
  fz_status st = FZ_OK;
  FZ_TRY(check_settings(s, err));
  FZ_TRY(fz_map_sources_load(&s->sources, j->map, err));
  j->n_maps = fz_map_sources_count(&s->sources);
  j->box = (int)s->sources.box;
  j->n = s->n;
  if (j->box < 8) {
    st = fz_fail(err, FZ_EINVAL, "a box of %d pixels is too small; 8 is the least", j->box);
    goto done;
  }
  double pixel_A = s->sources.pixel_A,
         diameter_A = s->mask_diameter_A > 0 ? s->mask_diameter_A : 0.9 * j->box * pixel_A;
  j->radius_px = 0.5 * diameter_A / pixel_A;
  if (j->radius_px > 0.65 * j->box) {
    st = fz_fail(err, FZ_EINVAL, "--mask-diameter %g A leaves no background in a box of %g A", diameter_A,
                 j->box * pixel_A);
    goto done;
  }
  j->simulation = (fz_simulation){
      .seed = (uint64_t)s->seed,
      .views.uniform = s->uniform,
      .shift_sd_A = s->shift_sd_A,
      .defocus_min_A = s->defocus_min_A,
      .defocus_max_A = s->defocus_max_A,
      .astigmatism_A = s->astigmatism_A,
      .n_classes = j->n_maps,
      .junk_share = s->junk,
      .optics = {s->voltage_kV, s->cs_mm, s->contrast, pixel_A, j->box, false, !s->no_ctf, "opticsGroup1"}};
  for (int i = 0; i < s->peaks.n; i++) FZ_TRY(fz_views_add(&j->simulation.views, s->peaks.item[i], err));
  FZ_TRY(read_class_weights(s, &j->simulation, err));
  if (s->poses) FZ_TRY(read_poses(s, j, err));
  if (j->n == 0) j->n = 1000;
  j->pixels = fz_alloc((ptrdiff_t)j->box * j->box, sizeof *j->pixels);
  j->noise = fz_noise_create(j->box, pixel_A, s->falloff_A);
  if (!j->noise) fz_free(&j->pixels);
  for (int c = 0; c < j->n_maps && j->pixels; c++)
    if (!(j->forward[c] = fz_forward_create(&j->map[c]))) fz_free(&j->pixels);
  if (!j->pixels) st = fz_fail(err, FZ_ENOMEM, "no memory for projections of maps of %d voxels", j->box);
done:
  return st;
}

static void clear_job(job *j) {
  for (int c = 0; c < FZ_SIMULATION_CLASSES; c++) {
    fz_forward_destroy(&j->forward[c]);
    fz_map_clear(&j->map[c]);
  }
  fz_io_particles_destroy(&j->given);
  fz_noise_destroy(&j->noise);
  fz_free(&j->pixels);
}

/* Mean variance of the first clean images (at most SAMPLE), added up in their order whoever computed them. */
static fz_status mean_variance(fz_mpi *comm, const job *j, double *mean, fz_error *err) {
  enum { SAMPLE = 1024 };
  const fz_optics *optics = &j->simulation.optics;
  ptrdiff_t first, count, n = j->n < SAMPLE ? (ptrdiff_t)j->n : SAMPLE;
  double mine[SAMPLE], *all = NULL;
  void *bytes = NULL;
  int64_t n_bytes;
  fz_mpi_slice(comm, n, &first, &count);
  for (ptrdiff_t i = 0; i < count; i++) {
    fz_particle q;
    int c;
    fz_simulation_particle(&j->simulation, first + i, &q, &c);
    mine[i] = fz_forward_variance(j->forward[c], &q, optics, optics->pixel_A);
  }
  fz_status st = fz_mpi_allgather_bytes(comm, mine, count * (int64_t)sizeof *mine, &bytes, &n_bytes, err);
  if (st != FZ_OK) return st;
  all = bytes;
  *mean = 0;
  for (ptrdiff_t i = 0; i < n; i++) *mean += all[i] / (double)n;
  fz_free(&bytes);
  if (!(*mean > 0)) return fz_fail(err, FZ_EINPUT, "the map has no contrast: its projections are constant");
  return FZ_OK;
}

static fz_status make_image(void *context, int64_t i, float *pixels, fz_error *err) {
  job *j = context;
  const fz_optics *optics = &j->simulation.optics;
  ptrdiff_t size = (ptrdiff_t)j->box * j->box;
  fz_particle q;
  int c;
  (void)err;
  fz_simulation_particle(&j->simulation, i, &q, &c);
  if (fz_simulation_is_junk(&j->simulation, i))
    memset(j->pixels, 0, (size_t)size * sizeof *j->pixels);
  else
    fz_forward_image(j->forward[c], &q, optics, optics->pixel_A, j->pixels);
  if (j->noise_sd > 0) {
    fz_noise_add(j->noise, j->simulation.seed, i, j->noise_sd, j->pixels);
    fz_simulation_normalize(j->box, j->radius_px, j->pixels);
  }
  for (ptrdiff_t r = 0; r < size; r++) pixels[r] = (float)j->pixels[r];
  return FZ_OK;
}

static fz_status write_truth_maps(const settings *s, job *j, fz_error *err) {
  fz_status st = FZ_OK;
  for (int c = 0; c < j->n_maps; c++) {
    char path[FZ_PATH_MAX], name[32] = "truth.mrc";
    if (j->n_maps > 1) snprintf(name, sizeof name, "truth_class%d.mrc", c + 1);
    FZ_TRY(fz_io_path_join(path, s->output, name, err));
    ptrdiff_t size = (ptrdiff_t)j->box * j->box * j->box;
    for (ptrdiff_t i = 0; j->noise_sd > 0 && i < size; i++)
      j->map[c].voxel[i] = (float)((double)j->map[c].voxel[i] / j->noise_sd);
    FZ_TRY(fz_io_map_write(path, &j->map[c], "frazil simulate: the true map", err));
  }
done:
  return st;
}

static fz_status write_stars(const settings *s, const job *j, fz_error *err) {
  static const char *const stack_name = "particles.mrcs";
  fz_status st = FZ_OK;
  char path[FZ_PATH_MAX], comment[128];
  fz_optics optics = j->simulation.optics;
  char *stack_path = fz_strdup(stack_name);
  fz_particles table = {.n = j->n, .n_optics = 1, .optics = &optics, .n_stacks = 1, .stack_path = &stack_path};
  fz_io_particles *file = NULL;
  table.particle = fz_alloc((ptrdiff_t)j->n, sizeof *table.particle);
  double *class_number = fz_alloc((ptrdiff_t)j->n, sizeof *class_number);
  double *junk = fz_alloc((ptrdiff_t)j->n, sizeof *junk);
  fz_particle *blank = fz_alloc((ptrdiff_t)j->n, sizeof *blank);
  if (!stack_path || !table.particle || !class_number || !junk || !blank) {
    st = fz_fail(err, FZ_ENOMEM, "no memory for %lld particles", (long long)j->n);
    goto done;
  }
  for (int64_t i = 0; i < j->n; i++) {
    int c;
    fz_simulation_particle(&j->simulation, i, &table.particle[i], &c);
    class_number[i] = c + 1;
    junk[i] = fz_simulation_is_junk(&j->simulation, i);
  }
  snprintf(comment, sizeof comment, "frazil %s simulate, seed %lld", fz_version(), (long long)s->seed);
  FZ_TRY(fz_io_particles_from_table(&table, NULL, &file, err));
  fz_io_particles_output poses = {.pose = blank, .comment = comment};
  FZ_TRY(fz_io_path_join(path, s->output, "particles.star", err));
  FZ_TRY(fz_io_particles_write(file, path, &poses, err));
  fz_io_particles_column columns[2];
  fz_io_particles_output truth = {.pose = table.particle, .column = columns, .comment = comment};
  if (s->junk > 0) columns[truth.columns++] = (fz_io_particles_column){.label = "frazilJunk", .number = junk};
  if (j->n_maps > 1)
    columns[truth.columns++] = (fz_io_particles_column){.label = "rlnClassNumber", .number = class_number};
  FZ_TRY(fz_io_path_join(path, s->output, "truth.star", err));
  FZ_TRY(fz_io_particles_write(file, path, &truth, err));
done:
  fz_io_particles_destroy(&file);
  fz_free(&blank);
  fz_free(&junk);
  fz_free(&class_number);
  fz_free(&table.particle);
  fz_free(&stack_path);
  return st;
}

static fz_status run(fz_mpi *comm, settings *s, const fz_option *table, fz_error *err) {
  job j = {0};
  char path[FZ_PATH_MAX];
  double variance = 0;
  bool first = fz_mpi_rank(comm) == 0;
  fz_status st = first ? fz_io_make_dir(s->output, err) : FZ_OK;
  FZ_TRY(fz_mpi_agree(comm, st, err));
  FZ_TRY(fz_mpi_agree(comm, prepare(s, &j, err), err));
  FZ_TRY(fz_mpi_agree(comm, mean_variance(comm, &j, &variance, err), err));
  j.noise_sd = s->no_noise ? 0 : sqrt(variance / s->snr);
  s->n = j.n;
  FZ_TRY(fz_io_path_join(path, s->output, "particles.mrcs", err));
  FZ_TRY(fz_io_stack_fill(comm, path, j.box, j.n, j.simulation.optics.pixel_A, make_image, &j, err));
  if (first) {
    st = write_truth_maps(s, &j, err);
    if (st == FZ_OK) st = write_stars(s, &j, err);
    if (st == FZ_OK) st = fz_options_save(table, s->output, "simulate", NULL, err);
  }
  FZ_TRY(fz_mpi_agree(comm, st, err));
  if (first) {
    char quality[64] = "no noise";
    if (!s->no_noise) snprintf(quality, sizeof quality, "SNR %g", s->snr);
    printf("%lld particles of %d x %d pixels at %g A, %s, written to %s\n", (long long)j.n, j.box, j.box,
           j.simulation.optics.pixel_A, quality, s->output);
  }
done:
  clear_job(&j);
  return st;
}

fz_status fz_cmd_simulate(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  settings s = {0};
  const fz_option table[] = {
      {"map", FZ_OPTION_LIST, &s.sources.maps, .metavar = "FILE", .group = "What is imaged",
       .help = "Map (MRC). Repeat for a mixture. Without any of these three the phantom 'asymmetric' is taken."},
      {"atoms", FZ_OPTION_LIST, &s.sources.atoms, .metavar = "FILE",
       .help = "Atomic model (PDB or mmCIF), centred on its mass; hydrogen and water are left out, alternate locations "
               "count with their occupancies, the first model is taken."},
      {"phantom", FZ_OPTION_LIST, &s.sources.phantoms, .metavar = "NAME",
       .help = "Built-in object: asymmetric, open (its second conformation), rod, protein (a fine chain), dipole (no "
               "density "
               "in all; only high frequencies tell the pose), axial (six subunits about z that differ a little), "
               "octahedral (a cage with exact symmetry 432) or onion (shells: no pose can be found)."},
      {"class-weight", FZ_OPTION_LIST, &s.class_weights, .metavar = "W",
       .help =
           "Share of a map in the mixture, one per map in class order; any positive numbers. Equal when not given."},
      {"resolution", FZ_OPTION_REAL, &s.sources.resolution_A, .minimum = 0, .maximum = 1000, .metavar = "A",
       .help = "Blur of models and phantoms, in Angstrom: Gaussians of width 0.225 of this. 0 means 4 pixels."},
      {"box", FZ_OPTION_INT, &s.sources.box, .minimum = 0, .maximum = 4096, .metavar = "PIXELS", .group = "Images",
       .help = "Edge of the images. 0 means the map's, 1.5 times the size of a model, or 64 for a phantom."},
      {"pixel-size", FZ_OPTION_REAL, &s.sources.pixel_A, .minimum = 0, .maximum = 1000, .metavar = "A",
       .help = "Pixel size in Angstrom. 0 means the map's, or 4."},
      {"n", FZ_OPTION_INT, &s.n, .minimum = 0, .maximum = 2147483647, .metavar = "N",
       .help = "Number of particles. 0 means as many as --poses lists, or 1000."},
      {"snr", FZ_OPTION_REAL, &s.snr, .default_text = "0.1", .minimum = 1e-9, .maximum = 1e9, .metavar = "RATIO",
       .help = "Variance of the clean image with CTF over that of the noise."},
      {"noise-falloff", FZ_OPTION_REAL, &s.falloff_A, .minimum = 0, .maximum = 1e6, .metavar = "A",
       .help = "Coloured noise, of the power 1 / (1 + (k A)^2) + 0.2 at the frequency k in 1/Angstrom, scaled to the "
               "variance of white noise. 0 means white."},
      {"junk", FZ_OPTION_REAL, &s.junk, .minimum = 0, .maximum = 1, .metavar = "SHARE",
       .help = "Share of particles that show noise only, frazilJunk 1 in truth.star."},
      {"no-noise", FZ_OPTION_FLAG, &s.no_noise,
       .help = "Clean images: no noise and no normalization; truth.mrc then is the map itself."},
      {"mask-diameter", FZ_OPTION_REAL, &s.mask_diameter_A, .minimum = 0, .maximum = 1e6, .metavar = "A",
       .help = "Pixels outside this circle are background for the normalization. 0 means 0.9 of the box."},
      {"poses", FZ_OPTION_TEXT, &s.poses, .metavar = "FILE", .group = "Poses",
       .help = "Take angles and origins from this STAR or .cs file, row by row, instead of drawing them."},
      {"view-peak", FZ_OPTION_LIST, &s.peaks, .metavar = "ROT,TILT,KAPPA[,WEIGHT]",
       .help = "Peak of a von Mises-Fisher mixture of viewing directions: middle in degrees, concentration (spread "
               "about 1/sqrt(KAPPA) radians). Repeatable. Without any, poses are uniform."},
      {"view-uniform", FZ_OPTION_REAL, &s.uniform, .default_text = "0", .minimum = 0, .maximum = 1, .metavar = "SHARE",
       .help = "Share of uniform views among the peaks."},
      {"shift-sd", FZ_OPTION_REAL, &s.shift_sd_A, .default_text = "5", .minimum = 0, .maximum = 1e4, .metavar = "A",
       .help = "Standard deviation of the origin along x and along y."},
      {"defocus-min", FZ_OPTION_REAL, &s.defocus_min_A, .default_text = "10000", .minimum = -1e6, .maximum = 1e6,
       .metavar = "A", .group = "Optics",
       .help = "Least defocus U, underfocus positive; drawn uniformly up to --defocus-max."},
      {"defocus-max", FZ_OPTION_REAL, &s.defocus_max_A, .default_text = "25000", .minimum = -1e6, .maximum = 1e6,
       .metavar = "A", .help = "Largest defocus U."},
      {"astigmatism", FZ_OPTION_REAL, &s.astigmatism_A, .default_text = "500", .minimum = 0, .maximum = 1e6,
       .metavar = "A", .help = "U minus V is drawn uniformly from 0 to this; the angle is uniform."},
      {"voltage", FZ_OPTION_REAL, &s.voltage_kV, .default_text = "300", .minimum = 1, .maximum = 5000, .metavar = "KV",
       .help = "Acceleration voltage."},
      {"cs", FZ_OPTION_REAL, &s.cs_mm, .default_text = "2.7", .minimum = -100, .maximum = 100, .metavar = "MM",
       .help = "Spherical aberration."},
      {"amplitude-contrast", FZ_OPTION_REAL, &s.contrast, .default_text = "0.1", .minimum = 0, .maximum = 1,
       .metavar = "Q", .help = "Share of amplitude contrast."},
      {"no-ctf", FZ_OPTION_FLAG, &s.no_ctf, .help = "No CTF in the images and none in the STAR files."},
      {"output", FZ_OPTION_TEXT, &s.output, .required = true, .metavar = "DIR", .group = "Run",
       .help = "Folder to write to; it is made if it is not there."},
      {"seed", FZ_OPTION_INT, &s.seed, .default_text = "1", .minimum = 0, .maximum = 4503599627370496, .metavar = "N",
       .help = "The same seed gives the same files."},
      {"config", FZ_OPTION_TEXT, &s.config, .metavar = "FILE", .help = "Read options from this YAML file."},
      {.name = NULL}};
  fz_parsed parsed = {0};
  fz_status st = fz_options_parse(&page, table, argc, argv, fz_mpi_rank(comm) == 0, &parsed, err);
  st = fz_mpi_agree(comm, st, err);
  if (st == FZ_OK && !parsed.help) {
    if (fz_map_sources_count(&s.sources) == 0) s.sources.phantoms = (fz_option_list){1, {"asymmetric"}};
    st = run(comm, &s, table, err);
  }
  fz_parsed_clear(&parsed);
  return st;
}
