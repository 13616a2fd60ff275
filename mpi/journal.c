#include "mpi/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "mpi/reduce.h"

struct fz_mpi_journal {
  fz_mpi *comm;
  int64_t complete;        /* evaluations of this step that are */
  int64_t n_words, n_held; /* of each evaluation; 0 held unless one was left */
  int64_t tiles;           /* done of the evaluation that was left; 0: none was */
  int64_t next;            /* evaluation of the step that is asked for next */
  int64_t room;            /* of `words` */
  int64_t **words;         /* [complete + (tiles > 0)] this rank's slices; the last is the one that was left */
  int64_t *held;           /* of the one that was left */
};

fz_mpi_journal *fz_mpi_journal_create(fz_mpi *comm) {
  fz_mpi_journal *j = fz_alloc(1, sizeof *j);
  if (!j) fz_fatal(__FILE__, __LINE__, "no memory for the journal of a step");
  j->comm = comm;
  return j;
}

void fz_mpi_journal_rewind(fz_mpi_journal *j) {
  j->next = 0;
}

void fz_mpi_journal_forget(fz_mpi_journal *j) {
  for (int64_t i = 0; i < j->room; i++) fz_free(&j->words[i]);
  fz_free(&j->held);
  j->complete = j->n_words = j->n_held = j->tiles = j->next = 0;
}

void fz_mpi_journal_destroy(fz_mpi_journal **j) {
  if (!*j) return;
  fz_mpi_journal_forget(*j);
  fz_free(&(*j)->words);
  fz_free(j);
}

static ptrdiff_t slice_of(const fz_mpi_journal *j, ptrdiff_t n, ptrdiff_t *first) {
  ptrdiff_t count;
  fz_mpi_slice(j->comm, n, first, &count);
  return count;
}

/* Room for the slice of evaluation number `index`. local */
static int64_t *slot(fz_mpi_journal *j, int64_t index, ptrdiff_t n) {
  ptrdiff_t first;
  if (index >= j->room) {
    int64_t room = 2 * index + 4;
    int64_t **larger = fz_alloc(room, sizeof *larger);
    if (!larger) return NULL;
    for (int64_t i = 0; i < j->room; i++) larger[i] = j->words[i];
    fz_free(&j->words);
    j->words = larger;
    j->room = room;
  }
  if (!j->words[index]) j->words[index] = fz_alloc(slice_of(j, n, &first), sizeof(int64_t));
  return j->words[index];
}

static fz_status no_memory(fz_error *err) {
  return fz_fail(err, FZ_ENOMEM, "no memory to keep the sums of a step under way");
}

fz_status fz_mpi_journal_recall(fz_mpi_journal *j, int64_t *words, ptrdiff_t n, bool *known, fz_error *err) {
  *known = j->next < j->complete;
  if (!*known) return FZ_OK;
  if (n != j->n_words) return fz_fail(err, FZ_EINTERNAL, "a step that was left asks for other sums than it did");
  return fz_mpi_allgather_i64(j->comm, j->words[j->next++], n, words, err);
}

static bool was_left(const fz_mpi_journal *j) {
  return j->tiles > 0 && j->next == j->complete;
}

static void start_from(const fz_mpi_journal *j, const int64_t *slice, int64_t *sum, ptrdiff_t n) {
  ptrdiff_t first, count = slice_of(j, n, &first);
  memset(sum, 0, sizeof *sum * (size_t)n);
  if (slice) memcpy(sum + first, slice, sizeof *sum * (size_t)count);
}

int64_t fz_mpi_journal_begin(const fz_mpi_journal *j, int64_t *words, ptrdiff_t n_words, int64_t *held,
                             ptrdiff_t n_held) {
  bool left = was_left(j);
  FZ_ASSERT(!left || (n_words == j->n_words && n_held == j->n_held));
  start_from(j, left ? j->words[j->next] : NULL, words, n_words);
  if (n_held) start_from(j, left ? j->held : NULL, held, n_held);
  return left ? j->tiles : 0;
}

