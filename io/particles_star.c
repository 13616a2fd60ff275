/* STAR tables to particles: the columns of every RELION version, one pass over the rows. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/particles_parts.h"

/* Columns looked at, in data_particles or data_optics (old files have them all in one table). */
typedef enum column {
  IMAGE_NAME,
  OPTICS_GROUP,
  ANGLE_ROT,
  ANGLE_TILT,
  ANGLE_PSI,
  ORIGIN_X_A,
  ORIGIN_Y_A,
  ORIGIN_X,
  ORIGIN_Y,
  DEFOCUS_U,
  DEFOCUS_V,
  DEFOCUS_ANGLE,
  PHASE_SHIFT,
  B_FACTOR,
  SCALE,
  SUBSET,
  BEAM_TILT_X,
  BEAM_TILT_Y,
  VOLTAGE,
  CS,
  CONTRAST,
  IMAGE_PIXEL,
  PIXEL,
  DETECTOR_PIXEL,
  MAGNIFICATION,
  GROUP_NAME,
  IMAGE_SIZE,
  DIMENSIONS,
  PREMULTIPLIED,
  ODD,
  EVEN,
  MAG00,
  MAG01,
  MAG10,
  MAG11,
  COLUMNS
} column;

static const char *const label_of[COLUMNS] = {"rlnImageName",
                                              "rlnOpticsGroup",
                                              "rlnAngleRot",
                                              "rlnAngleTilt",
                                              "rlnAnglePsi",
                                              "rlnOriginXAngst",
                                              "rlnOriginYAngst",
                                              "rlnOriginX",
                                              "rlnOriginY",
                                              "rlnDefocusU",
                                              "rlnDefocusV",
                                              "rlnDefocusAngle",
                                              "rlnPhaseShift",
                                              "rlnCtfBfactor",
                                              "rlnCtfScalefactor",
                                              "rlnRandomSubset",
                                              "rlnBeamTiltX",
                                              "rlnBeamTiltY",
                                              "rlnVoltage",
                                              "rlnSphericalAberration",
                                              "rlnAmplitudeContrast",
                                              "rlnImagePixelSize",
                                              "rlnPixelSize",
                                              "rlnDetectorPixelSize",
                                              "rlnMagnification",
                                              "rlnOpticsGroupName",
                                              "rlnImageSize",
                                              "rlnImageDimensionality",
                                              "rlnCtfDataAreCtfPremultiplied",
                                              "rlnOddZernike",
                                              "rlnEvenZernike",
                                              "rlnMagMat00",
                                              "rlnMagMat01",
                                              "rlnMagMat10",
                                              "rlnMagMat11"};

bool fz_io_particles_uses_label(const char *label) {
  for (int c = 0; c < COLUMNS; c++)
    if (strcmp(label_of[c], label) == 0) return true;
  return false;
}

/* One table while it is read: where the columns are, and the row at hand. */
typedef struct view {
  fz_io_particles *p;
  fz_io_star_table *table;
  int at[COLUMNS];
  fz_io_star_cell *cell; /* [columns of the table] */
  int64_t row, errors;   /* errors: their count before this row */
  fz_error *err;
} view;

static fz_status view_open(view *v, fz_io_particles *p, fz_io_star_table *table, fz_error *err) {
  *v = (view){.p = p, .table = table, .err = err};
  for (int c = 0; c < COLUMNS; c++) v->at[c] = fz_io_star_column(table, label_of[c]);
  v->cell = fz_alloc(fz_io_star_columns(table), sizeof *v->cell);
  return v->cell ? FZ_OK : fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
}

static void view_row(view *v, int64_t row) {
  v->row = row;
  v->errors = fz_io_findings_count(v->p->findings, FZ_FINDING_ERROR);
  fz_io_star_row(v->table, row, v->cell);
}

/* Something of this row could not be understood: it is left out. */
static bool spoilt(const view *v) {
  return fz_io_findings_count(v->p->findings, FZ_FINDING_ERROR) > v->errors;
}

static bool has(const view *v, column c) {
  return v->at[c] >= 0;
}
static fz_io_star_cell cell(const view *v, column c) {
  return v->cell[v->at[c]];
}
static long long line(const view *v) {
  return (long long)fz_io_star_line(v->table, v->row);
}

