/* Particles to STAR files; the writing half of particles.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/particles_parts.h"

/* One number of each particle or optics group, by its place in the struct. */
typedef struct member {
  const char *label;
  size_t offset;
  int decimals;
} member;

static const member pose_members[] = {{"rlnAngleRot", offsetof(fz_particle, rot_deg), 6},
                                      {"rlnAngleTilt", offsetof(fz_particle, tilt_deg), 6},
                                      {"rlnAnglePsi", offsetof(fz_particle, psi_deg), 6},
                                      {"rlnOriginXAngst", offsetof(fz_particle, origin_x_A), 6},
                                      {"rlnOriginYAngst", offsetof(fz_particle, origin_y_A), 6}};
static const member ctf_members[] = {{"rlnDefocusU", offsetof(fz_particle, ctf.defocus_u_A), 6},
                                     {"rlnDefocusV", offsetof(fz_particle, ctf.defocus_v_A), 6},
                                     {"rlnDefocusAngle", offsetof(fz_particle, ctf.defocus_angle_deg), 6},
                                     {"rlnPhaseShift", offsetof(fz_particle, ctf.phase_shift_deg), 6},
                                     {"rlnCtfBfactor", offsetof(fz_particle, ctf.b_factor_A2), 6},
                                     {"rlnCtfScalefactor", offsetof(fz_particle, ctf.scale), 6}};
static const member optics_members[] = {{"rlnVoltage", offsetof(fz_optics, voltage_kV), 6},
                                        {"rlnSphericalAberration", offsetof(fz_optics, cs_mm), 6},
                                        {"rlnAmplitudeContrast", offsetof(fz_optics, amplitude_contrast), 6},
                                        {"rlnImagePixelSize", offsetof(fz_optics, pixel_A), 6}};

/* records [rows] of `size` bytes -> the column; buffer [rows] */
static fz_status set_member(fz_io_star_table *table, const void *records, size_t size, const member *m, double *buffer,
                            fz_error *err) {
  for (int64_t i = 0; i < fz_io_star_rows(table); i++)
    memcpy(&buffer[i], (const char *)records + (size_t)i * size + m->offset, sizeof *buffer);
  return fz_io_star_set_numbers(table, m->label, buffer, m->decimals, err);
}

static fz_status set_group_names(fz_io_star_table *table, const fz_particles *t, fz_error *err) {
  const char **name = fz_alloc(t->n_optics, sizeof *name);
  if (!name) return fz_fail(err, FZ_ENOMEM, "no memory");
  for (int g = 0; g < t->n_optics; g++) name[g] = t->optics[g].name;
  fz_status st = fz_io_star_set_text(table, "rlnOpticsGroupName", name, err);
  fz_free(&name);
  return st;
}

static fz_status add_optics(fz_io_particles *p, fz_error *err) {
  const fz_particles *t = &p->table;
  fz_status st = FZ_OK;
  bool premultiplied = false;
  double *buffer = fz_alloc(t->n_optics, sizeof *buffer);
  fz_io_star_table *table = buffer ? fz_io_star_add(p->star, "optics", t->n_optics, true) : NULL;
  if (!table) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
    goto done;
  }
  for (int g = 0; g < t->n_optics; g++) buffer[g] = g + 1;
  FZ_TRY(fz_io_star_set_numbers(table, "rlnOpticsGroup", buffer, 0, err));
  FZ_TRY(set_group_names(table, t, err));
  for (size_t i = 0; i < sizeof optics_members / sizeof *optics_members; i++)
    FZ_TRY(set_member(table, t->optics, sizeof *t->optics, &optics_members[i], buffer, err));
  for (int g = 0; g < t->n_optics; g++) buffer[g] = t->optics[g].box;
  FZ_TRY(fz_io_star_set_numbers(table, "rlnImageSize", buffer, 0, err));
  for (int g = 0; g < t->n_optics; g++) buffer[g] = 2;
  FZ_TRY(fz_io_star_set_numbers(table, "rlnImageDimensionality", buffer, 0, err));
  for (int g = 0; g < t->n_optics; g++) premultiplied |= (buffer[g] = t->optics[g].ctf_premultiplied) != 0;
  if (premultiplied) FZ_TRY(fz_io_star_set_numbers(table, "rlnCtfDataAreCtfPremultiplied", buffer, 0, err));
done:
  fz_free(&buffer);
  return st;
}

/* "000012@stack.mrcs" for every particle; name [n_stacks] */
static fz_status set_image_names(fz_io_particles *p, char *const *name, fz_error *err) {
  const fz_particles *t = &p->table;
  fz_status st = FZ_OK;
  size_t bytes = 0, used = 0;
  for (int64_t i = 0; i < t->n; i++) bytes += strlen(name[t->particle[i].stack]) + 24;
  char *pool = fz_alloc((ptrdiff_t)bytes, 1);
  const char **text = fz_alloc((ptrdiff_t)t->n, sizeof *text);
  if (!pool || !text) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory for image names", p->path);
    goto done;
  }
  for (int64_t i = 0; i < t->n; i++) {
    const fz_particle *q = &t->particle[i];
    text[i] = pool + used;
    used += (size_t)snprintf(pool + used, bytes - used, "%06lld@%s", (long long)q->slice + 1, name[q->stack]) + 1;
  }
  FZ_TRY(fz_io_star_set_text(p->rows, "rlnImageName", text, err));