fz_status fz_mpi_journal_leave(fz_mpi_journal *j, int64_t tiles, const int64_t *words, ptrdiff_t n_words,
                               const int64_t *held, ptrdiff_t n_held, fz_error *err) {
  ptrdiff_t first;
  if (tiles == j->tiles && was_left(j)) return FZ_OK; /* nothing was added */
  if (tiles == 0) return FZ_OK;
  int64_t *to = slot(j, j->complete, n_words);
  if (!j->held) j->held = fz_alloc(slice_of(j, n_held, &first), sizeof *j->held);
  fz_status st = fz_mpi_agree(j->comm, to && j->held ? FZ_OK : no_memory(err), err);
  if (st == FZ_OK) st = fz_mpi_reduce_scatter_i64(j->comm, words, n_words, to, err);
  if (st == FZ_OK && n_held) st = fz_mpi_reduce_scatter_i64(j->comm, held, n_held, j->held, err);
  if (st != FZ_OK) return st;
  j->n_words = n_words;
  j->n_held = n_held;
  j->tiles = tiles;
  return FZ_OK;
}

fz_status fz_mpi_journal_complete(fz_mpi_journal *j, const int64_t *words, ptrdiff_t n, fz_error *err) {
  ptrdiff_t first, count = slice_of(j, n, &first);
  int64_t *to = slot(j, j->complete, n);
  fz_status st = fz_mpi_agree(j->comm, to ? FZ_OK : no_memory(err), err);
  if (st != FZ_OK) return st;
  memcpy(to, words + first, sizeof *to * (size_t)count);
  fz_free(&j->held);
  j->n_words = n;
  j->n_held = j->tiles = 0;
  j->next = ++j->complete;
  return FZ_OK;
}

int64_t fz_mpi_journal_tiles(const fz_mpi_journal *j) {
  return j->tiles;
}
int64_t fz_mpi_journal_evaluations(const fz_mpi_journal *j) {
  return j->complete;
}

void fz_mpi_journal_scalars(fz_mpi_journal *j, fz_state_list *list) {
  fz_state_add_i64(list, "step/evaluations", &j->complete, "1", "evaluations of the step under way that are complete");
  fz_state_add_i64(list, "step/tiles", &j->tiles, "1", "tiles done of the evaluation that was left; 0: none was");
  fz_state_add_i64(list, "step/n_words", &j->n_words, "1", "integers of an evaluation");
  fz_state_add_i64(list, "step/n_held", &j->n_held, "1", "integers that the engine held back of the one that was left");
}

fz_status fz_mpi_journal_restore(fz_mpi_journal *j, fz_error *err) {
  ptrdiff_t first;
  fz_status st = FZ_OK;
  int64_t slots = j->complete + (j->tiles > 0);
  for (int64_t i = 0; i < slots && st == FZ_OK; i++)
    if (!slot(j, i, j->n_words)) st = no_memory(err);
  if (j->tiles > 0 && !(j->held = fz_alloc(slice_of(j, j->n_held, &first), sizeof *j->held))) st = no_memory(err);
  return fz_mpi_agree(j->comm, st, err);
}

void fz_mpi_journal_arrays(fz_mpi_journal *j, fz_state_list *list) {
  ptrdiff_t first, count = slice_of(j, j->n_words, &first);
  for (int64_t i = 0; i < j->complete + (j->tiles > 0); i++) {
    char name[48];
    snprintf(name, sizeof name, "step/words/%04" PRId64, i);
    fz_state_add_slice(list, name, FZ_STATE_I64, 1, (int64_t[]){j->n_words}, first, count, j->words[i], "fixed point",
                       "sums of one evaluation; of the last one over step/tiles tiles, if that is not 0");
  }
  if (j->n_held == 0) return;
  count = slice_of(j, j->n_held, &first);
  fz_state_add_slice(list, "step/held", FZ_STATE_I64, 1, (int64_t[]){j->n_held}, first, count, j->held, "fixed point",
                     "sums that the engine had not yet released");
}
