/* How a tile's quadrature is cut into parts that ranks may share: pose blocks.
 *  The list (class, packet of 16 directions), classes outermost, is cut into contiguous parts as even as can be.  The
 *  cut follows from the quadrature and the number of classes alone, never from ranks or threads: floats are summed
 *  inside one (tile, pose block), so the cut belongs to the bits of the result. */
#ifndef FZ_ESTEP_POSE_BLOCKS_H
#define FZ_ESTEP_POSE_BLOCKS_H
#include "pose/quadrature.h"

enum { FZ_POSE_BLOCKS_MOST = 8, FZ_POSE_PACKET = 16 /* directions */ };

/** Number of pose blocks, 1 to FZ_POSE_BLOCKS_MOST. */
int fz_pose_blocks(const fz_quadrature *q, int n_classes);
/** The classes first_class .. last_class that block `block` has a share in. */
void fz_pose_block_classes(const fz_quadrature *q, int n_classes, int block, int *first_class, int *last_class);
/** The directions *first .. *first + *count - 1 of one class that lie in block `block`; *count may be 0. */
void fz_pose_block_directions(const fz_quadrature *q, int n_classes, int block, int class_index, int *first,
                              int *count);

#endif
