/* HDF5, as far as Frazil needs it: files of named arrays and texts.  The only module that calls H5 functions.
 * Main thread only.  Values are stored little-endian with their bits unchanged. */
#ifndef FZ_IO_HDF5_H
#define FZ_IO_HDF5_H
#include <stdbool.h>
#include <stdint.h>

#include "core/state.h"
#include "core/status.h"
#include "mpi/comm.h"

typedef struct fz_io_h5 fz_io_h5;

/** Create (or empty) a file that all ranks write.
 *  owns    *out: the caller, fz_io_h5_close.  calls collective
 *  fails   FZ_EIO naming the file when rank 0 cannot create it, FZ_ENOMEM; same on all ranks.  A failure inside the
 *          collective call itself is fatal, because other ranks may be waiting in it */
fz_status fz_io_h5_create(fz_mpi *comm, const char *path, fz_io_h5 **out, fz_error *err);
/** Open an existing file for reading, each rank for itself: no rank ever waits for another.
 *  calls local.  fails FZ_EINPUT naming the file and HDF5's reason, FZ_ENOMEM */
fz_status fz_io_h5_open(const char *path, fz_io_h5 **out, fz_error *err);
/** Close, free and set *h5 to NULL; accepts NULL.  calls collective for a created file, local for an opened one
 *  returns false when this rank could not write the rest of its data */
bool fz_io_h5_close(fz_io_h5 **h5);

/** Make the dataset for an item, with its unit and meaning as attributes and its space reserved; nothing is written
 * yet. shape   a text takes the size of its present content.  calls collective, same item on all ranks; failures are
 * fatal */
void fz_io_h5_define(fz_io_h5 *h5, const fz_state_item *item);
/** An integer attribute of the file. collective for a created file; failures are fatal */
void fz_io_h5_put_i64(fz_io_h5 *h5, const char *name, int64_t value);
/** False when the file has no such attribute. local */
bool fz_io_h5_get_i64(fz_io_h5 *h5, const char *name, int64_t *value);

/** Write rows first .. first+count-1 of an item that was defined (a scalar or text: the whole, count 1).
 *  calls   local: each rank writes what it likes, a rank with count 0 need not call.  data: the first of these rows
 *  fails   FZ_EIO naming the dataset and HDF5's reason, for instance a full disk */
fz_status fz_io_h5_write_rows(fz_io_h5 *h5, const fz_state_item *item, int64_t first, int64_t count, const void *data,
                              fz_error *err);
/** The counterpart; the item must have passed fz_io_h5_check. local */
fz_status fz_io_h5_read_rows(fz_io_h5 *h5, const fz_state_item *item, int64_t first, int64_t count, void *data,
                             fz_error *err);
/** Type and shape of a dataset (of a text: its size with the NUL in dims[0]); false when there is none such. local */
bool fz_io_h5_describe(fz_io_h5 *h5, const char *name, fz_state_item *found);
/** Is there a dataset with this item's name, type and shape?  fails FZ_EINPUT saying what is wrong with which. local */
fz_status fz_io_h5_check(fz_io_h5 *h5, const fz_state_item *item, fz_error *err);

#endif
