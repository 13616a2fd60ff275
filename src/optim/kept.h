/* Statistics of batches, kept: exact integers, this rank's share of the words only. */
#ifndef FZ_OPTIM_KEPT_H
#define FZ_OPTIM_KEPT_H
#include "core/state.h"
#include "optim/objective.h"

typedef struct fz_kept {
  int64_t n;              /* batches */
  ptrdiff_t first, count; /* words of this rank's share */
  int64_t *words;         /* [n][count] */
} fz_kept;

/** All zero. calls local.  fails FZ_ENOMEM.  owns the caller: fz_kept_clear */
fz_status fz_kept_init(fz_kept *k, const fz_objective *f, int64_t n);
void fz_kept_clear(fz_kept *k);
/** "optimizer/batch_0000000" and so on. */
void fz_kept_state(fz_kept *k, const fz_objective *f, fz_state_list *list, const char *meaning);
/** This rank's share [count] of a batch. */
int64_t *fz_kept_share(const fz_kept *k, int64_t batch);
/** words [n_words] -> kept.  calls local */
void fz_kept_put(fz_kept *k, int64_t batch, const int64_t *words);
/** kept -> words [n_words].  calls collective.  fails as the objective's collect */
fz_status fz_kept_get(const fz_kept *k, const fz_objective *f, int64_t batch, int64_t *words, fz_error *err);

#endif
