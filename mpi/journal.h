/* What the evaluations of a step have summed so far, so that a step can be left between any two tiles, written down,
 * and taken up again by any number of ranks with the same bits. maths   an evaluation's words are exact integer sums
 * over a list of tiles; tickets go out in order, so what is done is a prefix of the list, and sum over the list = sum
 * over the prefix + sum over the rest. A step asks for its evaluations in an order that follows from the state before
 * it alone.  So a step that was left is taken from its beginning: evaluations that were complete are recalled, not made
 * again, the one that was left goes on behind its prefix, and what lies between them (M-steps) is repeated. shape each
 * rank keeps its slice (fz_mpi_slice) of every sum: words of a step's evaluations take 8 x evaluations x words / ranks
 * bytes of a rank */
#ifndef FZ_MPI_JOURNAL_H
#define FZ_MPI_JOURNAL_H
#include <stdbool.h>
#include <stdint.h>

#include "core/state.h"
#include "mpi/comm.h"

typedef struct fz_mpi_journal fz_mpi_journal;

/** owns the caller; comm is borrowed.  calls local; fatal without memory */
fz_mpi_journal *fz_mpi_journal_create(fz_mpi *comm);
void fz_mpi_journal_destroy(fz_mpi_journal **j);

/** A step begins, or is taken up again: its evaluations come in the order they had. local */
void fz_mpi_journal_rewind(fz_mpi_journal *j);
/** The step is complete: nothing of it is needed any more. local */
void fz_mpi_journal_forget(fz_mpi_journal *j);

/** If the evaluation that comes next was complete: its words [n], and *known.
 *  calls   collective, same result on all ranks.  fails FZ_ENOMEM, FZ_EINTERNAL when it had other words than n */
fz_status fz_mpi_journal_recall(fz_mpi_journal *j, int64_t *words, ptrdiff_t n, bool *known, fz_error *err);
/** Where the evaluation that comes next starts: words [n_words] and held [n_held] become what this rank is to add to,
 *  so that the sums over all ranks are right in the end.
 *  returns the number of tiles of its list that these hold.  calls local */
int64_t fz_mpi_journal_begin(const fz_mpi_journal *j, int64_t *words, ptrdiff_t n_words, int64_t *held,
                             ptrdiff_t n_held);
/** It is left after the first `tiles` tiles of its list; words and held are this rank's share of their sums, with what
 *  begin gave.  calls   collective.  fails FZ_ENOMEM, the same on all ranks; the journal is then of no use */
fz_status fz_mpi_journal_leave(fz_mpi_journal *j, int64_t tiles, const int64_t *words, ptrdiff_t n_words,
                               const int64_t *held, ptrdiff_t n_held, fz_error *err);
/** It is complete; words are the sums over all ranks. calls   collective.  fails FZ_ENOMEM, the same on all ranks */
fz_status fz_mpi_journal_complete(fz_mpi_journal *j, const int64_t *words, ptrdiff_t n, fz_error *err);

/** Tiles done of the evaluation that was left, and evaluations of the step that are complete. local */
int64_t fz_mpi_journal_tiles(const fz_mpi_journal *j);
int64_t fz_mpi_journal_evaluations(const fz_mpi_journal *j);

/** For checkpoints: numbers; after they have been read, room for the arrays (collective; fails FZ_ENOMEM); arrays. */
void fz_mpi_journal_scalars(fz_mpi_journal *j, fz_state_list *list);
fz_status fz_mpi_journal_restore(fz_mpi_journal *j, fz_error *err);
void fz_mpi_journal_arrays(fz_mpi_journal *j, fz_state_list *list);

#endif
