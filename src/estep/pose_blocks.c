#include "estep/pose_blocks.h"

static int packets_per_class(const fz_quadrature *q) {
  return (q->n_directions + FZ_POSE_PACKET - 1) / FZ_POSE_PACKET;
}

static int least(int a, int b) {
  return a < b ? a : b;
}

int fz_pose_blocks(const fz_quadrature *q, int n_classes) {
  return least(packets_per_class(q) * n_classes, FZ_POSE_BLOCKS_MOST);
}

/* First packet of a block in the list of all classes' packets. */
static int border(const fz_quadrature *q, int n_classes, int block) {
  return packets_per_class(q) * n_classes * block / fz_pose_blocks(q, n_classes);
}

void fz_pose_block_classes(const fz_quadrature *q, int n_classes, int block, int *first_class, int *last_class) {
  int per_class = packets_per_class(q);
  *first_class = border(q, n_classes, block) / per_class;
  *last_class = (border(q, n_classes, block + 1) - 1) / per_class;
}

void fz_pose_block_directions(const fz_quadrature *q, int n_classes, int block, int class_index, int *first,
                              int *count) {
  int per_class = packets_per_class(q), start = per_class * class_index;
  int from = border(q, n_classes, block), to = least(border(q, n_classes, block + 1), start + per_class);
  if (from < start) from = start;
  *first = (from - start) * FZ_POSE_PACKET;
  *count = from < to ? least((to - start) * FZ_POSE_PACKET, q->n_directions) - *first : 0;
}
