#include "core/state.h"

#include <string.h>

#include "core/memory.h"
#include "core/status.h"

void fz_state_clear(fz_state_list *list) {
  fz_free(&list->item);
  *list = (fz_state_list){0};
}

const fz_state_item *fz_state_find(const fz_state_list *list, const char *name) {
  for (int i = 0; i < list->n; i++)
    if (strcmp(list->item[i].name, name) == 0) return &list->item[i];
  return NULL;
}

static bool well_formed(const char *name) {
  size_t length = strlen(name);
  if (length == 0 || length >= FZ_STATE_NAME_MAX || name[0] == '/' || name[length - 1] == '/') return false;
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
  return strspn(name, allowed) == length && !strstr(name, "//");
}

/* A new item at the end, or NULL when memory ran out (which the list remembers). */
static fz_state_item *append(fz_state_list *list, const char *name, fz_state_type type, const char *unit,
                             const char *meaning) {
  FZ_ASSERT(well_formed(name) && !fz_state_find(list, name));
  if (list->n == list->capacity) {
    int capacity = list->capacity ? 2 * list->capacity : 16;
    fz_state_item *grown = fz_realloc(list->item, capacity, sizeof *grown);
    if (!grown) {
      list->out_of_memory = true;
      return NULL;
    }
    list->item = grown;
    list->capacity = capacity;
  }
  fz_state_item *item = &list->item[list->n++];
  *item = (fz_state_item){.type = type, .unit = unit, .meaning = meaning};
  strcpy(item->name, name);
  return item;
}

void fz_state_add_i64(fz_state_list *list, const char *name, int64_t *value, const char *unit, const char *meaning) {
  fz_state_item *item = append(list, name, FZ_STATE_I64, unit, meaning);
  if (item) item->data = value;
}

void fz_state_add_f64(fz_state_list *list, const char *name, double *value, const char *unit, const char *meaning) {
  fz_state_item *item = append(list, name, FZ_STATE_F64, unit, meaning);
  if (item) item->data = value;
}

void fz_state_add_text(fz_state_list *list, const char *name, char *text, int64_t capacity, const char *meaning) {
  FZ_ASSERT(capacity >= 1);
  fz_state_item *item = append(list, name, FZ_STATE_TEXT, "1", meaning);
  if (!item) return;
  item->data = text;
  item->dims[0] = capacity;
}

void fz_state_add_array(fz_state_list *list, const char *name, fz_state_type type, int rank, const int64_t *dims,
                        void *data, const char *unit, const char *meaning) {
  FZ_ASSERT(type != FZ_STATE_TEXT && rank >= 1 && rank <= FZ_STATE_RANK_MAX);
  fz_state_item *item = append(list, name, type, unit, meaning);
  if (!item) return;
  item->rank = rank;
  for (int d = 0; d < rank; d++) {
    FZ_ASSERT(dims[d] >= 0);
    item->dims[d] = dims[d];
  }
  item->data = data;
  item->count = dims[0];
}

void fz_state_add_slice(fz_state_list *list, const char *name, fz_state_type type, int rank, const int64_t *dims,
                        int64_t first, int64_t count, void *data, const char *unit, const char *meaning) {
  FZ_ASSERT(first >= 0 && count >= 0 && first + count <= dims[0]);
  int before = list->n;
  fz_state_add_array(list, name, type, rank, dims, data, unit, meaning);
  if (list->n == before) return;
  fz_state_item *item = &list->item[before];
  item->distributed = true;
  item->first = first;
  item->count = count;
}

size_t fz_state_element_bytes(fz_state_type type) {
  switch (type) {
    case FZ_STATE_I64:
    case FZ_STATE_F64: return 8;
    case FZ_STATE_F32: return 4;
    default: return 1;
  }
}

int64_t fz_state_row_bytes(const fz_state_item *item) {
  int64_t bytes = (int64_t)fz_state_element_bytes(item->type);
  for (int d = 1; d < item->rank; d++) bytes *= item->dims[d];
  return bytes;
}

int64_t fz_state_bytes(const fz_state_item *item) {
  if (item->type == FZ_STATE_TEXT) return item->dims[0];
  return item->rank == 0 ? fz_state_row_bytes(item) : fz_state_row_bytes(item) * item->dims[0];
}
