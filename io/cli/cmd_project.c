/* frazil project: projections of a map at given poses. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/version.h"
#include "io/cli/command.h"
#include "io/cli/map_sources.h"
#include "io/cli/options.h"
#include "io/particles.h"
#include "io/run_dir.h"
#include "io/stack_fill.h"
#include "model/forward.h"

static const fz_command page = {
    .name = "project",
    .summary = "projections of a map at given poses",
    .description =
        "Makes one image for each row of a STAR or .cs file: the map's projection at the row's angles, shifted by its "
        "origin, with its CTF if asked. Without CTF a pixel is the sum of the voxels along the viewing direction, as "
        "in "
        "relion_project. Frequencies beyond Nyquist's circle (the corners of the square) are 0.\n"
        "\n"
        "Beside the stack, a STAR file of the same name lists the images with their poses and optics.",
    .examples =
        "  frazil project map.mrc --poses particles.star --output projections.mrcs\n"
        "  mpirun -n 4 frazil project map.mrc --poses run1/particles.star --ctf --output model.mrcs\n",
    .operands = "MAP",
    .min_operands = 1,
    .max_operands = 1,
};

typedef struct job {
  fz_map map;
  fz_io_particles *poses;
  fz_forward *forward;
  bool ctf;
  double *pixels; /* [n][n] */
} job;

/* The poses' table may know the pixel size, the CTF and nothing of either; what it says must fit the map. */
static fz_status check_optics(const job *j, const char *map_path, fz_error *err) {
  const fz_particles *t = fz_io_particles_table(j->poses);
  const char *path = fz_io_particles_path(j->poses);
  for (int g = 0; g < t->n_optics; g++) {
    const fz_optics *o = &t->optics[g];
    if (o->pixel_A > 0 && fabs(o->pixel_A - j->map.voxel_A) > 0.01 * j->map.voxel_A)
      return fz_fail(err, FZ_EINPUT,
                     "%s: optics group %s has pixels of %g A, but the voxels of %s are %g A; resample the map", path,
                     o->name, o->pixel_A, map_path, j->map.voxel_A);
    if (!j->ctf) continue;
    if (!o->has_ctf || !(o->voltage_kV > 0))
      return fz_fail(
          err, FZ_EINPUT,
          "%s: --ctf needs _rlnDefocusU, V and Angle of each row and _rlnVoltage, _rlnSphericalAberration and "
          "_rlnAmplitudeContrast of optics group %s",
          path, o->name);
  }
  for (int i = 0; j->ctf && i < fz_io_particles_unsupported_count(j->poses); i++)
    return fz_fail(err, FZ_EINPUT, "%s", fz_io_particles_unsupported(j->poses, i));
  return FZ_OK;
}

static fz_status prepare(fz_map_sources *source, const char *poses, job *j, fz_error *err) {
  fz_status st = FZ_OK;
  FZ_TRY(fz_map_sources_load(source, &j->map, err));
  FZ_TRY(fz_io_particles_read_poses(poses, &j->poses, err));
  FZ_TRY(check_optics(j, source->maps.item[0], err));
  if (j->map.n < 8) {
    st = fz_fail(err, FZ_EINPUT, "%s: a box of %d voxels is too small; 8 is the least", source->maps.item[0], j->map.n);
    goto done;
  }
  j->forward = fz_forward_create(&j->map);
  j->pixels = fz_alloc((ptrdiff_t)j->map.n * j->map.n, sizeof *j->pixels);
  if (!j->forward || !j->pixels) st = fz_fail(err, FZ_ENOMEM, "no memory to project a map of %d voxels", j->map.n);
done:
  return st;
}

static fz_status make_image(void *context, int64_t i, float *pixels, fz_error *err) {
  job *j = context;
  const fz_particles *t = fz_io_particles_table(j->poses);
  const fz_particle *q = &t->particle[i];
  (void)err;
  fz_forward_image(j->forward, q, j->ctf ? &t->optics[q->optics] : NULL, j->map.voxel_A, j->pixels);
  for (ptrdiff_t r = 0; r < (ptrdiff_t)j->map.n * j->map.n; r++) pixels[r] = (float)j->pixels[r];
  return FZ_OK;
}

/* "x/y.mrcs" -> "x/y.star" and the name "y.mrcs" that the rows carry. */
static fz_status star_names(const char *stack, char star[FZ_PATH_MAX], const char **name, fz_error *err) {
  size_t length = strlen(stack);
  if (length < 6 || strcmp(stack + length - 5, ".mrcs") != 0)
    return fz_fail(err, FZ_EINVAL, "--output %s: the name of a stack must end in .mrcs", stack);
  if (length >= FZ_PATH_MAX) return fz_fail(err, FZ_EINVAL, "--output: the path is too long");
  const char *slash = strrchr(stack, '/');
  *name = slash ? slash + 1 : stack;
  snprintf(star, FZ_PATH_MAX, "%.*s.star", (int)length - 5, stack);
  return FZ_OK;
}

