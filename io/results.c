#include "io/results.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/fsc_file.h"
#include "io/mrc.h"
#include "io/plot.h"
#include "io/run_dir.h"
#include "metrics/fsc.h"

enum { LINE_MAX_BYTES = 400, NAME_MAX_BYTES = 64 };

/* One call of fz_io_results_write. */
typedef struct job {
  const char *dir;
  const fz_io_results *r;
  int leading; /* the most populated class */
  fz_map map;  /* scratch, in single precision */
} job;

/* text [NAME_MAX_BYTES] */
static const char *halves_say(const fz_io_results *r, char *text) {
  snprintf(text, NAME_MAX_BYTES, "refined apart beyond %.1f A", r->apart_A);
  return text;
}

static int most_populated(const fz_io_results *r, int64_t *count) {
  int best = 0;
  for (int64_t i = 0; i < r->data->table->n; i++)
    if (r->data->half[i] >= 0) count[(int)r->data->state[i].class_index]++;
  for (int k = 1; k < r->n_classes; k++)
    if (count[k] > count[best]) best = k;
  return best;
}

/* "class2_map.mrc", or "map.mrc" for class -1; path [FZ_PATH_MAX] */
static fz_status path_of(const job *j, int class_index, const char *name, char *path, fz_error *err) {
  char full[NAME_MAX_BYTES];
  if (class_index < 0)
    snprintf(full, sizeof full, "%s", name);
  else
    snprintf(full, sizeof full, "class%d_%s", class_index + 1, name);
  return fz_io_path_join(path, j->dir, full, err);
}

/* Class k of `volume` into the scratch map and from there into a file. */
static fz_status write_map(job *j, const double *volume, int k, const char *path, const char *label, fz_error *err) {
  const ptrdiff_t voxels = (ptrdiff_t)j->map.n * j->map.n * j->map.n;
  const double *from = volume + k * voxels;
  for (ptrdiff_t i = 0; i < voxels; i++) j->map.voxel[i] = (float)from[i];
  return fz_io_map_write(path, &j->map, label, err);
}

static fz_status write_maps(job *j, int k, int name_class, fz_error *err) {
  const fz_io_results *r = j->r;
  const struct {
    const char *name, *what;
    const double *volume;
  } file[] = {{"half1.mrc", "half-map 1", r->half1}, {"half2.mrc", "half-map 2", r->half2}, {"map.mrc", "map", r->map}};
  char path[FZ_PATH_MAX], label[LINE_MAX_BYTES], say[NAME_MAX_BYTES];
  fz_status st = FZ_OK;
  for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) {
    bool half = file[i].volume != r->map;
    snprintf(label, sizeof label, "%s%s%s; %.300s", file[i].what, half ? ", " : "", half ? halves_say(r, say) : "",
             r->label);
    FZ_TRY(path_of(j, name_class, file[i].name, path, err));
    FZ_TRY(write_map(j, file[i].volume, k, path, label, err));
  }
  /* The last one, map.mrc, is still in the scratch. */
  FZ_TRY(path_of(j, name_class, "slices.png", path, err));
  FZ_TRY(fz_io_plot_map(path, r->label, &j->map, err));
done:
  return st;
}

static fz_status write_curve(const job *j, int k, int name_class, fz_error *err) {
  const fz_io_results *r = j->r;
  const double *fsc = r->fsc + (ptrdiff_t)k * r->n_shells;
  char path[FZ_PATH_MAX], title[LINE_MAX_BYTES], say[NAME_MAX_BYTES];
  fz_status st = FZ_OK;
  snprintf(title, sizeof title, "half-maps, %s; %.300s", halves_say(r, say), r->label);
  FZ_TRY(path_of(j, name_class, "fsc.star", path, err));
  FZ_TRY(fz_io_fsc_write_star(path, title, r->box, r->voxel_A, fsc, err));
  FZ_TRY(path_of(j, name_class, "fsc.xml", path, err));
  FZ_TRY(fz_io_fsc_write_xml(path, title, r->box, r->voxel_A, fsc, err));
done:
  return st;
}

