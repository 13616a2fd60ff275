/* Two maps to be compared, and what the comparing commands print about them. */
#ifndef FZ_CLI_MAP_PAIR_H
#define FZ_CLI_MAP_PAIR_H
#include "core/status.h"
#include "metrics/align.h"
#include "model/map.h"

typedef struct fz_map_pair {
  fz_map first, second; /* same box; voxel sizes agreed, 0 when neither is known */
} fz_map_pair;

/** Read both; voxel_A > 0 overrides what the files say.
 *  owns    the caller, fz_map_pair_clear, also after a failure.  calls local
 *  fails   FZ_EINPUT when a file is wrong, the boxes differ, or the voxel sizes differ by more than 1 % */
fz_status fz_map_pair_read(const char *first, const char *second, double voxel_A, fz_map_pair *maps, fz_error *err);
void fz_map_pair_clear(fz_map_pair *maps);
/** The last part of a path. */
const char *fz_map_pair_name(const char *path);

/** One line on stdout: the resolutions at 0.5 and 0.143. */
void fz_map_pair_print_fsc(const double *fsc, int n, double voxel_A);
/** Hand, rotation, shift and correlations on stdout. */
void fz_map_pair_print_alignment(const fz_align_result *found, double voxel_A);

#endif
