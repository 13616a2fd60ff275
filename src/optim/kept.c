#include "optim/kept.h"

#include <string.h>

#include "core/memory.h"

fz_status fz_kept_init(fz_kept *k, const fz_objective *f, int64_t n) {
  *k = (fz_kept){.n = n};
  f->share(f->self, &k->first, &k->count);
  k->words = fz_alloc(n * k->count, sizeof *k->words);
  return k->words ? FZ_OK : FZ_ENOMEM;
}

void fz_kept_clear(fz_kept *k) {
  fz_free(&k->words);
  *k = (fz_kept){0};
}

void fz_kept_state(fz_kept *k, const fz_objective *f, fz_state_list *list, const char *meaning) {
  for (int64_t b = 0; b < k->n; b++) {
    char name[FZ_STATE_NAME_MAX] = "optimizer/batch_";
    size_t at = strlen(name);
    for (int64_t digit = 1000000; digit > 0; digit /= 10) name[at++] = (char)('0' + b / digit % 10);
    fz_state_add_slice(list, name, FZ_STATE_I64, 1, (int64_t[]){f->n_words}, k->first, k->count, fz_kept_share(k, b),
                       "1", meaning);
  }
}

int64_t *fz_kept_share(const fz_kept *k, int64_t batch) {
  return k->words + batch * k->count;
}

void fz_kept_put(fz_kept *k, int64_t batch, const int64_t *words) {
  memcpy(fz_kept_share(k, batch), words + k->first, sizeof *words * (size_t)k->count);
}

fz_status fz_kept_get(const fz_kept *k, const fz_objective *f, int64_t batch, int64_t *words, fz_error *err) {
  return f->collect(f->self, fz_kept_share(k, batch), words, err);
}
