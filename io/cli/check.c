#include "io/cli/check.h"

#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "io/atoms.h"
#include "io/checkpoint.h"
#include "io/describe.h"
#include "io/images.h"
#include "io/images_check.h"
#include "io/mrc.h"
#include "mpi/dataset.h"

/* ---- images ---- */

/* The images to look at, as a table of their own: those that headers and table let be read, in one box, evenly spread
 * when they are a sample.  Only rank 0 has read the headers. */
static fz_status choose(const fz_check *c, fz_particles *chosen, fz_error *err) {
  const fz_particles *t = fz_io_particles_table(c->particles);
  int64_t usable = 0, most = strcmp(c->r->images, "all") ? c->r->sample : t->n;
  uint8_t *take = fz_alloc((ptrdiff_t)t->n, 1);
  fz_status st = take ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory");
  FZ_TRY(fz_mpi_agree(c->comm, st, err));
  int box = 0;
  double pixel_A = 0;
  for (int64_t i = 0; fz_mpi_rank(c->comm) == 0 && i < t->n; i++) {
    const fz_optics *o = &t->optics[t->particle[i].optics];
    if (!fz_io_particles_image_usable(c->particles, i) || o->box < FZ_IO_BOX_LEAST || !(o->pixel_A > 0)) continue;
    if (!box) {
      box = o->box;
      pixel_A = o->pixel_A;
    }
    take[i] = o->box == box && o->pixel_A == pixel_A;
    usable += take[i];
  }
  fz_mpi_broadcast(c->comm, &usable, sizeof usable);
  fz_mpi_broadcast(c->comm, take, (size_t)t->n);
  *chosen = *t;
  chosen->n = 0;
  chosen->particle = fz_alloc((ptrdiff_t)(usable < most ? usable : most), sizeof *chosen->particle);
  st = chosen->particle ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory");
  FZ_TRY(fz_mpi_agree(c->comm, st, err));
  int64_t seen = 0;
  for (int64_t i = 0; i < t->n; i++) {
    if (!take[i]) continue;
    /* Image j of u is in the sample of m when j m / u reaches the next whole number. */
    bool in = usable <= most || (seen + 1) * most / usable > seen * most / usable;
    seen++;
    if (in) chosen->particle[chosen->n++] = t->particle[i];
  }
done:
  fz_free(&take);
  return st;
}

static fz_status look_at(fz_check *c, const fz_particles *chosen, fz_error *err) {
  fz_images images = {0};
  fz_dataset data = {0};
  uint8_t *fault = fz_alloc((ptrdiff_t)chosen->n, 1);
  fz_status st = fault ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory");
  if (st == FZ_OK) st = fz_io_images_open(chosen, 0, &images, err);
  FZ_TRY(fz_mpi_agree(c->comm, st, err));
  double radius = fz_io_mask_radius_px(images.box);
  FZ_TRY(fz_mpi_dataset_scan(c->comm, chosen, &images, radius, (fz_mpi_pause){0}, &data, fault, err));
  const fz_io_images_seen seen = {.particles = c->particles,
                                  .images = &images,
                                  .table = chosen,
                                  .fault = fault,
                                  .contrast = data.contrast,
                                  .max_excluded_percent = c->r->max_excluded_percent};
  c->looked_at = chosen->n;
  c->contrast = data.contrast;
  if (fz_mpi_rank(c->comm) == 0) st = fz_io_images_check(&seen, c->findings, err);
  st = fz_mpi_agree(c->comm, st, err);
done:
  fz_dataset_clear(&data);
  fz_io_images_close(&images);
  fz_free(&fault);
  return st;
}

static fz_status check_images(fz_check *c, fz_error *err) {
  fz_particles chosen = {0};
  if (!strcmp(c->r->images, "none")) return FZ_OK;
  fz_status st = choose(c, &chosen, err);
  if (st == FZ_OK && chosen.n > 0) st = look_at(c, &chosen, err);
  fz_free(&chosen.particle);
  return st;
}

/* ---- the table ---- */

