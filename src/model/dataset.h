/* The particles as the E-step sees them, and what it said of each: usable images in a fixed order, cut into tiles, with
 * noise spectra and the present knowledge of each image.  Plain data; estep/dataset.h makes and frees it, results are
 * written from it.  Replicated on all ranks; everything here is a function of the input and the seed. */
#ifndef FZ_MODEL_DATASET_H
#define FZ_MODEL_DATASET_H
#include <stdint.h>

#include "model/images.h"
#include "model/particle.h"
#include "model/preprocess.h"
#include "pose/proposal.h"

/* What the last E-step said of one particle: FZ_IMAGE_STATE_NUMBERS doubles, so that tables of them can be exchanged
 * and written as plain arrays. */
enum { FZ_IMAGE_STATE_NUMBERS = 13 };
typedef struct fz_image_state {
  double rot_deg, tilt_deg, psi_deg;
  double shift_x_px, shift_y_px;   /* best displacement of the particle from the box centre */
  double centre_x_px, centre_y_px; /* around which shifts are scored in this stage */
  double gain, entropy, peak;
  double class_index; /* 0 .. n_classes - 1 */
  double visited;     /* 1 once scored */
  double captured;    /* share of the posterior, as coarser levels know it, that the poses looked at hold; 1: all */
} fz_image_state;
_Static_assert(sizeof(fz_image_state) == FZ_IMAGE_STATE_NUMBERS * sizeof(double), "a table of doubles");

typedef struct fz_dataset {
  const fz_particles *table; /* borrowed */
  fz_images images;
  fz_preprocess *preprocess;
  int box, n_groups, n_shells; /* noise groups = optics groups; shells 0 .. box/2 */
  double pixel_A, mask_radius_px;
  double mask_share;            /* of white noise that the mask leaves: mean of its square over the box */
  int64_t n;                    /* usable particles */
  int64_t *particle;            /* [n] table index, in tile order: by group, half-set, then the file's order */
  int64_t n_tiles, *tile_first; /* [n_tiles + 1]; a tile never mixes groups or half-sets */
  int tile_size;
  int8_t *half;            /* [table->n] 0 or 1; -1 for excluded particles */
  fz_image_state *state;   /* [table->n] */
  fz_pose_memory *memory;  /* [table->n] posteriors, for importance sampling; NULL in runs without it */
  fz_pose_average average; /* of all images' posteriors, for the same */
  /* Spectra (estep/spectra.h), [n_groups][n_shells] in power per orthonormal coefficient. */
  double *background;   /* what the opening scan saw outside the mask */
  double *noise;        /* the present estimate of the noise */
  double *sigma2;       /* what likelihoods divide by: the noise, or more while a run anneals */
  double *signal_tau2;  /* [n_shells] power of the map per slice coefficient */
  double *power, *ctf2; /* [n_groups][n_shells] means over the group's images of |X|^2 and c^2 */
  double *group_images; /* [n_groups] */
  double *largest;      /* [n_groups][n_shells] largest |X| of any image: bounds of the exact sums */
  double largest_ctf;   /* largest |c| */
  double contrast;      /* of all images at low resolution, in its standard errors: below -5 the particles are dark */
} fz_dataset;

#endif