static fz_status write_star(const job *j, const char *star, const char *name, fz_error *err) {
  const fz_particles *from = fz_io_particles_table(j->poses);
  fz_particles table = {.n = from->n, .n_optics = from->n_optics, .n_stacks = 1};
  char comment[128], *stack = fz_strdup(name);
  fz_io_particles *file = NULL;
  fz_status st = FZ_OK;
  table.particle = fz_alloc((ptrdiff_t)from->n, sizeof *table.particle);
  table.optics = fz_alloc(from->n_optics, sizeof *table.optics);
  table.stack_path = &stack;
  if (!stack || !table.particle || !table.optics) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory", star);
    goto done;
  }
  memcpy(table.optics, from->optics, (size_t)from->n_optics * sizeof *table.optics);
  for (int g = 0; g < table.n_optics; g++) {
    table.optics[g].box = j->map.n;
    table.optics[g].pixel_A = j->map.voxel_A;
    table.optics[g].has_ctf = j->ctf; /* the columns say what is in the images */
  }
  for (int64_t i = 0; i < table.n; i++) {
    table.particle[i] = from->particle[i];
    table.particle[i].stack = 0;
    table.particle[i].slice = i;
  }
  snprintf(comment, sizeof comment, "frazil %s project", fz_version());
  fz_io_particles_output what = {.comment = comment};
  FZ_TRY(fz_io_particles_from_table(&table, NULL, &file, err));
  FZ_TRY(fz_io_particles_write(file, star, &what, err));
done:
  fz_io_particles_destroy(&file);
  fz_free(&table.optics);
  fz_free(&table.particle);
  fz_free(&stack);
  return st;
}

static fz_status run(fz_mpi *comm, fz_map_sources *source, const char *poses, bool ctf, const char *output,
                     fz_error *err) {
  job j = {.ctf = ctf};
  char star[FZ_PATH_MAX];
  const char *name = NULL;
  bool first = fz_mpi_rank(comm) == 0;
  fz_status st = star_names(output, star, &name, err);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  FZ_TRY(fz_mpi_agree(comm, prepare(source, poses, &j, err), err));
  int64_t n = fz_io_particles_table(j.poses)->n;
  FZ_TRY(fz_io_stack_fill(comm, output, j.map.n, n, j.map.voxel_A, make_image, &j, err));
  FZ_TRY(fz_mpi_agree(comm, first ? write_star(&j, star, name, err) : FZ_OK, err));
  if (first) printf("%lld projections of %d x %d pixels written to %s\n", (long long)n, j.map.n, j.map.n, output);
done:
  fz_forward_destroy(&j.forward);
  fz_io_particles_destroy(&j.poses);
  fz_map_clear(&j.map);
  fz_free(&j.pixels);
  return st;
}

fz_status fz_cmd_project(fz_mpi *comm, int argc, char **argv, fz_error *err) {
  const char *poses, *output, *config;
  bool ctf;
  fz_map_sources source = {0};
  const fz_option table[] = {
      {"poses", FZ_OPTION_TEXT, &poses, .required = true, .metavar = "FILE", .group = "Projections",
       .help =
           "STAR or .cs file with angles and, if there are any, origins and CTF columns; image names are not needed."},
      {"ctf", FZ_OPTION_FLAG, &ctf, .help = "Apply the CTF of each row."},
      {"pixel-size", FZ_OPTION_REAL, &source.pixel_A, .minimum = 0, .maximum = 1000, .metavar = "A",
       .help = "Voxel size in Angstrom, for a map whose header has none."},
      {"output", FZ_OPTION_TEXT, &output, .required = true, .metavar = "FILE.mrcs", .group = "Run",
       .help = "Stack to write; FILE.star is written beside it."},
      {"config", FZ_OPTION_TEXT, &config, .metavar = "FILE", .help = "Read options from this YAML file."},
      {.name = NULL}};
  fz_parsed parsed = {0};
  fz_status st = fz_options_parse(&page, table, argc, argv, fz_mpi_rank(comm) == 0, &parsed, err);
  st = fz_mpi_agree(comm, st, err);
  if (st == FZ_OK && !parsed.help) {
    source.maps = (fz_option_list){1, {parsed.operand[0]}};
    st = run(comm, &source, poses, ctf, output, err);
  }
  fz_parsed_clear(&parsed);
  return st;
}
