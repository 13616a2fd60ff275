#include "estep/dataset.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"

/* Consecutive images share a random half-set, so that tiles read contiguous pieces; fewer in sets of few images. */
static int64_t half_run(int64_t n) {
  int64_t run = n / 32;
  return run > 16 ? 16 : run < 1 ? 1 : run;
}

void fz_dataset_list_spectra(fz_dataset *data, double **spectrum[FZ_DATASET_SPECTRA]) {
  double **const all[FZ_DATASET_SPECTRA] = {&data->background, &data->noise, &data->sigma2,
                                            &data->power,      &data->ctf2,  &data->largest};
  memcpy(spectrum, all, sizeof all);
}

fz_status fz_dataset_make_spectra(fz_dataset *data) {
  double **spectrum[FZ_DATASET_SPECTRA];
  fz_dataset_list_spectra(data, spectrum);
  for (int i = 0; i < FZ_DATASET_SPECTRA; i++)
    if (!(*spectrum[i] = fz_alloc((ptrdiff_t)data->n_groups * data->n_shells, sizeof(double)))) return FZ_ENOMEM;
  data->group_images = fz_alloc(data->n_groups, sizeof(double));
  data->signal_tau2 = fz_alloc(data->n_shells, sizeof(double));
  return data->group_images && data->signal_tau2 ? FZ_OK : FZ_ENOMEM;
}

void fz_dataset_clear(fz_dataset *data) {
  double **spectrum[FZ_DATASET_SPECTRA];
  fz_dataset_list_spectra(data, spectrum);
  for (int i = 0; i < FZ_DATASET_SPECTRA; i++) fz_free(spectrum[i]);
  fz_preprocess_destroy(&data->preprocess);
  fz_free(&data->particle);
  fz_free(&data->tile_first);
  fz_free(&data->half);
  fz_free(&data->state);
  fz_free(&data->memory);
  fz_free(&data->signal_tau2);
  fz_free(&data->group_images);
  *data = (fz_dataset){0};
}

fz_status fz_dataset_keep_memory(fz_dataset *data) {
  fz_free(&data->memory);
  data->memory = fz_alloc(data->table->n, sizeof *data->memory);
  data->average = (fz_pose_average){0};
  return data->memory ? FZ_OK : FZ_ENOMEM;
}

static void assign_halves(fz_dataset *data, const uint8_t *fault, uint64_t seed) {
  const fz_particles *table = data->table;
  bool given = true, both[2] = {false, false};
  int64_t run = half_run(table->n);
  for (int64_t i = 0; i < table->n; i++)
    if (table->particle[i].subset == 1 || table->particle[i].subset == 2)
      both[table->particle[i].subset - 1] = true;
    else
      given = false;
  given = given && both[0] && both[1];
  for (int64_t i = 0; i < table->n; i++) {
    fz_random r = fz_random_stream(seed, FZ_PURPOSE_HALF_SETS, 0, (uint64_t)(i / run / 2));
    int first = fz_random_uniform(&r) < 0.5; /* of each pair of runs one goes to either half: equal sizes */
    int half = given ? table->particle[i].subset - 1 : (i / run) % 2 ? !first : first;
    data->half[i] = (int8_t)(fault && fault[i] ? -1 : half);
  }
}

fz_status fz_dataset_cut(fz_dataset *data, const uint8_t *fault, int tile_size, uint64_t seed, fz_error *err) {
  const fz_particles *table = data->table;
  data->tile_size = tile_size;
  data->half = fz_alloc(table->n, sizeof *data->half);
  data->state = fz_alloc(table->n, sizeof *data->state);
  data->particle = fz_alloc(table->n, sizeof *data->particle);
  data->tile_first = fz_alloc(table->n + 1, sizeof *data->tile_first);
  if (!data->half || !data->state || !data->particle || !data->tile_first)
    return fz_fail(err, FZ_ENOMEM, "no memory for a table of %lld particles", (long long)table->n);
  assign_halves(data, fault, seed);
  data->n = data->n_tiles = 0;
  for (int group = 0; group < data->n_groups; group++)
    for (int half = 0; half < 2; half++) {
      int64_t in_tile = tile_size;
      for (int64_t i = 0; i < table->n; i++) {
        if (table->particle[i].optics != group || data->half[i] != half) continue;
        if (in_tile == tile_size) {
          data->tile_first[data->n_tiles++] = data->n;
          in_tile = 0;
        }
        data->particle[data->n++] = i;
        in_tile++;
      }
    }
  data->tile_first[data->n_tiles] = data->n;
  return FZ_OK;
}
