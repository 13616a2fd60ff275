/* One measure for all maps: likelihood of all images at the last band limit, and agreement with the truth. */
#ifndef FZ_BENCH_VOXELS_JUDGE_H
#define FZ_BENCH_VOXELS_JUDGE_H
#include "voxels/voxels.h"

typedef struct fz_voxels_judge fz_voxels_judge;

/** owns the caller: fz_voxels_judge_close.  calls collective */
fz_status fz_voxels_judge_open(fz_voxels *v, fz_voxels_judge **out, fz_error *err);
void fz_voxels_judge_close(fz_voxels_judge **judge);

/** Fill nll, f, shell and resolution_A of the point for w [m]^3; what the images remember is left as it was.
 *  aligned: gets the map in the full box, brought onto the truth, on rank 0; or NULL.  calls collective */
fz_status fz_voxels_judge_map(fz_voxels_judge *judge, const double *w, int m, fz_voxels_point *point, fz_map *aligned,
                              fz_error *err);
/** The common random start, on the judge's grid [m]^3. */
const double *fz_voxels_judge_start(const fz_voxels_judge *judge, int *m);
/** The truth up to the last band limit, in the full box. local.  fails FZ_ENOMEM */
fz_status fz_voxels_judge_truth(const fz_voxels_judge *judge, bool band_limited, fz_map *map, fz_error *err);

#endif