/* What is wrong with the row at hand, at a column (or, NO_COLUMN, in general). */
enum { NO_COLUMN = -1 };
static fz_status wrong(const view *v, int c, const char *kind, const char *advice, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
static fz_status wrong(const view *v, int c, const char *kind, const char *advice, const char *format, ...) {
  char text[400], label[64];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (c != NO_COLUMN) snprintf(label, sizeof label, "_%s", label_of[c]);
  const fz_io_place at = {.file = v->p->path, .line = line(v), .label = c == NO_COLUMN ? NULL : label};
  return fz_io_findings_add(v->p->findings, FZ_FINDING_ERROR, &at, kind, advice, v->err, "%s", text);
}

static int shown(fz_io_star_cell cell, int most) {
  return (int)(cell.length < most ? cell.length : most);
}

/* *value stays as it is when the table has no such column. */
static fz_status number(const view *v, column c, double *value) {
  double found;
  if (!has(v, c)) return FZ_OK;
  if (!fz_io_star_number(cell(v, c), &found))
    return wrong(v, (int)c, "not-a-number", "", "\"%.*s\" is not a number", shown(cell(v, c), 60), cell(v, c).text);
  *value = found;
  return FZ_OK;
}

static fz_status integer(const view *v, column c, int64_t *value) {
  int64_t found;
  if (!has(v, c)) return FZ_OK;
  if (!fz_io_star_integer(cell(v, c), &found))
    return wrong(v, (int)c, "not-whole", "", "\"%.*s\" is not a whole number", shown(cell(v, c), 60), cell(v, c).text);
  *value = found;
  return FZ_OK;
}

static fz_status positive_pixel(const view *v, column c, double pixel) {
  if (pixel > 0) return FZ_OK;
  return wrong(v, (int)c, "pixel-size", "", "the pixel size is %g A; it must be positive", pixel);
}

static fz_status read_pixel(const view *v, double *pixel_A) {
  fz_status st;
  const column direct[] = {IMAGE_PIXEL, PIXEL};
  for (int i = 0; i < 2; i++)
    if (has(v, direct[i])) {
      double pixel = 1; /* no second finding when it is no number */
      st = number(v, direct[i], &pixel);
      if (st == FZ_OK) st = positive_pixel(v, direct[i], pixel);
      *pixel_A = pixel;
      return st;
    }
  if (!has(v, DETECTOR_PIXEL) || !has(v, MAGNIFICATION)) return FZ_OK;
  double detector_um = 1, magnification = 1;
  FZ_TRY(number(v, DETECTOR_PIXEL, &detector_um));
  FZ_TRY(number(v, MAGNIFICATION, &magnification));
  if (magnification <= 0) return wrong(v, MAGNIFICATION, "magnification", "", "%g must be positive", magnification);
  *pixel_A = detector_um * 1e4 / magnification;
  st = positive_pixel(v, DETECTOR_PIXEL, *pixel_A);
done:
  return st;
}

/* What both data_optics and the single table of old files say about a group. */
static fz_status read_lens(const view *v, fz_optics *optics) {
  fz_status st;
  FZ_TRY(number(v, VOLTAGE, &optics->voltage_kV));
  FZ_TRY(number(v, CS, &optics->cs_mm));
  FZ_TRY(number(v, CONTRAST, &optics->amplitude_contrast));
  FZ_TRY(read_pixel(v, &optics->pixel_A));
  int64_t box = 2;
  if (!has(v, IMAGE_SIZE)) goto done;
  FZ_TRY(integer(v, IMAGE_SIZE, &box));
  if (box < 2 || box > 1 << 16) {
    st = wrong(v, IMAGE_SIZE, "box", "", "%lld pixels are no possible box", (long long)box);
    box = 0;
  }
  optics->box = (int)box;
done:
  return st;
}

/* "[0,0,0.1]": any coefficient other than zero? */
static bool any_nonzero(fz_io_star_cell list) {
  char text[4096];
  if (list.length >= (ptrdiff_t)sizeof text) return true;
  memcpy(text, list.text, (size_t)list.length);
  text[list.length] = 0;
  for (char *c = text; *c;) {
    char *end;
    double value = strtod(c, &end);
    if (end == c)
      c++;
    else if (value != 0)
      return true;
    else
      c = end;
  }
  return false;
}

static void note_tilt(const view *v, const char *group) {
  double x = 0, y = 0;
  if (has(v, BEAM_TILT_X)) fz_io_star_number(cell(v, BEAM_TILT_X), &x);
  if (has(v, BEAM_TILT_Y)) fz_io_star_number(cell(v, BEAM_TILT_Y), &y);
  if (x != 0 || y != 0)
    fz_io_particles_note(v->p, line(v), "_rlnBeamTiltX/Y", "set both to 0 to go on without",
                         "beam tilt (%g, %g mrad) in optics group %s is not corrected for yet", x, y, group);
}

static void note_optics(const view *v, const char *group) {
  note_tilt(v, group);
  const column zernike[] = {ODD, EVEN};
  for (int i = 0; i < 2; i++)
    if (has(v, zernike[i]) && any_nonzero(cell(v, zernike[i])))
      fz_io_particles_note(v->p, line(v), label_of[zernike[i]], "remove the column to go on without",
                           "higher-order aberrations in optics group %s are not corrected for yet", group);
  const column mag[] = {MAG00, MAG01, MAG10, MAG11};
  const double identity[] = {1, 0, 0, 1};
  for (int i = 0; i < 4; i++) {
    double m = identity[i];
    if (has(v, mag[i])) fz_io_star_number(cell(v, mag[i]), &m);
    if (fabs(m - identity[i]) < 1e-6) continue;
    fz_io_particles_note(v->p, line(v), label_of[mag[i]], "remove the _rlnMagMat columns to go on without",
                         "anisotropic magnification in optics group %s is not corrected for yet", group);
    break;
  }
  double dimensions = 2;
  if (has(v, DIMENSIONS)) fz_io_star_number(cell(v, DIMENSIONS), &dimensions);
  if (dimensions != 2)
    fz_io_particles_note(v->p, line(v), label_of[DIMENSIONS], "",
                         "optics group %s has %g-dimensional particles; only 2-D images are reconstructed", group,
                         dimensions);
}

static void name_group(const view *v, fz_optics *optics, int64_t id) {
  snprintf(optics->name, sizeof optics->name, "opticsGroup%lld", (long long)id);
  if (!has(v, GROUP_NAME) || cell(v, GROUP_NAME).length < 1) return;
  ptrdiff_t n = cell(v, GROUP_NAME).length;
  if (n >= (ptrdiff_t)sizeof optics->name) n = (ptrdiff_t)sizeof optics->name - 1;
  memcpy(optics->name, cell(v, GROUP_NAME).text, (size_t)n);
  optics->name[n] = 0;
}

/* data_optics; *ids [n_optics] are the numbers by which particles refer to the groups. */
static fz_status read_optics(fz_io_particles *p, fz_io_star_table *table, int64_t **ids, fz_error *err) {
  view v = {0};
  fz_status st = view_open(&v, p, table, err);
  if (st != FZ_OK) return st;
  int64_t n = fz_io_star_rows(table);
  if (n < 1) {
    st = fz_io_findings_stop(p->findings, &(fz_io_place){.file = p->path}, "empty", "", err, "data_optics is empty");
    goto done;
  }
  p->table.optics = fz_alloc((ptrdiff_t)n, sizeof *p->table.optics);
  *ids = fz_alloc((ptrdiff_t)n, sizeof **ids);
  p->bad_group = fz_alloc((ptrdiff_t)n, sizeof *p->bad_group);
  if (!p->table.optics || !*ids || !p->bad_group) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
    goto done;
  }
  for (int64_t i = 0; i < n; i++) {
    fz_optics *optics = &p->table.optics[i];
    int64_t premultiplied = 0, id = i + 1;
    view_row(&v, i);
    FZ_TRY(read_lens(&v, optics));
    FZ_TRY(integer(&v, OPTICS_GROUP, &id));
    FZ_TRY(integer(&v, PREMULTIPLIED, &premultiplied));
    (*ids)[i] = id;
    for (int64_t k = 0; k < i; k++)
      if ((*ids)[k] == id)
        FZ_TRY(wrong(&v, OPTICS_GROUP, "double-group", "", "group %lld stands twice", (long long)id));
    p->bad_group[i] = spoilt(&v);
    optics->ctf_premultiplied = premultiplied != 0;
    name_group(&v, optics, id);
    note_optics(&v, optics->name);
  }
  p->table.n_optics = (int)n;
done:
  fz_free(&v.cell);
  return st;
}