done:
  fz_free(&text);
  fz_free(&pool);
  return st;
}

static fz_status set_poses(fz_io_particles *p, const fz_particle *pose, int first, double *buffer, fz_error *err) {
  fz_status st = FZ_OK;
  for (int i = first; i < 5; i++) FZ_TRY(set_member(p->rows, pose, sizeof *pose, &pose_members[i], buffer, err));
  fz_io_star_drop(p->rows, "rlnOriginX");
  fz_io_star_drop(p->rows, "rlnOriginY");
done:
  return st;
}

static fz_status set_groups(fz_io_particles *p, double *buffer, fz_error *err) {
  for (int64_t i = 0; i < p->table.n; i++) buffer[i] = p->table.particle[i].optics + 1;
  return fz_io_star_set_numbers(p->rows, "rlnOpticsGroup", buffer, 0, err);
}

fz_status fz_io_particles_make_star(fz_io_particles *p, fz_error *err) {
  const fz_particles *t = &p->table;
  fz_status st = FZ_OK;
  bool ctf = false, subsets = false;
  for (int g = 0; g < t->n_optics; g++) ctf |= t->optics[g].has_ctf;
  for (int64_t i = 0; i < t->n; i++) subsets |= t->particle[i].subset != 0;
  double *buffer = fz_alloc((ptrdiff_t)t->n, sizeof *buffer);
  p->star = fz_io_star_create();
  p->rows = p->star && buffer ? fz_io_star_add(p->star, "particles", t->n, false) : NULL;
  if (!p->rows) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
    goto done;
  }
  FZ_TRY(set_image_names(p, p->stacks.name, err));
  FZ_TRY(set_groups(p, buffer, err));
  if (p->poses) FZ_TRY(set_poses(p, t->particle, 0, buffer, err));
  for (size_t i = 0; ctf && i < sizeof ctf_members / sizeof *ctf_members; i++)
    FZ_TRY(set_member(p->rows, t->particle, sizeof *t->particle, &ctf_members[i], buffer, err));
  for (int64_t i = 0; i < t->n; i++) buffer[i] = t->particle[i].subset;
  if (subsets) FZ_TRY(fz_io_star_set_numbers(p->rows, "rlnRandomSubset", buffer, 0, err));
  FZ_TRY(add_optics(p, err));
  p->modern = true;
done:
  fz_free(&buffer);
  if (st != FZ_OK) fz_io_star_destroy(&p->star);
  return st;
}

/* Old tables get an optics block; origins in pixels become Angstrom.  Done once, before the first write. */
static fz_status modernize(fz_io_particles *p, double *buffer, fz_error *err) {
  fz_status st = FZ_OK;
  bool pixels = fz_io_star_column(p->rows, "rlnOriginX") >= 0 || fz_io_star_column(p->rows, "rlnOriginY") >= 0;
  if (!fz_io_star_find(p->star, "optics")) {
    FZ_TRY(add_optics(p, err));
    FZ_TRY(set_groups(p, buffer, err));
    FZ_TRY(fz_io_star_rename(p->rows, "particles", err));
  }
  if (pixels) FZ_TRY(set_poses(p, p->table.particle, 3, buffer, err));
  p->modern = true;
done:
  return st;
}

static fz_status rename_stacks(fz_io_particles *p, fz_error *err) {
  bool any = false;
  for (int i = 0; i < p->table.n_stacks; i++) any |= p->elsewhere[i];
  return any ? set_image_names(p, p->table.stack_path, err) : FZ_OK;
}

static int decimals_of(const double *number, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (number[i] != floor(number[i])) return -1;
  return 0;
}

fz_status fz_io_particles_prepare_star(fz_io_particles *p, fz_error *err) {
  fz_status st = FZ_OK;
  double *buffer = fz_alloc((ptrdiff_t)p->table.n, sizeof *buffer);
  if (!buffer) return fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
  if (!p->star) FZ_TRY(fz_io_particles_make_star(p, err));
  if (!p->modern) FZ_TRY(modernize(p, buffer, err));
  FZ_TRY(rename_stacks(p, err));
done:
  fz_free(&buffer);
  return st;
}

/* The row of the file that holds particle i of the set. */
static int64_t row_of(const fz_io_particles *p, int64_t i) {
  return p->row_of ? p->row_of[i] : i;
}