static fz_status check_particles(fz_check *c, fz_error *err) {
  const char *path = c->r->particles;
  bool first = fz_mpi_rank(c->comm) == 0;
  fz_status st = fz_io_particles_read_noting(path, c->findings, &c->particles, err);
  bool readable = !fz_mpi_any(c->comm, st != FZ_OK);
  st = fz_io_findings_settle(c->findings, path, st, err);
  FZ_TRY(fz_mpi_agree(c->comm, st, err));
  if (!readable) goto done;
  if (first) st = fz_io_particles_check(c->particles, c->findings, err);
  if (first && st == FZ_OK) st = fz_io_particles_check_box(c->particles, c->findings, err);
  FZ_TRY(fz_mpi_agree(c->comm, st, err));
  st = fz_io_findings_settle(c->findings, path, check_images(c, err), err);
done:
  return st;
}

/* ---- further files ---- */

static bool named(const char *path, const char *const *endings) {
  size_t length = strlen(path);
  for (; *endings; endings++) {
    size_t n = strlen(*endings);
    if (length > n && strcmp(path + length - n, *endings) == 0) return true;
  }
  return false;
}

/* A run folder: its newest checkpoint is read to its end; damaged ones are warned of by the reader. collective */
static fz_status check_run_dir(fz_check *c, const char *path, fz_error *err) {
  fz_io_checkpoint *checkpoint = NULL;
  fz_status st = fz_io_checkpoint_open(c->comm, path, &checkpoint, err);
  fz_io_checkpoint_close(&checkpoint);
  return st;
}

static fz_status check_map(const char *path, fz_error *err) {
  fz_map map;
  fz_status st = fz_io_map_read(path, &map, err);
  if (st == FZ_OK) fz_map_clear(&map);
  return st;
}

static fz_status check_atoms(const char *path, fz_error *err) {
  fz_atoms atoms;
  fz_status st = fz_io_atoms_read(path, &atoms, err);
  if (st == FZ_OK) fz_atoms_clear(&atoms);
  return st;
}

static fz_status check_file(const char *path, fz_error *err) {
  static const char *const models[] = {".pdb", ".ent", ".cif", ".mmcif", NULL};
  static const char *const stacks[] = {".mrcs", ".st", NULL}, *const maps[] = {".mrc", ".map", ".ccp4", NULL};
  FILE *nowhere = fopen("/dev/null", "w");
  if (!nowhere) return fz_fail(err, FZ_EIO, "/dev/null: cannot open");
  fz_status st;
  if (named(path, models))
    st = check_atoms(path, err);
  else if (named(path, maps) && !named(path, stacks))
    st = check_map(path, err);
  else
    st = fz_io_describe(path, nowhere, err);
  fclose(nowhere);
  return st;
}

static fz_status check_other(fz_check *c, const char *path, fz_error *err) {
  struct stat info;
  bool folder = fz_mpi_rank(c->comm) == 0 && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
  fz_mpi_broadcast(c->comm, &folder, sizeof folder);
  fz_status st = FZ_OK;
  if (folder)
    st = check_run_dir(c, path, err);
  else if (fz_mpi_rank(c->comm) == 0)
    st = check_file(path, err);
  return fz_mpi_agree(c->comm, fz_io_findings_settle(c->findings, path, st, err), err);
}

/* ---- all of it ---- */

fz_status fz_check_run(fz_mpi *comm, const fz_check_request *r, fz_check *c, fz_error *err) {
  *c = (fz_check){.comm = comm, .r = r, .findings = fz_io_findings_create(false)};
  fz_status st = c->findings ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory");
  FZ_TRY(fz_mpi_agree(comm, st, err));
  if (r->particles) FZ_TRY(check_particles(c, err));
  for (int i = 0; i < r->n_files; i++) FZ_TRY(check_other(c, r->file[i], err));
done:
  return st;
}

void fz_check_clear(fz_check *c) {
  fz_io_particles_destroy(&c->particles);
  fz_io_findings_destroy(&c->findings);
}