/* Old files: rows with the same voltage, Cs, contrast and pixel size form a group. */
static fz_status group_of_row(const view *v, int32_t *group) {
  fz_optics optics = {0};
  fz_particles *t = &v->p->table;
  fz_status st = read_lens(v, &optics);
  if (st != FZ_OK || spoilt(v)) return st;
  for (int g = 0; g < t->n_optics; g++) {
    const fz_optics *o = &t->optics[g];
    if (o->voltage_kV == optics.voltage_kV && o->cs_mm == optics.cs_mm && o->pixel_A == optics.pixel_A &&
        o->amplitude_contrast == optics.amplitude_contrast && o->box == optics.box) {
      *group = g;
      return FZ_OK;
    }
  }
  if (t->n_optics == 1000)
    return fz_io_findings_stop(v->p->findings, &(fz_io_place){.file = v->p->path, .line = line(v)}, "optics-groups",
                               "are the columns right?", v->err,
                               "more than 1000 different sets of voltage, Cs, contrast and pixel size");
  fz_optics *grown = fz_realloc(t->optics, t->n_optics + 1, sizeof *grown);
  if (!grown) return fz_fail(v->err, FZ_ENOMEM, "%s: no memory", v->p->path);
  t->optics = grown;
  snprintf(optics.name, sizeof optics.name, "opticsGroup%d", t->n_optics + 1);
  t->optics[t->n_optics] = optics;
  *group = t->n_optics++;
  return FZ_OK;
}

