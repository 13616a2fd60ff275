/* cryoSPARC's rows to particles.
 *  maths   A = exp([e]x)^T for the rotation vector e of alignments3D/pose is RELION's matrix A(rot, tilt, psi) from map
 * to image coordinates; shifts keep their sign: origin = shift * psize source  the conventions of both programs as
 * pyem's csparc2star applies them (Asarnow, Palovcak, Cheng 2019) */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/npy.h"
#include "io/particles_parts.h"
#include "pose/rotation.h"

static const double PI = 3.14159265358979323846;

typedef struct fields {
  const fz_io_npy_field *path, *idx, *shape, *psize, *sign, *kv, *cs, *contrast, *df1, *df2, *angle, *phase, *bfactor,
      *scale, *pose, *shift, *shift_psize, *split;
} fields;

typedef struct view {
  fz_io_particles *p;
  fz_io_npy npy;
  fields f;
  fz_error *err;
} view;

/* A field that holds numbers (or text), with at least this many elements; anything else counts as absent. */
static const fz_io_npy_field *field(const fz_io_npy *npy, const char *name, bool text, int count) {
  const fz_io_npy_field *f = fz_io_npy_find(npy, name);
  if (!f || (f->kind == 'S') != text || f->kind == 'U' || f->count < count) return NULL;
  return f;
}

static void find_fields(view *v) {
  const fz_io_npy *n = &v->npy;
  v->f = (fields){.path = field(n, "blob/path", true, 1),
                  .idx = field(n, "blob/idx", false, 1),
                  .shape = field(n, "blob/shape", false, 2),
                  .psize = field(n, "blob/psize_A", false, 1),
                  .sign = field(n, "blob/sign", false, 1),
                  .kv = field(n, "ctf/accel_kv", false, 1),
                  .cs = field(n, "ctf/cs_mm", false, 1),
                  .contrast = field(n, "ctf/amp_contrast", false, 1),
                  .df1 = field(n, "ctf/df1_A", false, 1),
                  .df2 = field(n, "ctf/df2_A", false, 1),
                  .angle = field(n, "ctf/df_angle_rad", false, 1),
                  .phase = field(n, "ctf/phase_shift_rad", false, 1),
                  .bfactor = field(n, "ctf/bfactor", false, 1),
                  .scale = field(n, "ctf/scale", false, 1),
                  .pose = field(n, "alignments3D/pose", false, 3),
                  .shift = field(n, "alignments3D/shift", false, 2),
                  .shift_psize = field(n, "alignments3D/psize_A", false, 1),
                  .split = field(n, "alignments3D/split", false, 1)};
}

static double get(const view *v, const fz_io_npy_field *f, int64_t row, int i, double otherwise) {
  return f ? fz_io_npy_number(&v->npy, f, row, i) : otherwise;
}