static void name_curve(const fz_io_results *r, int k, char name[NAME_MAX_BYTES]) {
  int used = 0;
  if (r->n_classes > 1) used = snprintf(name, NAME_MAX_BYTES, "class %d, ", k + 1);
  if (r->mask_radius_px > 0)
    snprintf(name + used, (size_t)(NAME_MAX_BYTES - used), "inside %.0f \xc3\x85", 2 * r->mask_radius_px * r->voxel_A);
  else
    snprintf(name + used, (size_t)(NAME_MAX_BYTES - used), "without a mask");
}

static fz_status plot_curves(const job *j, fz_error *err) {
  const fz_io_results *r = j->r;
  char path[FZ_PATH_MAX], title[LINE_MAX_BYTES], say[NAME_MAX_BYTES];
  fz_status st = FZ_OK;
  fz_io_curve *curve = fz_alloc(r->n_classes, sizeof *curve);
  char(*name)[NAME_MAX_BYTES] = fz_alloc(r->n_classes, sizeof *name);
  if (!curve || !name) {
    st = fz_fail(err, FZ_ENOMEM, "no memory for the plot of %d curves", r->n_classes);
    goto done;
  }
  for (int k = 0; k < r->n_classes; k++) {
    name_curve(r, k, name[k]);
    curve[k] = (fz_io_curve){name[k], r->box, r->voxel_A, r->fsc + (ptrdiff_t)k * r->n_shells};
  }
  snprintf(title, sizeof title, "FSC of half-maps (%s)", halves_say(r, say));
  FZ_TRY(path_of(j, -1, "fsc.png", path, err));
  FZ_TRY(fz_io_plot_fsc(path, title, curve, r->n_classes, err));
done:
  fz_free(&name);
  fz_free(&curve);
  return st;
}

static fz_status write_volumes(const char *dir, const fz_io_results *r, fz_error *err) {
  fz_status st = FZ_OK;
  job j = {.dir = dir, .r = r, .map = {.n = r->box, .voxel_A = r->voxel_A}};
  int64_t *count = fz_alloc(r->n_classes, sizeof *count);
  j.map.voxel = fz_alloc((ptrdiff_t)r->box * r->box * r->box, sizeof *j.map.voxel);
  if (!count || !j.map.voxel) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory to write a map of %d^3 voxels", dir, r->box);
    goto done;
  }
  j.leading = most_populated(r, count);
  for (int k = 0; k < r->n_classes && r->n_classes > 1; k++) {
    FZ_TRY(write_maps(&j, k, k, err));
    FZ_TRY(write_curve(&j, k, k, err));
  }
  FZ_TRY(write_maps(&j, j.leading, -1, err));
  FZ_TRY(write_curve(&j, j.leading, -1, err));
  FZ_TRY(plot_curves(&j, err));
done:
  fz_map_clear(&j.map);
  fz_free(&count);
  return st;
}

/* Those of a half-set; row [n] */
static int64_t select_rows(const fz_dataset *data, int64_t *row) {
  int64_t rows = 0;
  for (int64_t i = 0; i < data->table->n; i++)
    if (data->half[i] >= 0) row[rows++] = i;
  return rows;
}

static fz_status write_excluded(const char *dir, fz_io_particles *p, const fz_io_results *r, fz_error *err) {
  char path[FZ_PATH_MAX], comment[LINE_MAX_BYTES];
  fz_status st = fz_io_path_join(path, dir, "excluded.star", err);
  if (st != FZ_OK) return st;
  int64_t rows = fz_io_particles_excluded(p), n = r->data->table->n + rows;
  if (!rows) {
    /* One of an earlier run in this folder would tell of particles that are in use now. */
    if (unlink(path) == 0 || errno == ENOENT) return FZ_OK;
    return fz_fail(err, FZ_EIO, "%s: cannot remove: %s", path, strerror(errno));
  }
  snprintf(comment, sizeof comment, "%lld of %lld particles were not used; %.300s", (long long)rows, (long long)n,
           r->label);
  return fz_io_particles_write_excluded(p, path, comment, err);
}

