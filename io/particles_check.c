/* What a reconstruction needs of a particle set; the other half of particles.h. */
#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/mrc.h"
#include "io/particles_parts.h"

/* "FILE:LINE" for STAR files, "FILE: row N" for .cs; and the labels by which the file's kind calls things. */
static const char *line_word(const fz_io_particles *p) {
  return p->cs ? ": row " : ":";
}
static const char *name_label(const fz_io_particles *p) {
  return p->cs ? "blob/path" : "_rlnImageName";
}
static const char *box_label(const fz_io_particles *p) {
  return p->cs ? "blob/shape" : "_rlnImageSize";
}
static const char *pixel_label(const fz_io_particles *p) {
  return p->cs ? "blob/psize_A" : "_rlnImagePixelSize";
}

#define AT(p, q) (p)->path, line_word(p), (long long)(q)->line

static fz_status check_optics(const fz_io_particles *p, fz_error *err) {
  const fz_particles *t = &p->table;
  for (int g = 0; g < t->n_optics; g++) {
    const fz_optics *o = &t->optics[g];
    if (o->ctf_premultiplied)
      return fz_fail(err, FZ_EINPUT,
                     "%s: _rlnCtfDataAreCtfPremultiplied: the images of optics group %s are multiplied by their CTF, "
                     "which is not supported yet; extract them without",
                     p->path, o->name);
    if (o->has_ctf && !(o->voltage_kV > 0))
      return fz_fail(err, FZ_EINPUT,
                     "%s: optics group %s has defocus values but no voltage; add _rlnVoltage, _rlnSphericalAberration "
                     "and _rlnAmplitudeContrast",
                     p->path, o->name);
  }
  return FZ_OK;
}

/* After the stacks: their absence explains an unknown box better. */
static fz_status check_sizes(const fz_io_particles *p, fz_error *err) {
  const fz_particles *t = &p->table;
  for (int g = 0; g < t->n_optics; g++) {
    const fz_optics *o = &t->optics[g], *first = &t->optics[0];
    if (!(o->pixel_A > 0))
      return fz_fail(err, FZ_EINPUT,
                     "%s: the pixel size of optics group %s is unknown, here and in the stack's header; add "
                     "_rlnImagePixelSize (Angstrom) to data_optics",
                     p->path, o->name);
    if (fabs(o->pixel_A - first->pixel_A) > 1e-4 * first->pixel_A)
      return fz_fail(err, FZ_EINPUT,
                     "%s: %s: more than one pixel size (%g A in optics group %s, %g A in %s), which is "
                     "not supported yet; rescale the images to one",
                     p->path, pixel_label(p), first->pixel_A, first->name, o->pixel_A, o->name);
    if (o->box != first->box)
      return fz_fail(err, FZ_EINPUT,
                     "%s: %s: more than one box (%d pixels in optics group %s, %d in %s), which is not "
                     "supported yet; extract the particles in one box",
                     p->path, box_label(p), first->box, first->name, o->box, o->name);
  }
  return FZ_OK;
}

/* first [n_stacks]: a particle of each stack, for messages; largest [n_stacks]: the one with the highest image number
 */
static void find_extremes(const fz_particles *t, int64_t *first, int64_t *largest) {
  for (int s = 0; s < t->n_stacks; s++) first[s] = -1;
  for (int64_t i = 0; i < t->n; i++) {
    int s = t->particle[i].stack;
    if (first[s] < 0) first[s] = largest[s] = i;
    if (t->particle[i].slice > t->particle[largest[s]].slice) largest[s] = i;
  }
}

