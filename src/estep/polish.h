/* The last step of a refinement: every image's best pose, which lies on the grid that was searched, is improved by
 * local search (estep/local.h) against the final map.  Local: one rank's share of the tiles. */
#ifndef FZ_ESTEP_POLISH_H
#define FZ_ESTEP_POLISH_H
#include "estep/dataset.h"

typedef struct fz_polish_spec {
  int kmax, m; /* band limit; work box of the volumes */
  int n_classes, threads;
  const double *volume[2]; /* what the images of each half-set are compared with: [n_classes][m]^3; may be the same */
  double shift_sd_px;      /* Gaussian prior of displacements from the box centre */
} fz_polish_spec;

typedef struct fz_polish fz_polish;

/** owns the caller: fz_polish_close; data is borrowed, the volumes are read once.  calls local.  fails FZ_ENOMEM */
fz_status fz_polish_open(const fz_dataset *data, const fz_polish_spec *spec, fz_polish **out, fz_error *err);
void fz_polish_close(fz_polish **p);
/** Bytes that it takes. */
int64_t fz_polish_bytes(const fz_dataset *data, const fz_polish_spec *spec);

/** state [images of the tile]: as in the dataset, with rotation and shift improved where the image was ever scored; the
 *  rest, its gain too, is what the last search said.  The dataset is not changed.
 *  calls local, thread-safe with own thread number.  fails with the reader's message */
fz_status fz_polish_tile(fz_polish *p, int thread, int64_t tile, fz_image_state *state, fz_error *err);

#endif