static void fill_poses(const fz_dataset *data, fz_particle *pose) {
  for (int64_t i = 0; i < data->table->n; i++) {
    const fz_image_state *s = &data->state[i];
    pose[i] = data->table->particle[i];
    if (data->half[i] < 0 || s->visited == 0) continue;
    pose[i].rot_deg = s->rot_deg;
    pose[i].tilt_deg = s->tilt_deg;
    pose[i].psi_deg = s->psi_deg;
    /* The origin moves the image onto the reference; 0 - x, so that no shift is written as 0 and not as -0. */
    pose[i].origin_x_A = 0 - s->shift_x_px * data->pixel_A;
    pose[i].origin_y_A = 0 - s->shift_y_px * data->pixel_A;
  }
}

enum { SUBSET, CLASS, GAIN, PEAK, ENTROPY, COLUMNS };

/* number [COLUMNS][n] */
static void fill_columns(const fz_dataset *data, double *number, fz_io_particles_column *column) {
  static const char *const label[COLUMNS] = {"rlnRandomSubset", "rlnClassNumber", "rlnLogLikeliContribution",
                                             "rlnMaxValueProbDistribution", "frazilPoseEntropy"};
  const int64_t n = data->table->n;
  for (int c = 0; c < COLUMNS; c++) column[c] = (fz_io_particles_column){.label = label[c], .number = number + c * n};
  for (int64_t i = 0; i < n; i++) {
    const fz_image_state *s = &data->state[i];
    number[SUBSET * n + i] = data->half[i] + 1;
    number[CLASS * n + i] = s->class_index + 1;
    number[GAIN * n + i] = s->gain;
    number[PEAK * n + i] = s->peak;
    number[ENTROPY * n + i] = s->entropy;
  }
}

static fz_status write_particles(const char *dir, fz_io_particles *p, const fz_io_results *r, fz_error *err) {
  const int64_t n = r->data->table->n;
  char path[FZ_PATH_MAX], comment[LINE_MAX_BYTES], say[NAME_MAX_BYTES];
  fz_io_particles_column column[COLUMNS];
  fz_status st = FZ_OK;
  int64_t *row = fz_alloc((ptrdiff_t)n, sizeof *row);
  fz_particle *pose = fz_alloc((ptrdiff_t)n, sizeof *pose);
  double *number = fz_alloc((ptrdiff_t)(COLUMNS * n), sizeof *number);
  if (!row || !pose || !number) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory to write %lld particles", dir, (long long)n);
    goto done;
  }
  /* First the excluded ones: what is set below would show in them too. */
  FZ_TRY(write_excluded(dir, p, r, err));
  fill_poses(r->data, pose);
  fill_columns(r->data, number, column);
  snprintf(comment, sizeof comment, "%.300s; half-maps, %s", r->label, halves_say(r, say));
  const fz_io_particles_output what = {.pose = pose,
                                       .columns = COLUMNS,
                                       .column = column,
                                       .subset = true,
                                       .row = row,
                                       .rows = select_rows(r->data, row),
                                       .comment = comment};
  FZ_TRY(fz_io_path_join(path, dir, "particles.star", err));
  FZ_TRY(fz_io_particles_write(p, path, &what, err));
done:
  fz_free(&number);
  fz_free(&pose);
  fz_free(&row);
  return st;
}

fz_status fz_io_results_write(const char *run_dir, fz_io_particles *particles, const fz_io_results *r, fz_error *err) {
  FZ_ASSERT(fz_io_particles_table(particles)->n == r->data->table->n && r->n_classes >= 1);
  if (r->n_shells != fz_fsc_shells(r->box))
    return fz_fail(err, FZ_EINVAL, "%s: a box of %d has %d shells, the curves have %d", run_dir, r->box,
                   fz_fsc_shells(r->box), r->n_shells);
  if (!(r->voxel_A > 0)) return fz_fail(err, FZ_EINVAL, "%s: the voxel size of the map is unknown", run_dir);
  fz_status st = write_volumes(run_dir, r, err);
  return st == FZ_OK ? write_particles(run_dir, particles, r, err) : st;
}
