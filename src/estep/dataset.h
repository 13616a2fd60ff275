/* Ordering the particles for the E-step and cutting them into tiles; the type is in model/dataset.h. */
#ifndef FZ_ESTEP_DATASET_H
#define FZ_ESTEP_DATASET_H
#include <stdint.h>

#include "core/status.h"
#include "model/dataset.h"

void fz_dataset_clear(fz_dataset *data);

/** Spectra by optics group: background, noise, sigma2, power, ctf2, largest. */
enum { FZ_DATASET_SPECTRA = 6 };
void fz_dataset_list_spectra(fz_dataset *data, double **spectrum[FZ_DATASET_SPECTRA]);
/** Room for them [n_groups][n_shells], for group_images and signal_tau2; all zero. calls local. fails FZ_ENOMEM */
fz_status fz_dataset_make_spectra(fz_dataset *data);

/** Order usable particles (fault[i] == 0; NULL: all), assign half-sets (the table's, or by seed in runs of 16) and cut
 * tiles. data->table, n_groups are set. calls local, same result on all ranks. fails FZ_ENOMEM, FZ_EINPUT when none is
 * usable
 */
fz_status fz_dataset_cut(fz_dataset *data, const uint8_t *fault, int tile_size, uint64_t seed, fz_error *err);

/** Make room for what importance sampling remembers of each image, with nothing in it. calls local. fails FZ_ENOMEM */
fz_status fz_dataset_keep_memory(fz_dataset *data);

#endif
