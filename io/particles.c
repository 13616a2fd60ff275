#include "io/particles.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/file.h"
#include "io/mrc.h"
#include "io/npy.h"
#include "io/particles_parts.h"

void fz_io_particles_note(fz_io_particles *p, int64_t line, const char *label, const char *advice, const char *format,
                          ...) {
  char text[400], name[80], whole[800];
  if (p->notes == FZ_PARTICLES_NOTES) return;
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  snprintf(name, sizeof name, "%s%s", p->cs || label[0] == '_' ? "" : "_", label);
  fz_io_finding finding = {
      .at = {.file = p->path, .line = line, .rows = p->cs, .label = name}, .text = text, .advice = (char *)advice};
  fz_io_finding_message(&finding, whole, (int)sizeof whole);
  fz_io_note *note = &p->note[p->notes];
  *note = (fz_io_note){line, fz_strdup(name), fz_strdup(text), fz_strdup(advice), fz_strdup(whole)};
  p->notes++;
}

void fz_io_particles_destroy(fz_io_particles **pp) {
  fz_io_particles *p = *pp;
  if (!p) return;
  fz_io_star_destroy(&p->star);
  fz_particles_clear(&p->table);
  fz_io_names_clear(&p->stacks);
  fz_free(&p->found);
  fz_free(&p->elsewhere);
  for (int i = 0; i < p->notes; i++) {
    fz_free(&p->note[i].label);
    fz_free(&p->note[i].text);
    fz_free(&p->note[i].advice);
    fz_free(&p->note[i].whole);
  }
  if (p->own_findings) fz_io_findings_destroy(&p->findings);
  fz_free(&p->bad_group);
  fz_free(&p->holds);
  fz_free(&p->kept.particle);
  fz_free(&p->row_of);
  fz_free(&p->reason);
  fz_free(&p->path);
  fz_free(pp);
}

const fz_particles *fz_io_particles_table(const fz_io_particles *p) {
  return p->row_of ? &p->kept : &p->table;
}
const char *fz_io_particles_path(const fz_io_particles *p) {
  return p->path;
}
const char *fz_io_particles_style(const fz_io_particles *p) {
  return p->style;
}
bool fz_io_particles_have_poses(const fz_io_particles *p) {
  return p->poses;
}
bool fz_io_particles_stack_found(const fz_io_particles *p, int stack) {
  return p->found[stack];
}
int fz_io_particles_unsupported_count(const fz_io_particles *p) {
  return p->notes;
}
const char *fz_io_particles_unsupported(const fz_io_particles *p, int i) {
  return p->note[i].whole ? p->note[i].whole : "";
}

/* RELION and cryoSPARC name stacks from the project's folder, in or above which the particle file lies: after the
 * current folder try the file's own, then upwards. */
static bool look_above(const char *file, const char *name, char *found, size_t room) {
  const char *slash = strrchr(file, '/');
  int folder = slash ? (int)(slash - file) + 1 : 0;
  for (int up = 0; up < 8; up++) {
    char climb[8 * 3 + 1] = "";
    for (int i = 0; i < up; i++) strcat(climb, "../");
    int length = snprintf(found, room, "%.*s%s%s", folder, file, climb, name);
    if (length > 0 && (size_t)length < room && fz_io_file_exists(found)) return true;
  }
  return false;
}

static fz_status locate_stacks(fz_io_particles *p, fz_error *err) {
  int n = p->stacks.n;
  p->table.stack_path = fz_alloc(n, sizeof *p->table.stack_path);
  p->found = fz_alloc(n, sizeof *p->found);
  p->elsewhere = fz_alloc(n, sizeof *p->elsewhere);
  if (!p->table.stack_path || !p->found || !p->elsewhere) return fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
  for (int i = 0; i < n; i++) {
    char where[PATH_MAX];
    const char *name = p->stacks.name[i];
    p->found[i] = fz_io_file_exists(name);
    if (!p->found[i] && name[0] != '/') p->elsewhere[i] = p->found[i] = look_above(p->path, name, where, sizeof where);
    p->table.stack_path[i] = fz_strdup(p->elsewhere[i] ? where : name);
    p->table.n_stacks = i + 1;
    if (!p->table.stack_path[i]) return fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
  }
  return FZ_OK;
}

