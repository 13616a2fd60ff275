/* Particles taken out of a set: the table shrinks, the file's rows stay for excluded.star. */
#include <string.h>

#include "core/memory.h"
#include "io/particles_parts.h"
#include "model/preprocess.h"

fz_status fz_io_particles_exclude(fz_io_particles *p, const uint8_t *fault, fz_error *err) {
  const fz_particles *t = &p->table;
  int64_t kept = 0;
  FZ_ASSERT(!p->row_of);
  for (int64_t i = 0; i < t->n; i++) kept += !fault[i];
  if (kept == t->n) return FZ_OK;
  int64_t *row_of = fz_alloc((ptrdiff_t)kept, sizeof *row_of);
  fz_particle *particle = fz_alloc((ptrdiff_t)kept, sizeof *particle);
  uint8_t *reason = fz_alloc((ptrdiff_t)t->n, sizeof *reason);
  if (!row_of || !particle || !reason) {
    fz_free(&row_of);
    fz_free(&particle);
    fz_free(&reason);
    return fz_fail(err, FZ_ENOMEM, "%s: no memory for %lld particles", p->path, (long long)kept);
  }
  memcpy(reason, fault, (size_t)t->n);
  kept = 0;
  for (int64_t i = 0; i < t->n; i++) {
    if (fault[i]) continue;
    particle[kept] = t->particle[i];
    row_of[kept++] = i;
  }
  p->kept = *t;
  p->kept.n = kept;
  p->kept.particle = particle;
  p->row_of = row_of;
  p->reason = reason;
  return FZ_OK;
}

int64_t fz_io_particles_excluded(const fz_io_particles *p) {
  return p->row_of ? p->table.n - p->kept.n : 0;
}

fz_status fz_io_particles_write_excluded(fz_io_particles *p, const char *path, const char *comment, fz_error *err) {
  const int64_t n = p->table.n;
  int64_t rows = 0;
  fz_status st = FZ_OK;
  int64_t *row = fz_alloc((ptrdiff_t)n, sizeof *row);
  const char **word = fz_alloc((ptrdiff_t)n, sizeof *word);
  if (!row || !word) {
    st = fz_fail(err, FZ_ENOMEM, "%s: no memory", path);
    goto done;
  }
  for (int64_t i = 0; i < n; i++) {
    word[i] = fz_image_fault_word(p->reason ? p->reason[i] : FZ_IMAGE_GOOD);
    if (p->reason && p->reason[i]) row[rows++] = i;
  }
  FZ_TRY(fz_io_particles_prepare_star(p, err));
  FZ_TRY(fz_io_star_set_text(p->rows, "frazilExclusionReason", word, err));
  FZ_TRY(fz_io_star_write(p->star, path, comment, p->rows, row, rows, err));
done:
  if (p->rows) fz_io_star_drop(p->rows, "frazilExclusionReason");
  fz_free(&row);
  fz_free(&word);
  return st;
}
