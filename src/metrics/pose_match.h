/* Which particle of one table is which of another. */
#ifndef FZ_METRICS_POSE_MATCH_H
#define FZ_METRICS_POSE_MATCH_H
#include <stdint.h>

#include "core/status.h"
#include "model/particle.h"

/** Find each particle of `table` in `other` by image: the slice and the file name of the stack, folders left out
 *  (the files may have been moved); the folders decide only where file names repeat.
 *  shape   row [table->n]: index into other, or -1
 *  calls   local.  fails FZ_EINPUT when `other` holds an image twice, FZ_ENOMEM */
fz_status fz_pose_match(const fz_particles *table, const fz_particles *other, int64_t *row, fz_error *err);

#endif