/* Poses of the set; excluded rows keep theirs. */
static fz_status write_poses(fz_io_particles *p, const fz_particle *pose, double *buffer, fz_error *err) {
  if (!p->row_of) return set_poses(p, pose, 0, buffer, err);
  fz_particle *all = fz_alloc((ptrdiff_t)p->table.n, sizeof *all);
  if (!all) return fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
  memcpy(all, p->table.particle, (size_t)p->table.n * sizeof *all);
  for (int64_t i = 0; i < p->kept.n; i++) all[p->row_of[i]] = pose[i];
  fz_status st = set_poses(p, all, 0, buffer, err);
  fz_free(&all);
  return st;
}

static fz_status write_column(fz_io_particles *p, const fz_io_particles_column *c, double *buffer, fz_error *err) {
  int64_t n = fz_io_particles_table(p)->n;
  if (c->number) {
    memset(buffer, 0, (size_t)p->table.n * sizeof *buffer);
    for (int64_t i = 0; i < n; i++) buffer[row_of(p, i)] = c->number[i];
    return fz_io_star_set_numbers(p->rows, c->label, buffer, decimals_of(c->number, n), err);
  }
  const char **text = fz_alloc((ptrdiff_t)p->table.n, sizeof *text);
  if (!text) return fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
  for (int64_t i = 0; i < p->table.n; i++) text[i] = "none";
  for (int64_t i = 0; i < n; i++) text[row_of(p, i)] = c->text[i];
  fz_status st = fz_io_star_set_text(p->rows, c->label, text, err);
  fz_free(&text);
  return st;
}

fz_status fz_io_particles_write(fz_io_particles *p, const char *path, const fz_io_particles_output *what,
                                fz_error *err) {
  fz_status st = FZ_OK;
  int64_t n = what->subset ? what->rows : fz_io_particles_table(p)->n;
  double *buffer = fz_alloc((ptrdiff_t)p->table.n, sizeof *buffer);
  int64_t *row = fz_alloc((ptrdiff_t)n, sizeof *row);
  if (!buffer || !row) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
    goto done;
  }
  for (int64_t i = 0; i < n; i++) row[i] = row_of(p, what->subset ? what->row[i] : i);
  FZ_TRY(fz_io_particles_prepare_star(p, err));
  if (what->pose) FZ_TRY(write_poses(p, what->pose, buffer, err));
  for (int i = 0; i < what->columns; i++) FZ_TRY(write_column(p, &what->column[i], buffer, err));
  FZ_TRY(fz_io_star_write(p->star, path, what->comment, p->rows, row, n, err));
done:
  for (int i = 0; i < what->columns && p->rows; i++)
    if (what->column[i].this_file_only) fz_io_star_drop(p->rows, what->column[i].label);
  fz_free(&row);
  fz_free(&buffer);
  return st;
}

static fz_status copy_table(fz_io_particles *p, const fz_particles *table, const char *const *stack_name) {
  fz_particles *t = &p->table;
  t->particle = fz_alloc((ptrdiff_t)table->n, sizeof *t->particle);
  t->optics = fz_alloc(table->n_optics, sizeof *t->optics);
  t->stack_path = fz_alloc(table->n_stacks, sizeof *t->stack_path);
  p->found = fz_alloc(table->n_stacks, sizeof *p->found);
  p->elsewhere = fz_alloc(table->n_stacks, sizeof *p->elsewhere);
  if (!t->particle || !t->optics || !t->stack_path || !p->found || !p->elsewhere) return FZ_ENOMEM;
  memcpy(t->particle, table->particle, (size_t)table->n * sizeof *t->particle);
  memcpy(t->optics, table->optics, (size_t)table->n_optics * sizeof *t->optics);
  t->n = table->n;
  t->n_optics = table->n_optics;
  for (int i = 0; i < table->n_stacks; i++) {
    const char *name = stack_name ? stack_name[i] : table->stack_path[i];
    if (fz_io_names_index(&p->stacks, name, (ptrdiff_t)strlen(name)) != i) return FZ_ENOMEM;
    t->stack_path[i] = fz_strdup(table->stack_path[i]);
    t->n_stacks = i + 1;
    if (!t->stack_path[i]) return FZ_ENOMEM;
    p->found[i] = true;
  }
  return FZ_OK;
}

fz_status fz_io_particles_from_table(const fz_particles *table, const char *const *stack_name, fz_io_particles **out,
                                     fz_error *err) {
  *out = NULL;
  fz_io_particles *p = fz_alloc(1, sizeof *p);
  fz_status st = p ? FZ_OK : FZ_ENOMEM;
  if (p) {
    p->style = "RELION 3.1 or later";
    p->poses = true;
    p->path = fz_strdup("particles");
    st = p->path ? copy_table(p, table, stack_name) : FZ_ENOMEM;
  }
  if (st != FZ_OK) {
    fz_io_particles_destroy(&p);
    return fz_fail(err, st, "no memory for %lld particles", (long long)table->n);
  }
  *out = p;
  return FZ_OK;
}
