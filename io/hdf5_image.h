/* A new HDF5 file as bytes in memory, all but the values: HDF5 lays it out, we write it.
 *
 *    0        512                        offset[0]   offset[1]          total
 *    | room   | HDF5's own records, n    | item 0    | item 1  | zero   |
 *    '--------- bytes[0 .. n-1] ---------'  the caller writes the values
 *
 * A failing disk inside HDF5 leaves a file that it cannot close, in collective calls ranks that wait for ever.  Here
 * HDF5 never touches the disk, and every write of a checkpoint is a plain one whose failure all ranks can agree on. */
#ifndef FZ_IO_HDF5_IMAGE_H
#define FZ_IO_HDF5_IMAGE_H
#include <stdint.h>

#include "core/state.h"
#include "core/status.h"

enum { FZ_IO_H5_ROOM = 512 }; /* HDF5's user block: bytes before its own that it never looks at */

typedef struct fz_io_h5_image {
  unsigned char *bytes; /* [n], the first FZ_IO_H5_ROOM of them 0 */
  int64_t n, total;
  int64_t *offset; /* [list->n] of each item's values in the file; -1: it has none */
} fz_io_h5_image;

/** Lay out a file of these items, each with its unit, its meaning and its checksum as attributes.
 *  shape   crc32 [list->n]; schema and generation become attributes of the file
 *  owns    image: the caller, fz_io_h5_image_clear.  calls local; the same list gives the same image
 *  fails   FZ_ENOMEM, FZ_EINTERNAL */
fz_status fz_io_h5_image_create(const fz_state_list *list, const uint32_t *crc32, int64_t schema, int64_t generation,
                                fz_io_h5_image *image, fz_error *err);
void fz_io_h5_image_clear(fz_io_h5_image *image);
/** Bytes that an item's values take in the file: a text only what it holds, with its NUL. */
int64_t fz_io_h5_image_bytes(const fz_state_item *item);

#endif
