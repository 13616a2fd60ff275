/* What a reconstruction needs of a particle set; the other half of particles.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/mrc.h"
#include "io/particles_parts.h"

/* Beyond these a number is more likely in the wrong unit than right. */
static const double PIXEL_LEAST_A = 0.1, PIXEL_MOST_A = 100, VOLTAGE_LEAST_KV = 50, VOLTAGE_MOST_KV = 1500,
                    CS_MOST_MM = 20, DEFOCUS_LEAST_A = 100, DEFOCUS_MOST_A = 200000;

typedef struct checker {
  fz_io_particles *p;
  fz_io_findings *f;
  const fz_particles *t;
  bool part_will_do;                                /* images that a truncated stack has lost are excluded later */
  const char *name_label, *box_label, *pixel_label; /* what the file's kind calls them */
  fz_error *err;
} checker;

static checker checker_of(fz_io_particles *p, fz_io_findings *f, fz_error *err) {
  return (checker){.p = p,
                   .f = f,
                   .t = fz_io_particles_table(p),
                   .name_label = p->cs ? "blob/path" : "_rlnImageName",
                   .box_label = p->cs ? "blob/shape" : "_rlnImageSize",
                   .pixel_label = p->cs ? "blob/psize_A" : "_rlnImagePixelSize",
                   .err = err};
}

static fz_io_place file_place(const checker *c, const char *label) {
  return (fz_io_place){.file = c->p->path, .label = label};
}
static fz_io_place row_place(const checker *c, const fz_particle *q, const char *label) {
  return (fz_io_place){.file = c->p->path, .line = q->line, .rows = c->p->cs, .label = label};
}
/* The label of a STAR column, or the field of a .cs file. */
static const char *called(const checker *c, const char *star, const char *cs) {
  return c->p->cs ? cs : star;
}

#define WRONG(c, place, kind, advice, ...) \
  fz_io_findings_add((c)->f, FZ_FINDING_ERROR, (fz_io_place[1]){place}, kind, advice, (c)->err, __VA_ARGS__)
#define WARN(c, place, kind, advice, ...) \
  fz_io_findings_add((c)->f, FZ_FINDING_WARNING, (fz_io_place[1]){place}, kind, advice, (c)->err, __VA_ARGS__)

/* ---- optics ---- */

static bool group_is_bad(const checker *c, int g) {
  return c->p->bad_group && c->p->bad_group[g];
}

static fz_status check_notes(const checker *c) {
  const fz_io_particles *p = c->p;
  fz_status st = FZ_OK;
  for (int i = 0; i < p->notes && st == FZ_OK; i++) {
    const fz_io_note *note = &p->note[i];
    const fz_io_place at = {.file = p->path, .line = note->line, .rows = p->cs, .label = note->label};
    if (!note->text || !note->advice) return fz_fail(c->err, FZ_ENOMEM, "%s: no memory", p->path);
    st = WRONG(c, at, "unsupported", note->advice, "%s", note->text);
  }
  return st;
}

static fz_status check_lens(const checker *c, const fz_optics *o) {
  const fz_io_place voltage = file_place(c, called(c, "_rlnVoltage", "ctf/accel_kv")),
                    cs = file_place(c, called(c, "_rlnSphericalAberration", "ctf/cs_mm")),
                    contrast = file_place(c, called(c, "_rlnAmplitudeContrast", "ctf/amp_contrast"));
  fz_status st = FZ_OK;
  if (!o->has_ctf) return FZ_OK;
  if (!(o->voltage_kV > 0))
    FZ_TRY(WRONG(c, voltage, "voltage", "add it, with the spherical aberration and the amplitude contrast",
                 "optics group %s has defocus values but no voltage", o->name));
  else if (o->voltage_kV < VOLTAGE_LEAST_KV || o->voltage_kV > VOLTAGE_MOST_KV)
    FZ_TRY(WARN(c, voltage, "voltage", "it is in kV", "optics group %s has %g kV", o->name, o->voltage_kV));
  if (fabs(o->cs_mm) > CS_MOST_MM)
    FZ_TRY(WARN(c, cs, "cs", "it is in mm", "optics group %s has a spherical aberration of %g mm", o->name, o->cs_mm));
  if (fabs(o->amplitude_contrast) > 1)
    FZ_TRY(WRONG(c, contrast, "amplitude-contrast", "it is a fraction, such as 0.1",
                 "optics group %s has an amplitude contrast of %g", o->name, o->amplitude_contrast));
  else if (o->amplitude_contrast < 0)
    FZ_TRY(WARN(c, contrast, "amplitude-contrast", "", "optics group %s has a negative amplitude contrast, %g", o->name,
                o->amplitude_contrast));
done:
  return st;
}

