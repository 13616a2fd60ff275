#include "mpi/dataset.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "estep/scan.h"
#include "mpi/reduce.h"

static const double MASK_EDGE_PX = 5;

static fz_status largest_of_all(fz_mpi *comm, double *x, ptrdiff_t n, fz_error *err) {
  void *all = NULL;
  int64_t bytes = 0;
  fz_status st = fz_mpi_allgather_bytes(comm, x, (int64_t)sizeof *x * n, &all, &bytes, err);
  if (st != FZ_OK) return st;
  const double *from = all;
  for (int64_t i = 0; i < bytes / (int64_t)sizeof *x; i++) x[i % n] = fmax(x[i % n], from[i]);
  fz_free(&all);
  return FZ_OK;
}

static fz_status gather(fz_mpi *comm, fz_scan *scan, int64_t n, int64_t first, int64_t count, uint8_t *fault,
                        fz_error *err) {
  int64_t *mine = fz_alloc(count, sizeof *mine);
  fz_status st = fz_mpi_agree(comm, mine ? FZ_OK : fz_fail(err, FZ_ENOMEM, "no memory for the opening scan"), err);
  if (st != FZ_OK) goto done;
  for (int64_t i = 0; i < count; i++) mine[i] = first + i;
  fz_mpi_sum_i64(comm, scan->words, scan->n_words);
  FZ_TRY(largest_of_all(comm, scan->largest, (ptrdiff_t)scan->n_groups * scan->n_shells, err));
  FZ_TRY(largest_of_all(comm, &scan->largest_ctf, 1, err));
  st = fz_mpi_merge_records(comm, fault, 1, n, mine, count, err);
done:
  fz_free(&mine);
  return st;
}

fz_status fz_mpi_dataset_open(fz_mpi *comm, const fz_particles *table, const fz_images *images, double mask_radius_px,
                              int tile_size, uint64_t seed, fz_dataset *data, uint8_t *fault, fz_error *err) {
  int box = images->box;
  *data = (fz_dataset){.table = table,
                       .images = *images,
                       .preprocess = fz_preprocess_create(box, mask_radius_px, MASK_EDGE_PX),
                       .box = box,
                       .n_groups = table->n_optics,
                       .n_shells = box / 2 + 1,
                       .pixel_A = table->optics[0].pixel_A,
                       .mask_radius_px = mask_radius_px};
  fz_scan scan = {0};
  ptrdiff_t first, count;
  fz_mpi_slice(comm, table->n, &first, &count);
  fz_status st = data->preprocess ? fz_scan_init(&scan, data->n_groups, data->n_shells, table->n) : FZ_ENOMEM;
  if (st != FZ_OK)
    fz_fail(err, st, "no memory to scan images of %d px", box);
  else
    st = fz_scan_part(&scan, data, first, count, fault + first, err);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  FZ_TRY(gather(comm, &scan, table->n, first, count, fault, err));
  st = fz_scan_finish(&scan, data);
  if (st == FZ_OK)
    st = fz_dataset_cut(data, fault, tile_size, seed, err);
  else
    fz_fail(err, st, "no memory for noise spectra");
  st = fz_mpi_agree(comm, st, err);
done:
  fz_scan_clear(&scan);
  if (st != FZ_OK) fz_dataset_clear(data);
  return st;
}