static fz_status wrong(const view *v, int64_t row, const char *label, const char *kind, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
static fz_status wrong(const view *v, int64_t row, const char *label, const char *kind, const char *format, ...) {
  char text[300];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  const fz_io_place at = {.file = v->p->path, .line = row + 1, .rows = true, .label = label};
  return fz_io_findings_add(v->p->findings, FZ_FINDING_ERROR, &at, kind, "", v->err, "%s", text);
}

static fz_status group_of_row(view *v, int64_t row, int32_t *group) {
  fz_particles *t = &v->p->table;
  double box = get(v, v->f.shape, row, 0, 0);
  if (!(box >= 0 && box <= 1 << 16) || !(get(v, v->f.shape, row, 1, box) == box))
    return wrong(v, row, "blob/shape", "box", "%g x %g is no square image", box, get(v, v->f.shape, row, 1, box));
  fz_optics o = {.voltage_kV = get(v, v->f.kv, row, 0, 0),
                 .cs_mm = get(v, v->f.cs, row, 0, 0),
                 .amplitude_contrast = get(v, v->f.contrast, row, 0, 0),
                 .pixel_A = get(v, v->f.psize, row, 0, 0),
                 .box = (int)box,
                 .has_ctf = v->f.df1 != NULL};
  if (v->f.psize && !(o.pixel_A > 0))
    return wrong(v, row, "blob/psize_A", "pixel-size", "the pixel size is %g A; it must be positive", o.pixel_A);
  const double number[] = {o.voltage_kV, o.cs_mm, o.amplitude_contrast, o.pixel_A};
  static const char *const name[] = {"ctf/accel_kv", "ctf/cs_mm", "ctf/amp_contrast", "blob/psize_A"};
  for (int i = 0; i < 4; i++)
    if (!isfinite(number[i])) return wrong(v, row, name[i], "not-a-number", "not a finite number");
  for (int g = 0; g < t->n_optics; g++) {
    const fz_optics *known = &t->optics[g];
    if (known->voltage_kV == o.voltage_kV && known->cs_mm == o.cs_mm && known->pixel_A == o.pixel_A &&
        known->amplitude_contrast == o.amplitude_contrast && known->box == o.box) {
      *group = g;
      return FZ_OK;
    }
  }
  if (t->n_optics == 1000)
    return fz_io_findings_stop(v->p->findings, &(fz_io_place){.file = v->p->path, .line = row + 1, .rows = true},
                               "optics-groups", "are the fields right?", v->err,
                               "more than 1000 different sets of voltage, Cs, contrast and pixel size");
  fz_optics *grown = fz_realloc(t->optics, t->n_optics + 1, sizeof *grown);
  if (!grown) return fz_fail(v->err, FZ_ENOMEM, "%s: no memory", v->p->path);
  t->optics = grown;
  snprintf(o.name, sizeof o.name, "opticsGroup%d", t->n_optics + 1);
  t->optics[t->n_optics] = o;
  *group = t->n_optics++;
  return FZ_OK;
}

static void read_pose(const view *v, int64_t row, fz_particle *q, int32_t group) {
  if (v->f.pose) {
    double inverse[3];
    for (int i = 0; i < 3; i++) inverse[i] = -get(v, v->f.pose, row, i, 0);
    fz_rotation a = fz_rotation_from_vector(inverse);
    fz_rotation_to_euler(&a, &q->rot_deg, &q->tilt_deg, &q->psi_deg);
  }
  double pixel = get(v, v->f.shift_psize, row, 0, v->p->table.optics[group].pixel_A);
  q->origin_x_A = get(v, v->f.shift, row, 0, 0) * pixel;
  q->origin_y_A = get(v, v->f.shift, row, 1, 0) * pixel;
}

static void read_ctf(const view *v, int64_t row, fz_ctf *ctf) {
  ctf->defocus_u_A = get(v, v->f.df1, row, 0, 0);
  ctf->defocus_v_A = get(v, v->f.df2, row, 0, ctf->defocus_u_A);
  ctf->defocus_angle_deg = get(v, v->f.angle, row, 0, 0) * 180 / PI;
  ctf->phase_shift_deg = get(v, v->f.phase, row, 0, 0) * 180 / PI;
  ctf->b_factor_A2 = get(v, v->f.bfactor, row, 0, 0);
  ctf->scale = get(v, v->f.scale, row, 0, 1);
  /* Images of negative contrast: x = -c P V is a CTF of negative scale, in our model as in RELION's. */
  if (get(v, v->f.sign, row, 0, 1) < 0) ctf->scale = -ctf->scale;
}

static fz_status read_stack(const view *v, int64_t row, fz_particle *q) {
  ptrdiff_t length;
  const char *path = fz_io_npy_text(&v->npy, v->f.path, row, &length);
  double index = get(v, v->f.idx, row, 0, 0);
  if (length > 0 && path[0] == '>') { /* cryoSPARC's mark of an imported file */
    path++;
    length--;
  }
  if (length == 0) return wrong(v, row, "blob/path", "no-name", "the name of the stack is empty");
  if (!(index >= 0 && index <= 1e15 && index == floor(index)))
    return wrong(v, row, "blob/idx", "image-number", "%g is no image number", index);
  q->slice = (int64_t)index;
  q->stack = fz_io_names_index(&v->p->stacks, path, length);
  return q->stack >= 0 ? FZ_OK : fz_fail(v->err, FZ_ENOMEM, "%s: no memory", v->p->path);
}

/* Numbers from a damaged file must not reach the arithmetic. */
static fz_status check_finite(const view *v, int64_t row, const fz_particle *q) {
  const struct {
    const char *label;
    double value;
  } all[] = {{"alignments3D/pose", q->rot_deg + q->tilt_deg + q->psi_deg},
             {"alignments3D/shift", q->origin_x_A + q->origin_y_A},
             {"ctf/df1_A", q->ctf.defocus_u_A},
             {"ctf/df2_A", q->ctf.defocus_v_A},
             {"ctf/df_angle_rad", q->ctf.defocus_angle_deg},
             {"ctf/phase_shift_rad", q->ctf.phase_shift_deg},
             {"ctf/bfactor", q->ctf.b_factor_A2},
             {"ctf/scale", q->ctf.scale}};
  fz_status st = FZ_OK;
  for (size_t i = 0; i < sizeof all / sizeof all[0] && st == FZ_OK; i++)
    if (!isfinite(all[i].value)) st = wrong(v, row, all[i].label, "not-a-number", "not a finite number");
  return st;
}

static void note_aberrations(view *v) {
  const char *const names[] = {"ctf/shift_A", "ctf/tilt_A", "ctf/trefoil_A", "ctf/tetra_A", "ctf/anisomag"};
  for (int k = 0; k < 5; k++) {
    const fz_io_npy_field *f = field(&v->npy, names[k], false, 1);
    bool noted = false;
    for (int64_t row = 0; f && row < v->npy.rows && !noted; row++)
      for (int i = 0; i < f->count && !noted; i++) {
        if (get(v, f, row, i, 0) == 0) continue;
        fz_io_particles_note(v->p, row + 1, names[k], "", "this aberration is not corrected for yet");
        noted = true;
      }
  }
  if (!v->f.df1 && v->f.sign && get(v, v->f.sign, 0, 0, 1) < 0)
    fz_io_particles_note(v->p, 1, "blob/sign", "give a .cs file that has them", "-1 without ctf fields");
}

/* split counts from 0 in one file and from 1 in another: the smallest value decides. */
static void read_subsets(view *v) {
  if (!v->f.split) return;
  double least = INFINITY, most = -INFINITY;
  for (int64_t i = 0; i < v->npy.rows; i++) {
    least = fmin(least, get(v, v->f.split, i, 0, 0));
    most = fmax(most, get(v, v->f.split, i, 0, 0));
  }
  if (most - least > 1 || least < 0 || most > 2 || most == least) return;
  for (int64_t i = 0; i < v->p->table.n; i++) {
    fz_particle *q = &v->p->table.particle[i];
    q->subset = 1 + (int32_t)(get(v, v->f.split, q->line - 1, 0, 0) - least);
  }
}

static fz_status read_rows(view *v) {
  fz_io_particles *p = v->p;
  find_fields(v);
  const fz_io_place at = {.file = p->path, .label = v->f.path ? "blob/idx" : "blob/path"}, file = {.file = p->path};
  if (!v->f.path || !v->f.idx)
    return fz_io_findings_stop(p->findings, &at, "no-column",
                               "give the .cs file of particles (not of exposures or volumes), or the job's passthrough "
                               "file that has it",
                               v->err, "has no such field");
  if (v->npy.rows < 1)
    return fz_io_findings_stop(p->findings, &file, "empty", "", v->err, "is empty: there are no particles");
  p->table.particle = fz_alloc((ptrdiff_t)v->npy.rows, sizeof *p->table.particle);
  if (!p->table.particle)
    return fz_fail(v->err, FZ_ENOMEM, "%s: no memory for %lld particles", p->path, (long long)v->npy.rows);
  for (int64_t i = 0; i < v->npy.rows; i++) {
    fz_particle *q = &p->table.particle[p->table.n];
    int64_t errors = fz_io_findings_count(p->findings, FZ_FINDING_ERROR);
    fz_status st;
    *q = (fz_particle){.line = i + 1};
    if ((st = read_stack(v, i, q)) != FZ_OK || (st = group_of_row(v, i, &q->optics)) != FZ_OK) return st;
    if (fz_io_findings_count(p->findings, FZ_FINDING_ERROR) > errors) continue;
    read_pose(v, i, q, q->optics);
    read_ctf(v, i, &q->ctf);
    if ((st = check_finite(v, i, q)) != FZ_OK) return st;
    p->table.n += fz_io_findings_count(p->findings, FZ_FINDING_ERROR) == errors;
  }
  p->poses = v->f.pose != NULL;
  read_subsets(v);
  note_aberrations(v);
  return FZ_OK;
}

fz_status fz_io_particles_from_cs(fz_io_particles *p, fz_error *err) {
  view v = {.p = p, .err = err};
  p->style = "cryoSPARC";
  p->cs = true;
  fz_status st = fz_io_npy_read(p->path, &v.npy, err);
  if (st == FZ_OK) st = read_rows(&v);
  fz_io_npy_clear(&v.npy);
  return st;
}
