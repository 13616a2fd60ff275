#include "metrics/pose_match.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* An image in the order of file name, slice, whole path. */
typedef struct image {
  const char *name, *path;
  int64_t slice, row;
} image;

static image image_of(const fz_particles *table, int64_t row) {
  const fz_particle *p = &table->particle[row];
  const char *path = table->stack_path[p->stack], *slash = strrchr(path, '/');
  return (image){.name = slash ? slash + 1 : path, .path = path, .slice = p->slice, .row = row};
}

static int compare_short(const image *a, const image *b) {
  int order = strcmp(a->name, b->name);
  return order ? order : (a->slice > b->slice) - (a->slice < b->slice);
}

static int compare_full(const void *a, const void *b) {
  int order = compare_short(a, b);
  return order ? order : strcmp(((const image *)a)->path, ((const image *)b)->path);
}

static int compare_name(const void *a, const void *b) {
  return compare_short(a, b);
}

/* Two different images with the same file name and slice. */
static bool names_repeat(const image *list, int64_t n) {
  for (int64_t i = 1; i < n; i++)
    if (compare_short(&list[i - 1], &list[i]) == 0) return true;
  return false;
}

fz_status fz_pose_match(const fz_particles *table, const fz_particles *other, int64_t *row, fz_error *err) {
  image *list = fz_alloc(other->n, sizeof *list);
  if (!list) return fz_fail(err, FZ_ENOMEM, "no memory to match %lld particles", (long long)other->n);
  fz_status st = FZ_OK;
  for (int64_t i = 0; i < other->n; i++) list[i] = image_of(other, i);
  qsort(list, (size_t)other->n, sizeof *list, compare_full);
  for (int64_t i = 1; i < other->n; i++)
    if (compare_full(&list[i - 1], &list[i]) == 0) {
      st = fz_fail(err, FZ_EINPUT, "image %lld@%s appears twice", (long long)list[i].slice + 1, list[i].path);
      goto done;
    }
  bool repeat = names_repeat(list, other->n);
  for (int64_t i = 0; i < table->n; i++) {
    image key = image_of(table, i);
    image *found = bsearch(&key, list, (size_t)other->n, sizeof *list, repeat ? compare_full : compare_name);
    row[i] = found ? found->row : -1;
  }
done:
  fz_free(&list);
  return st;
}
