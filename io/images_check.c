#include "io/images_check.h"

#include <math.h>
#include <stdio.h>

#include "core/memory.h"
#include "io/particles_parts.h"
#include "model/preprocess.h"

/* Standard errors of the mean contrast: pure noise reaches them once in three million sets. */
static const double DARK = -5;

double fz_io_mask_radius_px(int box) {
  return fmin(0.45 * box, 0.5 * box - 1);
}

static fz_io_place place_of(const fz_io_images_seen *seen, int64_t i) {
  const fz_particle *q = &seen->table->particle[i];
  return (fz_io_place){.file = seen->particles->path,
                       .line = q->line,
                       .rows = seen->particles->cs,
                       .stack = seen->table->stack_path[q->stack],
                       .image = q->slice + 1};
}

/* The reader says best why an image cannot be read. */
static void say_fault(const fz_io_images_seen *seen, int64_t i, char *text, int room) {
  fz_error why = {0};
  float *pixels = fz_alloc((ptrdiff_t)seen->images->box * seen->images->box, sizeof *pixels);
  bool told = seen->fault[i] == FZ_IMAGE_UNREADABLE && pixels &&
              seen->images->read(seen->images->self, &i, 1, pixels, &why) != FZ_OK;
  fz_free(&pixels);
  snprintf(text, (size_t)room, "%s%s%.300s%s", fz_image_fault_sentence(seen->fault[i]), told ? " (" : "",
           told ? why.text : "", told ? ")" : "");
}

static fz_status check_count(const fz_io_images_seen *seen, fz_io_findings *f, fz_error *err) {
  int64_t bad = 0, first = -1, n = seen->table->n;
  char text[400];
  for (int64_t i = 0; i < n; i++) {
    if (seen->fault[i] && first < 0) first = i;
    bad += seen->fault[i] != 0;
  }
  if (100.0 * (double)bad <= seen->max_excluded_percent * (double)n) return FZ_OK;
  say_fault(seen, first, text, (int)sizeof text);
  fz_io_place at = place_of(seen, first);
  const char *stack = at.stack;
  long long image = (long long)at.image;
  at.stack = NULL;
  at.image = 0;
  return fz_io_findings_add(
      f, FZ_FINDING_ERROR, &at, "excluded", "", err,
      "%lld of %lld images are unusable, more than --max-excluded %g %%; the first is image %lld of %s, which %s",
      (long long)bad, (long long)n, seen->max_excluded_percent, image, stack, text);
}

/* Half-sets that the file gives are kept: neither may vanish. */
static fz_status check_halves(const fz_io_images_seen *seen, fz_io_findings *f, fz_error *err) {
  int64_t all[3] = {0, 0, 0}, left[3] = {0, 0, 0}, n = seen->table->n;
  const fz_io_place at = {.file = seen->particles->path};
  for (int64_t i = 0; i < n; i++) {
    int half = seen->table->particle[i].subset;
    all[half]++;
    left[half] += !seen->fault[i];
  }
  int64_t usable = left[0] + left[1] + left[2];
  bool given = !all[0] && all[1] && all[2];
  if (n == 0 || (usable && !(given && (!left[1] || !left[2])))) return FZ_OK;
  return fz_io_findings_add(f, FZ_FINDING_ERROR, &at, "half-set", "", err,
                            "half-set %d is empty: of %lld particles %lld are usable", left[1] ? 2 : 1, (long long)n,
                            (long long)usable);
}

static fz_status list_faults(const fz_io_images_seen *seen, fz_io_findings *f, fz_error *err) {
  fz_status st = FZ_OK;
  for (int64_t i = 0; i < seen->table->n && st == FZ_OK; i++) {
    if (!seen->fault[i]) continue;
    const fz_io_place at = place_of(seen, i);
    st = fz_io_findings_add(f, FZ_FINDING_WARNING, &at, fz_image_fault_word(seen->fault[i]), "it is set aside", err,
                            "it %s", fz_image_fault_sentence(seen->fault[i]));
  }
  return st;
}

fz_status fz_io_images_check(const fz_io_images_seen *seen, fz_io_findings *f, fz_error *err) {
  const fz_io_place at = {.file = seen->particles->path};
  fz_status st;
  FZ_TRY(check_count(seen, f, err));
  FZ_TRY(check_halves(seen, f, err));
  FZ_TRY(list_faults(seen, f, err));
  if (seen->contrast < DARK)
    st = fz_io_findings_add(f, FZ_FINDING_WARNING, &at, "contrast",
                            "extract them again with inverted contrast (in RELION: invert contrast), or multiply the "
                            "images by -1; protein must be bright",
                            err, "the contrast is inverted: the particles are dark (by %.0f standard errors)",
                            -seen->contrast);
done:
  return st;
}
