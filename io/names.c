#include "io/names.h"

#include <string.h>

#include "core/memory.h"

/* FNV-1a */
static uint64_t hash(const char *text, ptrdiff_t length) {
  uint64_t h = 1469598103934665603u;
  for (ptrdiff_t i = 0; i < length; i++) h = (h ^ (unsigned char)text[i]) * 1099511628211u;
  return h;
}

static int find_slot(const fz_io_names *names, const char *text, ptrdiff_t length) {
  int at = (int)(hash(text, length) & (uint64_t)(names->slots - 1));
  while (names->slot[at]) {
    const char *name = names->name[names->slot[at] - 1];
    if ((ptrdiff_t)strlen(name) == length && memcmp(name, text, (size_t)length) == 0) return at;
    at = (at + 1) & (names->slots - 1);
  }
  return at;
}

/* Keeps the table at most half full. */
static int grow(fz_io_names *names) {
  if (names->n == names->room) {
    int room = names->room ? 2 * names->room : 16;
    char **grown = fz_realloc(names->name, room, sizeof *grown);
    if (!grown) return 0;
    names->name = grown;
    names->room = room;
  }
  if (2 * (names->n + 1) <= names->slots) return 1;
  int slots = names->slots ? 2 * names->slots : 64;
  int32_t *fresh = fz_alloc(slots, sizeof *fresh);
  if (!fresh) return 0;
  fz_free(&names->slot);
  names->slot = fresh;
  names->slots = slots;
  for (int i = 0; i < names->n; i++)
    names->slot[find_slot(names, names->name[i], (ptrdiff_t)strlen(names->name[i]))] = i + 1;
  return 1;
}

int fz_io_names_index(fz_io_names *names, const char *text, ptrdiff_t length) {
  if (!grow(names)) return -1;
  int at = find_slot(names, text, length);
  if (names->slot[at]) return names->slot[at] - 1;
  char *copy = fz_alloc(length + 1, 1);
  if (!copy) return -1;
  memcpy(copy, text, (size_t)length);
  names->name[names->n] = copy;
  names->slot[at] = ++names->n;
  return names->n - 1;
}

void fz_io_names_clear(fz_io_names *names) {
  for (int i = 0; i < names->n; i++) fz_free(&names->name[i]);
  fz_free(&names->name);
  fz_free(&names->slot);
  *names = (fz_io_names){0};
}