static fz_status group_by_id(const view *v, const int64_t *ids, int32_t *group) {
  int64_t id = has(v, OPTICS_GROUP) || v->p->table.n_optics == 1 ? ids[0] : 1;
  fz_status st = integer(v, OPTICS_GROUP, &id);
  if (st != FZ_OK) return st;
  for (int g = 0; g < v->p->table.n_optics; g++)
    if (ids[g] == id) {
      *group = g;
      return FZ_OK;
    }
  return wrong(v, OPTICS_GROUP, "optics-group", "", "group %lld is not in data_optics", (long long)id);
}

/* "12@stack.mrcs"; a name without a number is the first image. */
static fz_status read_image_name(const view *v, fz_particle *particle) {
  if (!has(v, IMAGE_NAME)) {
    particle->slice = v->row;
    return FZ_OK;
  }
  fz_io_star_cell name = cell(v, IMAGE_NAME);
  const char *at = memchr(name.text, '@', (size_t)name.length);
  int64_t image = 1;
  if (at && (!fz_io_star_integer((fz_io_star_cell){name.text, at - name.text}, &image) || image < 1))
    return wrong(v, IMAGE_NAME, "image-number", "", "\"%.*s\" does not begin with an image number from 1 up",
                 shown(name, 200), name.text);
  if (at) name = (fz_io_star_cell){at + 1, name.length - (at + 1 - name.text)};
  if (name.length < 1) return wrong(v, IMAGE_NAME, "no-name", "", "the name of the stack is empty");
  particle->slice = image - 1;
  particle->stack = fz_io_names_index(&v->p->stacks, name.text, name.length);
  return particle->stack >= 0 ? FZ_OK : fz_fail(v->err, FZ_ENOMEM, "%s: no memory", v->p->path);
}

static fz_status read_particle(const view *v, fz_particle *q) {
  fz_status st;
  int64_t subset = 0;
  q->line = fz_io_star_line(v->table, v->row);
  q->ctf.scale = 1;
  FZ_TRY(read_image_name(v, q));
  FZ_TRY(number(v, ANGLE_ROT, &q->rot_deg));
  FZ_TRY(number(v, ANGLE_TILT, &q->tilt_deg));
  FZ_TRY(number(v, ANGLE_PSI, &q->psi_deg));
  FZ_TRY(number(v, v->p->old_origins ? ORIGIN_X : ORIGIN_X_A, &q->origin_x_A));
  FZ_TRY(number(v, v->p->old_origins ? ORIGIN_Y : ORIGIN_Y_A, &q->origin_y_A));
  FZ_TRY(number(v, DEFOCUS_U, &q->ctf.defocus_u_A));
  q->ctf.defocus_v_A = q->ctf.defocus_u_A;
  FZ_TRY(number(v, DEFOCUS_V, &q->ctf.defocus_v_A));
  FZ_TRY(number(v, DEFOCUS_ANGLE, &q->ctf.defocus_angle_deg));
  FZ_TRY(number(v, PHASE_SHIFT, &q->ctf.phase_shift_deg));
  FZ_TRY(number(v, B_FACTOR, &q->ctf.b_factor_A2));
  FZ_TRY(number(v, SCALE, &q->ctf.scale));
  FZ_TRY(integer(v, SUBSET, &subset));
  if (subset < 0 || subset > 2) st = wrong(v, SUBSET, "half-set", "", "%lld; it must be 1 or 2", (long long)subset);
  q->subset = (int32_t)subset;
done:
  return st;
}