static void complete_group(fz_optics *optics, const char *stack) {
  fz_io_mrc *mrc;
  if (fz_io_mrc_open_part(stack, &mrc, NULL) != FZ_OK) return;
  const fz_io_mrc_header *h = fz_io_mrc_header_view(mrc);
  if (optics->box == 0 && h->nx == h->ny) optics->box = (int)h->nx;
  if (optics->pixel_A == 0) optics->pixel_A = h->voxel_A[0];
  fz_io_mrc_close(&mrc);
}

/* Box and pixel size that the table lacks come from the first stack of the group that was found. */
static fz_status complete_optics(fz_io_particles *p, fz_error *err) {
  fz_particles *t = &p->table;
  int open = p->stacks.n > 0 ? t->n_optics : 0;
  bool *done = fz_alloc(t->n_optics, sizeof *done);
  if (!done) return fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
  for (int64_t i = 0; i < t->n && open > 0; i++) {
    const fz_particle *q = &t->particle[i];
    fz_optics *optics = &t->optics[q->optics];
    bool complete = optics->box > 0 && optics->pixel_A > 0;
    if (done[q->optics] || (!complete && !p->found[q->stack])) continue;
    if (!complete) complete_group(optics, t->stack_path[q->stack]);
    done[q->optics] = true;
    open--;
  }
  fz_free(&done);
  return FZ_OK;
}

static void origins_to_angstrom(fz_io_particles *p) {
  for (int64_t i = 0; i < p->table.n; i++) {
    fz_particle *particle = &p->table.particle[i];
    double pixel = p->table.optics[particle->optics].pixel_A;
    particle->origin_x_A *= pixel;
    particle->origin_y_A *= pixel;
  }
}

static fz_status read_set(const char *path, bool images_optional, fz_io_findings *findings, fz_io_particles **out,
                          fz_error *err) {
  fz_status st = FZ_OK;
  *out = NULL;
  if (strpbrk(path, "\r\n")) /* the stacks' paths begin with it, and go into STAR files */
    return fz_fail(err, FZ_EINPUT, "%s: there is a line break in this name, which no STAR file can hold: rename it",
                   path);
  fz_io_particles *p = fz_alloc(1, sizeof *p);
  if (p) {
    p->path = fz_strdup(path);
    p->own_findings = !findings;
    p->findings = findings ? findings : fz_io_findings_create(true);
  }
  if (!p || !p->path || !p->findings) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
    goto done;
  }
  p->images_optional = images_optional;
  FZ_TRY(fz_io_npy_is(path) ? fz_io_particles_from_cs(p, err) : fz_io_particles_from_star(p, err));
  FZ_TRY(locate_stacks(p, err));
  FZ_TRY(complete_optics(p, err));
  if (p->old_origins) origins_to_angstrom(p);
  *out = p;
  p = NULL;
done:
  fz_io_particles_destroy(&p);
  return st;
}

fz_status fz_io_particles_read(const char *path, fz_io_particles **out, fz_error *err) {
  return read_set(path, false, NULL, out, err);
}

fz_status fz_io_particles_read_noting(const char *path, fz_io_findings *findings, fz_io_particles **out,
                                      fz_error *err) {
  return read_set(path, false, findings, out, err);
}

fz_status fz_io_particles_read_poses(const char *path, fz_io_particles **out, fz_error *err) {
  fz_status st = read_set(path, true, NULL, out, err);
  if (st != FZ_OK) return st;
  if (!(*out)->poses)
    st = fz_fail(err, FZ_EINPUT, "%s: it lacks one of _rlnAngleRot, _rlnAngleTilt, _rlnAnglePsi (alignments3D/pose)",
                 path);
  for (int g = 0; st == FZ_OK && g < (*out)->table.n_optics; g++)
    if ((*out)->old_origins && !((*out)->table.optics[g].pixel_A > 0))
      st = fz_fail(err, FZ_EINPUT,
                   "%s: _rlnOriginX/Y are in pixels of unknown size; write _rlnOriginX/YAngst or a pixel size", path);
  if (st != FZ_OK) fz_io_particles_destroy(out);
  return st;
}
