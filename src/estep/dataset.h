/* Ordering the particles for the E-step and cutting them into tiles; the type is in model/dataset.h. */
#ifndef FZ_ESTEP_DATASET_H
#define FZ_ESTEP_DATASET_H
#include <stdint.h>

#include "core/status.h"
#include "model/dataset.h"

void fz_dataset_clear(fz_dataset *data);

/** Order usable particles (fault[i] == 0; NULL: all), assign half-sets (the table's, or by seed in runs of 16) and cut
 * tiles. data->table, n_groups are set. calls local, same result on all ranks. fails FZ_ENOMEM, FZ_EINPUT when none is
 * usable
 */
fz_status fz_dataset_cut(fz_dataset *data, const uint8_t *fault, int tile_size, uint64_t seed, fz_error *err);

/** Make room for what importance sampling remembers of each image, with nothing in it. calls local. fails FZ_ENOMEM */
fz_status fz_dataset_keep_memory(fz_dataset *data);

/** signal_tau2 from the images' mean power, the noise and the CTF: (mean|X|^2 - share sigma2)/mean c^2 over all groups,
 *  floored; needs no poses, so it cannot feed on the map's own errors.  calls local */
void fz_dataset_estimate_signal(fz_dataset *data);

/** The last shell that so many images can fill, were their poses known: a map from all of them then still has an FSC of
 *  0.5 with the truth (0.143 between halves), that is a signal-to-noise ratio of 1/3.
 *  maths   ratio(s) = tau2(s) sum_images c^2/sigma2 / (2 s): a shell of 4 pi s^2 coefficients gets 2 pi s from an image
 *          first shell below 1/3; spectra know tau2 to a few thousandths of sigma2 only, so with very many images the
 *          answer is too low.  calls local, after the estimate of the signal */
int fz_dataset_reach(const fz_dataset *data);

#endif
