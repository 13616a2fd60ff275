/* frazil backproject: the map of particles with known poses. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/cli/command.h"
#include "io/cli/options.h"
#include "io/images.h"
#include "io/mrc.h"
#include "io/particles.h"
#include "io/run_dir.h"
#include "metrics/fsc.h"
#include "mpi/backprojection.h"
#include "mpi/memory.h"
#include "mpi/node.h"

static const fz_command page = {
    .name = "backproject",
    .summary = "map and half-maps from particles with known poses",
    .description =
        "Reconstructs a map from the angles, origins and CTFs in a particle file, by least squares: conjugate "
        "gradients "
        "on the exact normal equations, with the map confined to a sphere. Nothing is searched or refined.\n"
        "\n"
        "With --prior none (the default) the images are taken as they are, as relion_reconstruct does; a ridge of "
        "1/1000 of the mean weight at Nyquist stands in for what no image sees. With --prior spectrum they are "
        "normalized and masked first, noise and signal power are estimated from them, and frequencies below the noise "
        "are damped (Wiener filter).\n"
        "\n"
        "The sums are exact integers: the map has the same bits on any number of ranks. They live on a grid four times "
        "finer than the map, so memory grows quickly with the box: about 0.2 GB on each rank and 0.6 GB on the first "
        "for "
        "a box of 64 pixels, eight times that for each doubling. --max-resolution lessens it; what would need more "
        "than "
        "--max-memory is refused before the first image is read.",
    .examples =
        "  frazil backproject truth.star --output map.mrc\n"
        "  mpirun -n 8 frazil backproject run1/particles.star --halves --prior spectrum --output map.mrc\n",
    .operands = "PARTICLES",
    .min_operands = 1,
    .max_operands = 1,
};

typedef struct settings {
  const char *particles, *output, *prior, *config;
  bool halves, no_ctf;
  double max_resolution_A, mask_diameter_A, tolerance, max_memory_GB;
  int64_t iterations, seed;
} settings;

/* "x/map.mrc" -> "x/map_half1.mrc" */
static fz_status output_name(const settings *s, int which, char path[FZ_PATH_MAX], fz_error *err) {
  int length = (int)strlen(s->output) - 4;
  if (length < 1 || strcmp(s->output + length, ".mrc") != 0)
    return fz_fail(err, FZ_EINVAL, "--output %s: the name of a map must end in .mrc", s->output);
  if (length + 16 >= FZ_PATH_MAX) return fz_fail(err, FZ_EINVAL, "--output: the path is too long");
  const char *const tail[] = {"", "_half1", "_half2"};
  snprintf(path, FZ_PATH_MAX, "%.*s%s.mrc", length, s->output, tail[which]);
  return FZ_OK;
}

static fz_status make_spec(const settings *s, const fz_particles *t, fz_backprojection_spec *spec, fz_error *err) {
  int box = t->optics[0].box;
  double pixel_A = t->optics[0].pixel_A, edge_px = 5;
  if (box < 16)
    return fz_fail(err, FZ_EINPUT, "%s: a box of %d pixels is too small; 16 is the least", s->particles, box);
  *spec = (fz_backprojection_spec){.kmax = box / 2 - 1,
                                   .prior = strcmp(s->prior, "spectrum") == 0,
                                   .halves = s->halves,
                                   .mask_edge_px = edge_px,
                                   .seed = (uint64_t)s->seed,
                                   .iterations = (int)s->iterations,
                                   .tolerance = s->tolerance};
  if (s->max_resolution_A > 0) {
    double k = floor(box * pixel_A / s->max_resolution_A);
    if (k < 3)
      return fz_fail(err, FZ_EINVAL, "--max-resolution %g A leaves fewer than 3 shells of a box of %g A",
                     s->max_resolution_A, box * pixel_A);
    spec->kmax = (int)fmin(k, spec->kmax);
  }
  spec->mask_radius_px = spec->prior ? 0.45 * box : box / 2.0 - edge_px;
  if (s->mask_diameter_A > 0) spec->mask_radius_px = 0.5 * s->mask_diameter_A / pixel_A;
  if (spec->mask_radius_px > 0.5 * box)
    return fz_fail(err, FZ_EINVAL, "--mask-diameter %g A is larger than the box of %g A", s->mask_diameter_A,
                   box * pixel_A);
  return FZ_OK;
}