static fz_status check_optics(const checker *c) {
  const fz_io_place ctf = file_place(c, "_rlnCtfDataAreCtfPremultiplied");
  fz_status st = FZ_OK;
  for (int g = 0; g < c->t->n_optics; g++) {
    const fz_optics *o = &c->t->optics[g];
    if (group_is_bad(c, g)) continue;
    if (o->ctf_premultiplied)
      FZ_TRY(WRONG(c, ctf, "unsupported", "extract them without",
                   "the images of optics group %s are multiplied by their CTF, which is not supported yet", o->name));
    FZ_TRY(check_lens(c, o));
  }
done:
  return st;
}

/* After the stacks: their absence explains an unknown box better. */
static fz_status check_sizes(const checker *c) {
  const fz_io_place pixel = file_place(c, c->pixel_label), box = file_place(c, c->box_label);
  const fz_optics *first = NULL;
  fz_status st = FZ_OK;
  for (int g = 0; g < c->t->n_optics; g++) {
    const fz_optics *o = &c->t->optics[g];
    if (group_is_bad(c, g)) continue;
    if (!(o->pixel_A > 0)) {
      FZ_TRY(WRONG(c, pixel, "pixel-size", "add it (Angstrom) to data_optics",
                   "the pixel size of optics group %s is unknown, here and in the stack's header", o->name));
      continue;
    }
    if (o->pixel_A < PIXEL_LEAST_A || o->pixel_A > PIXEL_MOST_A)
      FZ_TRY(WARN(c, pixel, "pixel-size", "it is in Angstrom", "optics group %s has a pixel size of %g A", o->name,
                  o->pixel_A));
    if (!first) first = o;
    if (fabs(o->pixel_A - first->pixel_A) > 1e-4 * first->pixel_A)
      FZ_TRY(WRONG(c, pixel, "pixel-sizes", "rescale the images to one",
                   "more than one pixel size (%g A in optics group %s, %g A in %s), which is not supported yet",
                   first->pixel_A, first->name, o->pixel_A, o->name));
    if (o->box != first->box)
      FZ_TRY(WRONG(c, box, "boxes", "extract the particles in one box",
                   "more than one box (%d pixels in optics group %s, %d in %s), which is not supported yet", first->box,
                   first->name, o->box, o->name));
  }
done:
  return st;
}

/* ---- rows ---- */

static fz_status check_ctf(const checker *c, const fz_particle *q) {
  const double defocus[2] = {q->ctf.defocus_u_A, q->ctf.defocus_v_A};
  const char *const label[2] = {called(c, "_rlnDefocusU", "ctf/df1_A"), called(c, "_rlnDefocusV", "ctf/df2_A")};
  fz_status st = FZ_OK;
  for (int i = 0; i < 2 && st == FZ_OK; i++)
    if (fabs(defocus[i]) > DEFOCUS_MOST_A || (defocus[i] != 0 && fabs(defocus[i]) < DEFOCUS_LEAST_A))
      st = WARN(c, row_place(c, q, label[i]), "defocus", "it is in Angstrom", "a defocus of %g A", defocus[i]);
  if (st == FZ_OK && q->ctf.scale == 0)
    st = WARN(c, row_place(c, q, called(c, "_rlnCtfScalefactor", "ctf/scale")), "ctf-scale", "",
              "0: this image says nothing of the particle");
  return st;
}

