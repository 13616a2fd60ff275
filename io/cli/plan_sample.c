#include "io/cli/plan_sample.h"

#include <string.h>

#include "core/clock.h"
#include "core/memory.h"
#include "io/cli/plan_rates.h"
#include "mpi/dataset.h"

enum { RUN = 16 };

static fz_status read_rows(void *self, const int64_t *particle, int n, float *pixels, fz_error *err) {
  const fz_plan_sample *s = self;
  fz_status st = FZ_OK;
  ptrdiff_t plane = (ptrdiff_t)s->whole.box * s->whole.box;
  for (int i = 0; i < n && st == FZ_OK; i++)
    st = s->whole.read(s->whole.self, &s->row[particle[i]], 1, pixels + i * plane, err);
  return st;
}

static void choose_rows(fz_plan_sample *s, int64_t all) {
  int64_t n = s->table.n, runs = (n + RUN - 1) / RUN;
  for (int64_t i = 0; i < n; i++) {
    int64_t run = i / RUN, first = runs > 1 ? run * (all - RUN) / (runs - 1) : 0;
    s->row[i] = n == all ? i : first + i % RUN;
    if (s->row[i] >= all) s->row[i] = all - 1;
  }
}

/* Groups that the sample has no image of are taken to be as the first one that it has. */
static void fill_groups(fz_dataset *data) {
  ptrdiff_t shells = data->n_shells, from = 0;
  double **spectrum[FZ_DATASET_SPECTRA];
  fz_dataset_list_spectra(data, spectrum);
  while (from < data->n_groups - 1 && data->group_images[from] == 0) from++;
  for (ptrdiff_t g = 0; g < data->n_groups; g++) {
    for (int i = 0; data->group_images[g] == 0 && i < FZ_DATASET_SPECTRA; i++)
      memcpy(*spectrum[i] + g * shells, *spectrum[i] + from * shells, sizeof(double) * (size_t)shells);
  }
}

fz_status fz_plan_sample_take(fz_mpi *comm, const fz_particles *table, const fz_images *images, int64_t most,
                              double mask_radius_px, int tile_size, uint64_t seed, fz_plan_sample *out, fz_error *err) {
  int64_t n = most > 0 && most < table->n ? (most + RUN - 1) / RUN * RUN : table->n;
  if (n > table->n) n = table->n;
  *out = (fz_plan_sample){.table = *table, .whole = *images};
  out->table.n = n;
  out->row = fz_alloc((ptrdiff_t)n, sizeof *out->row);
  out->table.particle = fz_alloc((ptrdiff_t)n, sizeof *out->table.particle);
  uint8_t *fault = fz_alloc((ptrdiff_t)n, 1);
  fz_status st = out->row && out->table.particle && fault ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory");
  if (st != FZ_OK) goto done;
  choose_rows(out, table->n);
  for (int64_t i = 0; i < n; i++) {
    out->table.particle[i] = table->particle[out->row[i]];
    out->table.particle[i].subset = 0; /* both halves are wanted of few images, too */
  }
  fz_images source = {.self = out, .n = n, .box = images->box, .read = read_rows};
  double began = fz_clock_seconds();
  FZ_TRY(fz_mpi_dataset_scan(comm, &out->table, &source, mask_radius_px, (fz_mpi_pause){0}, &out->data, fault, err));
  fill_groups(&out->data);
  out->scan_seconds = fz_clock_seconds() - began;
  st = fz_dataset_cut(&out->data, fault, tile_size, seed, err);
  if (st == FZ_OK && out->data.n == 0)
    st = fz_fail(err, FZ_EINPUT, "none of the %lld images looked at is usable: see frazil check", (long long)n);
done:
  fz_free(&fault);
  return st;
}

void fz_plan_sample_clear(fz_plan_sample *s) {
  fz_dataset_clear(&s->data);
  fz_free(&s->table.particle);
  fz_free(&s->row);
  *s = (fz_plan_sample){0};
}

fz_status fz_plan_sample_teach(fz_plan_sample *s, fz_dataset *data, fz_error *err) {
  fz_dataset *from = &s->data;
  double **have[FZ_DATASET_SPECTRA], **want[FZ_DATASET_SPECTRA];
  ptrdiff_t groups = from->n_groups, shells = from->n_shells;
  if (fz_dataset_make_spectra(data) != FZ_OK) return fz_fail(err, FZ_ENOMEM, "no memory for spectra");
  fz_dataset_list_spectra(from, have);
  fz_dataset_list_spectra(data, want);
  for (int i = 0; i < FZ_DATASET_SPECTRA; i++) memcpy(*want[i], *have[i], sizeof(double) * (size_t)(groups * shells));
  memcpy(data->signal_tau2, from->signal_tau2, sizeof(double) * (size_t)shells);
  for (ptrdiff_t g = 0; g < groups; g++)
    data->group_images[g] = from->group_images[g] * (double)data->n / (double)from->n;
  data->largest_ctf = from->largest_ctf;
  data->mask_share = from->mask_share;
  data->contrast = from->contrast;
  return FZ_OK;
}