/* Refuse before the first image what would be killed for its memory later. */
static fz_status check_memory(fz_mpi *comm, const settings *s, int box, const fz_backprojection_spec *spec,
                              fz_error *err) {
  double nodes = fz_mpi_report_sum(comm, fz_mpi_node_leader(comm) ? 1 : 0);
  double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  double allowed = s->max_memory_GB > 0 ? 1e9 * s->max_memory_GB : 0.8 * machine * nodes / fz_mpi_size(comm);
  double needed = fz_backprojection_bytes(box, spec);
  fz_log(FZ_LOG_DETAIL, "memory per rank: up to %.2f GB of %.2f GB", needed / 1e9, allowed / 1e9);
  fz_status st = FZ_OK;
  if (needed > allowed)
    st = fz_fail(err, FZ_EINVAL,
                 "%s: a box of %d pixels up to %d cycles needs %.1f GB on the first rank, %.1f GB are allowed; lower "
                 "--max-resolution, run fewer ranks per node or raise --max-memory",
                 s->particles, box, spec->kmax, needed / 1e9, allowed / 1e9);
  return fz_mpi_agree(comm, st, err);
}

static fz_status print_resolution(const fz_backprojection *r, int box, double voxel_A,
                                  const fz_backprojection_spec *spec, fz_map *half, fz_error *err) {
  fz_status st = FZ_OK;
  double *fsc = fz_alloc(fz_fsc_shells(box), sizeof *fsc);
  float *mask = fz_alloc((ptrdiff_t)box * box * box, sizeof *mask);
  if (!fsc || !mask) {
    st = fz_fail(err, FZ_ENOMEM, "no memory to correlate maps of %d voxels", box);
    goto done;
  }
  fz_fsc_sphere(box, spec->mask_radius_px, spec->mask_edge_px, mask);
  FZ_TRY(fz_fsc_compute(&half[0], &half[1], mask, fsc, err));
  fz_fsc_crossing c = fz_fsc_cross(fsc, box, voxel_A, 0.143);
  printf("half-maps of %lld and %lld images agree (FSC 0.143) to %s%.2f A\n", (long long)r->images[1],
         (long long)r->images[2], c.never ? "at least " : "", c.resolution_A);
done:
  fz_free(&mask);
  fz_free(&fsc);
  return st;
}

static fz_status write_maps(const settings *s, const fz_backprojection *r, int box, double voxel_A,
                            const fz_backprojection_spec *spec, fz_error *err) {
  static const char *const label[] = {"frazil backproject", "frazil backproject, half 1", "frazil backproject, half 2"};
  fz_map map[3] = {{0}};
  ptrdiff_t size = (ptrdiff_t)box * box * box;
  fz_status st = FZ_OK;
  for (int k = r->n_maps - 1; k >= 0; k--) { /* the whole map last: when it is there, all are */
    char path[FZ_PATH_MAX];
    map[k] = (fz_map){.n = box, .voxel_A = voxel_A, .voxel = fz_alloc(size, sizeof(float))};
    if (!map[k].voxel) {
      st = fz_fail(err, FZ_ENOMEM, "no memory for a map of %d voxels", box);
      goto done;
    }
    for (ptrdiff_t i = 0; i < size; i++) map[k].voxel[i] = (float)r->voxel[k][i];
    FZ_TRY(output_name(s, k, path, err));
    FZ_TRY(fz_io_map_write(path, &map[k], label[k], err));
  }
  if (r->n_maps > 1) FZ_TRY(print_resolution(r, box, voxel_A, spec, &map[1], err));
  if (r->residual[0] > 100 * s->tolerance)
    fz_log(FZ_LOG_WARN,
           "the linear system was solved to %.1e in %d iterations only; more --iterations may sharpen the map",
           r->residual[0], r->iterations[0]);
  printf("map of %lld images up to %.2f A written to %s\n", (long long)r->images[0], box * voxel_A / spec->kmax,
         s->output);
done:
  for (int k = 0; k < 3; k++) fz_map_clear(&map[k]);
  return st;
}

static fz_status open_input(const settings *s, fz_io_particles **file, fz_particles *table, fz_images *images,
                            fz_backprojection_spec *spec, fz_error *err) {
  fz_status st = FZ_OK;
  char path[FZ_PATH_MAX];
  FZ_TRY(output_name(s, 0, path, err));
  FZ_TRY(fz_io_particles_read(s->particles, file, err));
  if (!fz_io_particles_have_poses(*file)) {
    st = fz_fail(err, FZ_EINPUT,
                 "%s has no poses (_rlnAngleRot, _rlnAngleTilt, _rlnAnglePsi); find them with frazil reconstruct",
                 s->particles);
    goto done;
  }
  FZ_TRY(fz_io_particles_require_supported(*file, err));
  *table = *fz_io_particles_table(*file);
  for (int g = 0; s->no_ctf && g < table->n_optics; g++) table->optics[g].has_ctf = false;
  FZ_TRY(make_spec(s, table, spec, err));
  st = fz_io_images_open(table, 64 << 20, images, err);
done:
  return st;
}

