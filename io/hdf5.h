/* Reading HDF5 files of named arrays and texts, each rank for itself; io/hdf5_image.h is how they are made.  Only these
 * two modules call H5 functions.  Main thread only.  Values are stored little-endian with their bits unchanged.
 * HDF5 trusts its files: hand it none whose checksum has not been looked at. */
#ifndef FZ_IO_HDF5_H
#define FZ_IO_HDF5_H
#include <stdbool.h>
#include <stdint.h>

#include "core/state.h"
#include "core/status.h"

typedef struct fz_io_h5 fz_io_h5;

/** Open an existing file for reading, each rank for itself: no rank ever waits for another.
 *  calls local.  fails FZ_EINPUT naming the file and HDF5's reason, FZ_ENOMEM */
fz_status fz_io_h5_open(const char *path, fz_io_h5 **out, fz_error *err);
/** Close, free and set *h5 to NULL; accepts NULL. local */
void fz_io_h5_close(fz_io_h5 **h5);

/** An integer attribute of an object ("/": the file); false when there is none such. local */
bool fz_io_h5_get_i64(fz_io_h5 *h5, const char *object, const char *name, int64_t *value);

/** Read rows first .. first+count-1 of an item that passed fz_io_h5_check (a scalar or text: the whole, count 1).
 *  calls   local.  into: where the first of these rows goes.  fails FZ_EIO naming the dataset and HDF5's reason */
fz_status fz_io_h5_read_rows(fz_io_h5 *h5, const fz_state_item *item, int64_t first, int64_t count, void *into,
                             fz_error *err);
/** Type and shape of a dataset (of a text: its size with the NUL in dims[0]); false when there is none such. local */
bool fz_io_h5_describe(fz_io_h5 *h5, const char *name, fz_state_item *found);
/** Is there a dataset with this item's name, type and shape?  fails FZ_EINPUT saying what is wrong with which. local */
fz_status fz_io_h5_check(fz_io_h5 *h5, const fz_state_item *item, fz_error *err);

#endif