static fz_status check_row(const checker *c, const fz_particle *q) {
  const fz_optics *o = &c->t->optics[q->optics];
  fz_status st = o->has_ctf ? check_ctf(c, q) : FZ_OK;
  double half = 0.5 * o->box * o->pixel_A;
  if (st == FZ_OK && half > 0 && (fabs(q->origin_x_A) > half || fabs(q->origin_y_A) > half))
    st = WARN(c, row_place(c, q, called(c, "_rlnOriginX/YAngst", "alignments3D/shift")), "origin", "",
              "the origin (%g, %g A) is outside the box", q->origin_x_A, q->origin_y_A);
  return st;
}

typedef struct image_key {
  int64_t slice, row;
  int32_t stack;
} image_key;

static int compare_keys(const void *a, const void *b) {
  const image_key *x = a, *y = b;
  if (x->stack != y->stack) return x->stack < y->stack ? -1 : 1;
  if (x->slice != y->slice) return x->slice < y->slice ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

static fz_status check_repeats(const checker *c) {
  fz_status st = FZ_OK;
  image_key *key = fz_alloc((ptrdiff_t)c->t->n, sizeof *key);
  if (!key) return fz_fail(c->err, FZ_ENOMEM, "%s: no memory", c->p->path);
  for (int64_t i = 0; i < c->t->n; i++) key[i] = (image_key){c->t->particle[i].slice, i, c->t->particle[i].stack};
  qsort(key, (size_t)c->t->n, sizeof *key, compare_keys);
  for (int64_t i = 1; i < c->t->n && st == FZ_OK; i++) {
    if (key[i].stack != key[i - 1].stack || key[i].slice != key[i - 1].slice) continue;
    const fz_particle *q = &c->t->particle[key[i].row], *before = &c->t->particle[key[i - 1].row];
    st = WARN(c, row_place(c, q, c->name_label), "repeated", "remove one of them", "%lld@%s stands in %s %lld too",
              (long long)q->slice + 1, c->p->stacks.name[q->stack], c->p->cs ? "row" : "line", (long long)before->line);
  }
  fz_free(&key);
  return st;
}

/* Given half-sets are used when every particle is in one of two. */
static fz_status check_halves(const checker *c) {
  int64_t count[3] = {0, 0, 0};
  const fz_io_place at = file_place(c, called(c, "_rlnRandomSubset", "alignments3D/split"));
  for (int64_t i = 0; i < c->t->n; i++) count[c->t->particle[i].subset]++;
  if (count[1] + count[2] == 0 || (!count[0] && count[1] && count[2])) return FZ_OK;
  if (count[0])
    return WARN(c, at, "half-sets", "", "%lld particles are in no half-set: all are assigned anew",
                (long long)count[0]);
  return WARN(c, at, "half-sets", "", "all particles are in half-set %d: they are assigned anew", count[1] ? 1 : 2);
}

static fz_status check_rows(const checker *c) {
  fz_status st = FZ_OK;
  bool ctf = false;
  for (int64_t i = 0; i < c->t->n; i++) FZ_TRY(check_row(c, &c->t->particle[i]));
  for (int g = 0; g < c->t->n_optics; g++) ctf |= c->t->optics[g].has_ctf;
  if (!ctf && c->t->n > 0) {
    const fz_io_place at = file_place(c, called(c, "_rlnDefocusU", "ctf/df1_A"));
    FZ_TRY(WARN(c, at, "no-ctf", "", "there is no such column: the images are taken as free of a CTF"));
  }
  FZ_TRY(check_halves(c));
  FZ_TRY(check_repeats(c));
done:
  return st;
}

/* ---- stacks ---- */

/* What the table asks of one stack. */
typedef struct use {
  int64_t *row; /* [images] the rows that name it, in their order */
  int64_t images;
} use;

/* Rows by stack: order [n] is filled, and of [n_stacks] point into it. */
static void find_uses(const fz_particles *t, int64_t *order, use *of) {
  for (int64_t i = 0; i < t->n; i++) of[t->particle[i].stack].images++;
  for (int s = 0; s < t->n_stacks; s++) {
    of[s].row = order;
    order += of[s].images;
    of[s].images = 0;
  }
  for (int64_t i = 0; i < t->n; i++) {
    use *u = &of[t->particle[i].stack];
    u->row[u->images++] = i;
  }
}

/* Rows that ask for more images than there are. */
static fz_status check_beyond(const checker *c, int s, const use *u, int64_t images) {
  fz_status st = FZ_OK;
  for (int64_t i = 0; i < u->images && st == FZ_OK; i++) {
    const fz_particle *q = &c->t->particle[u->row[i]];
    if (q->slice >= images)
      st = WRONG(c, row_place(c, q, c->name_label), "beyond", "", "%lld@%s: the stack has only %lld images",
                 (long long)q->slice + 1, c->p->stacks.name[s], (long long)images);
  }
  return st;
}

/* A truncated stack loses the images that are not there; they are excluded one by one when images are looked at. */
static fz_status check_truncation(const checker *c, int s, const use *u, const fz_io_mrc_header *h) {
  char text[400];
  int64_t lost = 0;
  if (h->whole == h->nz) return FZ_OK;
  const fz_io_place at = row_place(c, &c->t->particle[u->row[0]], c->name_label);
  fz_io_mrc_say_truncated(h, text, (int)sizeof text);
  if (h->whole == 0 || !c->part_will_do) return WRONG(c, at, "truncated", "", "%s: %s", c->t->stack_path[s], text);
  for (int64_t i = 0; i < u->images; i++) {
    int64_t slice = c->t->particle[u->row[i]].slice;
    lost += slice >= h->whole && slice < h->nz;
  }
  return WARN(c, at, "truncated", "", "%s: %s; %lld of its %lld particles cannot be read", c->t->stack_path[s], text,
              (long long)lost, (long long)u->images);
}

static fz_status check_header(const checker *c, int s, const use *u, const fz_io_mrc_header *h) {
  const fz_particle *q = &c->t->particle[u->row[0]];
  const fz_optics *o = &c->t->optics[q->optics];
  const char *stack = c->t->stack_path[s];
  const fz_io_place name = row_place(c, q, c->name_label), box = row_place(c, q, c->box_label);
  if (h->axis[0] != 1 || h->axis[1] != 2)
    return WRONG(c, name, "axes", "", "%s: its axes are in the order %d, %d, %d; only 1, 2, 3 is read for stacks",
                 stack, h->axis[0], h->axis[1], h->axis[2]);
  if (h->nx != h->ny)
    return WRONG(c, name, "not-square", "", "%s: its images are not square: %lld x %lld pixels", stack,
                 (long long)h->nx, (long long)h->ny);
  if (h->nx != o->box && !group_is_bad(c, q->optics))
    return WRONG(c, box, "box", "", "%d in optics group %s, but the images of %s have %lld pixels", o->box, o->name,
                 stack, (long long)h->nx);
  return FZ_OK;
}

static fz_status check_stack(const checker *c, int s, const use *u, double *voxel_A) {
  const fz_io_place at = row_place(c, &c->t->particle[u->row[0]], c->name_label);
  const char *stack = c->t->stack_path[s];
  int64_t errors = fz_io_findings_count(c->f, FZ_FINDING_ERROR);
  fz_io_mrc *mrc = NULL;
  fz_error inner = {0};
  c->p->holds[s] = 0;
  if (!c->p->found[s])
    return WRONG(c, at, "no-stack", "start from the folder it is relative to, or link it",
                 "the stack %s does not exist, neither from the current folder nor in or above the file's", stack);
  fz_status st = fz_io_mrc_open_part(stack, &mrc, &inner);
  if (st == FZ_ENOMEM) return fz_fail(c->err, st, "%s", inner.text);
  if (st != FZ_OK) return WRONG(c, at, "bad-stack", "", "%s", inner.text);
  const fz_io_mrc_header *h = fz_io_mrc_header_view(mrc);
  *voxel_A = h->voxel_A[0];
  FZ_TRY(check_truncation(c, s, u, h));
  FZ_TRY(check_header(c, s, u, h));
  if (fz_io_findings_count(c->f, FZ_FINDING_ERROR) == errors) c->p->holds[s] = h->nz;
  FZ_TRY(check_beyond(c, s, u, h->nz)); /* its other images can still be looked at */
done:
  fz_io_mrc_close(&mrc);
  return st;
}

static fz_status check_stacks(const checker *c) {
  const fz_particles *t = c->t;
  fz_status st = FZ_OK;
  int disagree = 0, example = 0;
  double example_A = 0;
  use *of = fz_alloc(t->n_stacks, sizeof *of);
  int64_t *order = fz_alloc((ptrdiff_t)t->n, sizeof *order);
  if (!c->p->holds) c->p->holds = fz_alloc(t->n_stacks, sizeof *c->p->holds);
  if (!of || !order || !c->p->holds) {
    st = fz_fail(c->err, FZ_ENOMEM, "%s: no memory", c->p->path);
    goto done;
  }
  find_uses(t, order, of);
  for (int s = 0; s < t->n_stacks; s++) {
    if (of[s].images == 0) continue;
    double voxel_A = 0, pixel_A = t->optics[t->particle[of[s].row[0]].optics].pixel_A;
    FZ_TRY(check_stack(c, s, &of[s], &voxel_A));
    if (!(voxel_A > 0) || !(pixel_A > 0) || fabs(voxel_A - pixel_A) <= 0.01 * pixel_A) continue;
    if (disagree++) continue;
    example = s;
    example_A = voxel_A;
  }
  if (disagree) {
    double used = t->optics[t->particle[of[example].row[0]].optics].pixel_A;
    const fz_io_place at = file_place(c, c->pixel_label);
    st = WARN(c, at, "pixel-size-header", "",
              "pixel size %g A, but the headers of %d of %d stacks say otherwise (%s: %g A); %g A is used", used,
              disagree, t->n_stacks, t->stack_path[example], example_A, used);
  }
done:
  fz_free(&of);
  fz_free(&order);
  return st;
}

static fz_status check_all(checker *c) {
  fz_status st;
  FZ_TRY(check_notes(c));
  FZ_TRY(check_optics(c));
  FZ_TRY(check_stacks(c));
  FZ_TRY(check_sizes(c));
  FZ_TRY(check_rows(c));
done:
  return st;
}

fz_status fz_io_particles_check(fz_io_particles *p, fz_io_findings *findings, fz_error *err) {
  checker c = checker_of(p, findings, err);
  c.part_will_do = true;
  return check_all(&c);
}

fz_status fz_io_particles_require_supported(fz_io_particles *p, fz_error *err) {
  fz_io_findings *f = fz_io_findings_create(true);
  if (!f) return fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
  checker c = checker_of(p, f, err);
  fz_status st = check_all(&c);
  if (st == FZ_OK) fz_io_findings_log_warnings(f);
  fz_io_findings_destroy(&f);
  return st;
}

fz_status fz_io_particles_check_box(fz_io_particles *p, fz_io_findings *findings, fz_error *err) {
  checker c = checker_of(p, findings, err);
  fz_status st = FZ_OK;
  for (int g = 0; g < c.t->n_optics && st == FZ_OK; g++)
    if (!group_is_bad(&c, g) && c.t->optics[g].box > 0 && c.t->optics[g].box < FZ_IO_BOX_LEAST)
      st = WRONG(&c, file_place(&c, c.box_label), "small-box", "", "images of %d px are too small: at least %d px",
                 c.t->optics[g].box, (int)FZ_IO_BOX_LEAST);
  return st;
}

bool fz_io_particles_image_usable(const fz_io_particles *p, int64_t i) {
  const fz_particle *q = &fz_io_particles_table(p)->particle[i];
  return p->holds && q->slice < p->holds[q->stack] && !(p->bad_group && p->bad_group[q->optics]);
}
