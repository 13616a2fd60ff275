/* Checkpoints of a run: "<run>/checkpoint/state-NNNNNN.h5", the last two, and a manifest that names the good ones.
 * A kill at any instant leaves at least the checkpoint before: a new one is written under another name, synchronized,
 * read back and compared with what is in memory, renamed, and only then listed.  Any number of ranks may read what
 * others wrote.  The manifest holds each file's checksum and its own; each file begins with a seal (io/seal.h) that
 * says the same, for when the manifest is lost; each dataset has one of its values, compared when it is read. */
#ifndef FZ_IO_CHECKPOINT_H
#define FZ_IO_CHECKPOINT_H
#include <stdbool.h>
#include <stdint.h>

#include "core/state.h"
#include "mpi/comm.h"

enum { FZ_CHECKPOINT_SCHEMA = 2 };

/** Write the state of all ranks; `generation` is the caller's own count (passes, steps), told back on resume.
 *  shape   the list is the same on all ranks, but for first, count and data of distributed items, whose slices tile
 *          dimension 0; an item that is not distributed holds the same bytes on all ranks (checked)
 *  owns    nothing.  calls collective
 *  fails   FZ_EIO (full disk, no permission), FZ_ENOMEM, FZ_EINTERNAL (ranks disagree about an item, which is named);
 *          same on all ranks; the older checkpoints stand and nothing half-written stays */
fz_status fz_io_checkpoint_write(fz_mpi *comm, const char *run_dir, int64_t generation, const fz_state_list *list,
                                 fz_error *err);

typedef struct fz_io_checkpoint fz_io_checkpoint;

/** Find the newest good checkpoint: listed, of the listed length and checksum.  A bad one means the one before, with a
 *  warning in the log.  No checkpoint at all is no error: *out is NULL then.
 *  owns    *out: the caller, fz_io_checkpoint_close.  calls collective
 *  fails   FZ_EINPUT when checkpoints are listed but none is good, or its schema is not ours; FZ_EIO, FZ_ENOMEM */
fz_status fz_io_checkpoint_open(fz_mpi *comm, const char *run_dir, fz_io_checkpoint **out, fz_error *err);
void fz_io_checkpoint_close(fz_io_checkpoint **checkpoint);
int64_t fz_io_checkpoint_generation(const fz_io_checkpoint *checkpoint);
/** Its number among the checkpoints of the run. */
int64_t fz_io_checkpoint_sequence(const fz_io_checkpoint *checkpoint);
/** The run goes on from this one: newer ones, which turned out bad, are struck from the manifest, so that the next
 * write keeps this one as the one before.  calls collective, by the job that holds the run folder.  fails FZ_EIO */
fz_status fz_io_checkpoint_adopt(fz_mpi *comm, const char *run_dir, const fz_io_checkpoint *checkpoint, fz_error *err);
/** Remove all checkpoints of a run that starts over. collective, by the job that holds the run folder.  fails FZ_EIO */
fz_status fz_io_checkpoint_discard(fz_mpi *comm, const char *run_dir, fz_error *err);
/** Type and shape of an item in the file; false when there is none such. collective, same result on all ranks */
bool fz_io_checkpoint_describe(fz_mpi *comm, const fz_io_checkpoint *checkpoint, const char *name,
                               fz_state_item *found);
/** Fill the data of every item of the list; distributed items get the rows that this rank asks for.  More may be in the
 *  file than in the list.
 *  calls   collective.  fails FZ_EINPUT naming the dataset that is missing or of another type or shape (then nothing
 *          was filled), FZ_EIO, FZ_ENOMEM; same on all ranks */
fz_status fz_io_checkpoint_read(fz_mpi *comm, const fz_io_checkpoint *checkpoint, const fz_state_list *list,
                                fz_error *err);

#endif