static fz_status read_rows(fz_io_particles *p, const int64_t *ids, fz_error *err) {
  view v = {0};
  fz_status st = view_open(&v, p, p->rows, err);
  if (st != FZ_OK) return st;
  int64_t n = fz_io_star_rows(p->rows);
  p->table.particle = fz_alloc((ptrdiff_t)n, sizeof *p->table.particle);
  if (!p->table.particle) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory for %lld particles", p->path, (long long)n);
    goto done;
  }
  p->poses = has(&v, ANGLE_ROT) && has(&v, ANGLE_TILT) && has(&v, ANGLE_PSI);
  p->old_origins = !has(&v, ORIGIN_X_A) && (has(&v, ORIGIN_X) || has(&v, ORIGIN_Y));
  bool tilt_noted = false;
  for (int64_t i = 0; i < n; i++) {
    fz_particle *q = &p->table.particle[p->table.n];
    *q = (fz_particle){0};
    view_row(&v, i);
    FZ_TRY(read_particle(&v, q));
    FZ_TRY(ids ? group_by_id(&v, ids, &q->optics) : group_of_row(&v, &q->optics));
    if (spoilt(&v)) continue;
    p->table.n++;
    if (tilt_noted || ids) continue;
    int before = p->notes;
    note_tilt(&v, p->table.optics[q->optics].name);
    tilt_noted = p->notes > before;
  }
  for (int g = 0; g < p->table.n_optics; g++) p->table.optics[g].has_ctf = has(&v, DEFOCUS_U);
done:
  fz_free(&v.cell);
  return st;
}

/* The table of particles: by its name, else the first loop with image names (data_, data_images). */
static fz_status find_rows(fz_io_particles *p, fz_error *err) {
  fz_io_star_table *named = fz_io_star_find(p->star, "particles");
  p->rows = named;
  for (int i = 0; i < fz_io_star_table_count(p->star) && !p->rows; i++) {
    fz_io_star_table *table = fz_io_star_table_at(p->star, i);
    if (fz_io_star_column(table, p->images_optional ? "rlnAngleRot" : "rlnImageName") >= 0) p->rows = table;
  }
  const fz_io_place at = {.file = p->path}, name = {.file = p->path, .label = "_rlnImageName"};
  if (!p->rows && p->images_optional)
    return fz_io_findings_stop(p->findings, &at, "no-column", "", err,
                               "no block of this STAR file has a column _rlnAngleRot: it holds no poses");
  if (!p->rows)
    return fz_io_findings_stop(p->findings, &name, "no-column", "not a particle file?", err,
                               "no block of this STAR file has this column");
  if (fz_io_star_column(p->rows, "rlnImageName") < 0 && !p->images_optional)
    return fz_io_findings_stop(p->findings, &name, "no-column", "", err, "data_%.80s has no such column",
                               fz_io_star_name(p->rows));
  if (fz_io_star_rows(p->rows) < 1)
    return fz_io_findings_stop(p->findings, &at, "empty", "", err, "data_%.80s is empty: there are no %sparticles",
                               fz_io_star_name(p->rows),
                               fz_io_findings_count(p->findings, FZ_FINDING_ERROR) ? "readable " : "");
  return FZ_OK;
}

static void note_tomography(fz_io_particles *p) {
  const char *const labels[] = {"rlnTomoParticleName", "rlnTomoName", "rlnTomoParticleId", "rlnCtfImage"};
  for (int i = 0; i < 4; i++)
    if (fz_io_star_column(p->rows, labels[i]) >= 0) {
      fz_io_particles_note(p, 0, labels[i], "", "particles from tomograms are not reconstructed");
      return;
    }
}

fz_status fz_io_particles_from_star(fz_io_particles *p, fz_error *err) {
  int64_t *ids = NULL;
  fz_status st = fz_io_star_read_noting(p->path, p->findings, &p->star, err);
  if (st != FZ_OK) return st;
  FZ_TRY(find_rows(p, err));
  fz_io_star_table *optics = fz_io_star_find(p->star, "optics");
  p->style = optics ? "RELION 3.1 or later" : "RELION 3.0 or older (no data_optics)";
  if (optics) FZ_TRY(read_optics(p, optics, &ids, err));
  FZ_TRY(read_rows(p, ids, err));
  note_tomography(p);
done:
  fz_free(&ids);
  return st;
}