static fz_status run(fz_mpi *comm, const settings *s, fz_error *err) {
  fz_io_particles *file = NULL;
  fz_particles table = {0}; /* a view of the file's */
  fz_images images = {0};
  fz_backprojection_spec spec;
  fz_backprojection result = {0};
  fz_status st = FZ_OK;
  FZ_TRY(fz_mpi_agree(comm, open_input(s, &file, &table, &images, &spec, err), err));
  FZ_TRY(check_memory(comm, s, images.box, &spec, err));
  FZ_TRY(fz_mpi_backproject(comm, &table, &images, &spec, &result, err));
  double peak = fz_mpi_memory_peak_bytes_max(comm);
  fz_log(FZ_LOG_DETAIL, "largest memory of any rank: %.2f GB", peak / 1e9);
  if (fz_mpi_rank(comm) == 0) st = write_maps(s, &result, images.box, table.optics[0].pixel_A, &spec, err);
  st = fz_mpi_agree(comm, st, err);
done:
  fz_backprojection_clear(&result);
  fz_io_images_close(&images);
  fz_io_particles_destroy(&file);
  return st;
}

fz_status fz_cmd_backproject(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  settings s = {0};
  const fz_option table[] = {
      {"output", FZ_OPTION_TEXT, &s.output, .required = true, .metavar = "FILE.mrc", .group = "Map",
       .help = "Map to write; half-maps get _half1 and _half2 before .mrc."},
      {"halves", FZ_OPTION_FLAG, &s.halves,
       .help = "Two half-maps, too, by rlnRandomSubset or at random, and their agreement."},
      {"max-resolution", FZ_OPTION_REAL, &s.max_resolution_A, .minimum = 0, .maximum = 1e4, .metavar = "A",
       .help = "Use frequencies up to this. 0 means Nyquist's."},
      {"mask-diameter", FZ_OPTION_REAL, &s.mask_diameter_A, .minimum = 0, .maximum = 1e6, .metavar = "A",
       .help =
           "Sphere that holds the map, with a soft edge of 5 pixels outside. 0 means the whole box, or 0.9 of it with "
           "--prior spectrum, where it masks the images as well."},
      {"prior", FZ_OPTION_CHOICE, &s.prior, .default_text = "none", .choices = "none|spectrum", .metavar = "KIND",
       .help = "What keeps noise down: nothing but a small ridge, or the signal power found in the images."},
      {"no-ctf", FZ_OPTION_FLAG, &s.no_ctf, .help = "Do not correct for the CTF."},
      {"seed", FZ_OPTION_INT, &s.seed, .default_text = "1", .minimum = 0, .maximum = 4503599627370496, .metavar = "N",
       .help = "For random half-sets."},
      {"iterations", FZ_OPTION_INT, &s.iterations, .default_text = "50", .minimum = 1, .maximum = 10000, .metavar = "N",
       .group = "Solver", .help = "Conjugate-gradient steps at most."},
      {"tolerance", FZ_OPTION_REAL, &s.tolerance, .default_text = "1e-4", .minimum = 1e-12, .maximum = 1,
       .metavar = "RATIO", .help = "Stop when the residual is this small compared with the right-hand side."},
      {"max-memory", FZ_OPTION_REAL, &s.max_memory_GB, .minimum = 0, .maximum = 1e6, .metavar = "GB", .group = "Run",
       .help = "Memory that a rank may take. 0 means its share of 80 % of the machine."},
      {"config", FZ_OPTION_TEXT, &s.config, .metavar = "FILE", .help = "Read options from this YAML file."},
      {.name = NULL}};
  fz_parsed parsed = {0};
  fz_status st = fz_options_parse(&page, table, argc, argv, fz_mpi_rank(comm) == 0, &parsed, err);
  st = fz_mpi_agree(comm, st, err);
  if (st == FZ_OK && !parsed.help) {
    s.particles = parsed.operand[0];
    st = run(comm, &s, err);
  }
  fz_parsed_clear(&parsed);
  return st;
}