static fz_status check_stack(const fz_io_particles *p, int s, const fz_particle *first, const fz_particle *largest,
                             double *voxel_A, fz_error *err) {
  const char *stack = p->table.stack_path[s];
  const fz_optics *o = &p->table.optics[first->optics];
  fz_io_mrc *mrc = NULL;
  fz_error inner = {0};
  if (!p->found[s])
    return fz_fail(err, FZ_EINPUT,
                   "%s%s%lld: %s: the stack %s does not exist, neither from the current folder nor in or "
                   "above the file's; start from the folder it is relative to, or link it",
                   AT(p, first), name_label(p), stack);
  fz_status st = fz_io_mrc_open(stack, &mrc, &inner);
  if (st != FZ_OK) return fz_fail(err, st, "%s%s%lld: %s: %s", AT(p, first), name_label(p), inner.text);
  const fz_io_mrc_header *h = fz_io_mrc_header_view(mrc);
  *voxel_A = h->voxel_A[0];
  if (h->axis[0] != 1 || h->axis[1] != 2)
    st = fz_fail(err, FZ_EINPUT, "%s%s%lld: %s: its axes are in the order %d, %d, %d; only 1, 2, 3 is read for stacks",
                 AT(p, first), stack, h->axis[0], h->axis[1], h->axis[2]);
  else if (h->nx != h->ny)
    st = fz_fail(err, FZ_EINPUT, "%s%s%lld: %s: its images are not square: %lld x %lld pixels", AT(p, first), stack,
                 (long long)h->nx, (long long)h->ny);
  else if (h->nx != o->box)
    st = fz_fail(err, FZ_EINPUT, "%s%s%lld: %s is %d in optics group %s, but the images of %s have %lld pixels",
                 AT(p, first), box_label(p), o->box, o->name, stack, (long long)h->nx);
  else if (largest->slice >= h->nz)
    st = fz_fail(err, FZ_EINPUT, "%s%s%lld: %s %lld@%s: the stack has only %lld images", AT(p, largest), name_label(p),
                 (long long)largest->slice + 1, p->stacks.name[s], (long long)h->nz);
  fz_io_mrc_close(&mrc);
  return st;
}

static fz_status check_stacks(const fz_io_particles *p, fz_error *err) {
  const fz_particles *t = &p->table;
  fz_status st = FZ_OK;
  int disagree = 0, example = 0;
  double example_A = 0;
  int64_t *first = fz_alloc(t->n_stacks, sizeof *first), *largest = fz_alloc(t->n_stacks, sizeof *largest);
  if (!first || !largest) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory", p->path);
    goto done;
  }
  find_extremes(t, first, largest);
  for (int s = 0; s < t->n_stacks; s++) {
    if (first[s] < 0) continue;
    double voxel_A = 0, pixel_A = t->optics[t->particle[first[s]].optics].pixel_A;
    FZ_TRY(check_stack(p, s, &t->particle[first[s]], &t->particle[largest[s]], &voxel_A, err));
    if (!(voxel_A > 0) || !(pixel_A > 0) || fabs(voxel_A - pixel_A) <= 0.01 * pixel_A) continue;
    if (disagree++) continue;
    example = s;
    example_A = voxel_A;
  }
  if (disagree)
    fz_log(FZ_LOG_WARN,
           "%s: pixel size %g A, but the headers of %d of %d stacks say otherwise (%s: %g A); %g A is used", p->path,
           t->optics[t->particle[first[example]].optics].pixel_A, disagree, t->n_stacks, t->stack_path[example],
           example_A, t->optics[t->particle[first[example]].optics].pixel_A);
done:
  fz_free(&first);
  fz_free(&largest);
  return st;
}

fz_status fz_io_particles_require_supported(const fz_io_particles *p, fz_error *err) {
  fz_status st;
  if (p->notes == 1) return fz_fail(err, FZ_EINPUT, "%s", p->note[0]);
  if (p->notes > 1)
    return fz_fail(err, FZ_EINPUT, "%s (%d more of this kind: see frazil info)", p->note[0], p->notes - 1);
  FZ_TRY(check_optics(p, err));
  FZ_TRY(check_stacks(p, err));
  FZ_TRY(check_sizes(p, err));
done:
  return st;
}
