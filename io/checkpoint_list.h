/* Which checkpoints a folder holds: what the manifest says, or, when that is lost, what the files say of themselves. */
#ifndef FZ_IO_CHECKPOINT_LIST_H
#define FZ_IO_CHECKPOINT_LIST_H
#include "io/manifest.h"

/** Newest first.  Without a good manifest the files whose seal is whole are listed, with a warning; what the seals
 *  promise has still to be checked, as with a manifest.
 *  calls   local.  fails FZ_EINPUT when another version wrote the manifest, or it is damaged and there is no file that
 *          could be used; FZ_EIO, FZ_ENOMEM */
fz_status fz_io_checkpoint_list(const char *folder, fz_io_manifest *list, fz_error *err);

#endif
