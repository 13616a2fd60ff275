#include "mpi/dataset.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/progress.h"
#include "estep/scan.h"
#include "mpi/fault.h"
#include "mpi/reduce.h"
#include "mpi/tickets.h"

static const double MASK_EDGE_PX = 5;
enum { BETWEEN_LOOKS = 1024 }; /* images from one question whether to stop to the next */

/* What one look at all images needs to know. */
typedef struct view {
  fz_mpi *comm;
  fz_dataset *data;
  fz_mpi_pause pause;
  fz_mpi_tickets *flag; /* by which a rank that is to stop makes the others stop */
  int64_t count, *mine; /* particles of this rank, neighbours */
  uint8_t *fault;
  fz_image_moments *moments;
  double least; /* that images are divided by */
} view;

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

/* Everybody's part of the scan to all. */
static fz_status gather(fz_mpi *comm, fz_scan *scan, int64_t n, const int64_t *mine, int64_t count, uint8_t *fault,
                        fz_image_moments *moments, fz_error *err) {
  fz_status st;
  fz_mpi_sum_i64(comm, scan->words, scan->n_words);
  FZ_TRY(largest_of_all(comm, scan->largest, (ptrdiff_t)scan->n_groups * scan->n_shells, err));
  FZ_TRY(largest_of_all(comm, &scan->largest_ctf, 1, err));
  FZ_TRY(fz_mpi_merge_records(comm, fault, 1, n, mine, count, err));
  st = fz_mpi_merge_records(comm, moments, sizeof *moments, n, mine, count, err);
done:
  return st;
}

static int64_t count_good(const uint8_t *fault, int64_t n) {
  int64_t good = 0;
  for (int64_t i = 0; i < n; i++) good += !fault[i];
  return good;
}

static bool stop_heard(view *v) {
  if (fz_mpi_pause_ask(&v->pause) != FZ_STOP) return fz_mpi_tickets_called_off(v->flag);
  fz_mpi_tickets_call_off(v->flag);
  return true;
}

/* local */
static fz_status scan_mine(view *v, fz_scan *scan, fz_error *err) {
  for (int64_t at = 0; at < v->count; at += BETWEEN_LOOKS) {
    int64_t first = v->mine[at], n = v->count - at < BETWEEN_LOOKS ? v->count - at : BETWEEN_LOOKS;
    fz_status st = fz_scan_part(scan, v->data, first, n, v->fault + first, v->moments + first, err);
    if (st != FZ_OK) return st;
    if (stop_heard(v)) return fz_fail(err, FZ_ESTOPPED, "stopped on request while reading the images");
  }
  return FZ_OK;
}

/* One look at the images that are not out yet.  *again: not the images that the sums hold, not the scale that sums of
 * so many images have, or not the scale of the images. */
static fz_status look(view *v, fz_scan *scan, bool *again, fz_error *err) {
  fz_dataset *data = v->data;
  int64_t n = data->table->n;
  fz_scan_clear(scan);
  fz_progress_at(FZ_AT_SCAN);
  fz_mpi_stall(v->comm, "scan");
  fz_status st = fz_scan_init(scan, data->n_groups, data->n_shells, count_good(v->fault, n));
  if (st == FZ_OK)
    st = scan_mine(v, scan, err);
  else
    fz_fail(err, st, "no memory to scan images of %d px", data->box);
  FZ_TRY(fz_mpi_agree(v->comm, st, err));
  FZ_TRY(gather(v->comm, scan, n, v->mine, v->count, v->fault, v->moments, err));
  int64_t summed = count_good(v->fault, n);
  double least = 0;
  FZ_TRY(fz_mpi_agree(v->comm, fz_outliers_mark(data->table, v->moments, v->fault, err), err));
  int64_t left = count_good(v->fault, n);
  FZ_TRY(fz_mpi_agree(v->comm, fz_outliers_least_deviation(n, v->moments, v->fault, &least, err), err));
  fz_scan other = {0};
  st = fz_scan_init(&other, data->n_groups, data->n_shells, left);
  *again = left != summed || other.scale != scan->scale || least != v->least;
  v->least = least;
  fz_preprocess_set_least_deviation(data->preprocess, least);
  fz_scan_clear(&other);
  if (st != FZ_OK) fz_fail(err, st, "no memory to scan images of %d px", data->box);
  st = fz_mpi_agree(v->comm, st, err);
done:
  return st;
}

fz_status fz_mpi_dataset_scan(fz_mpi *comm, const fz_particles *table, const fz_images *images, double mask_radius_px,
                              fz_mpi_pause pause, fz_dataset *data, uint8_t *fault, fz_error *err) {
  int box = images->box;
  *data = (fz_dataset){.table = table,
                       .images = *images,
                       .preprocess = fz_preprocess_create(box, mask_radius_px, MASK_EDGE_PX),
                       .box = box,
                       .n_groups = table->n_optics,
                       .n_shells = box / 2 + 1,
                       .pixel_A = table->optics[0].pixel_A,
                       .mask_radius_px = mask_radius_px};
  if (data->preprocess) data->mask_share = fz_preprocess_mask_share(data->preprocess);
  fz_scan scan = {0};
  ptrdiff_t first, count;
  bool again = true;
  fz_mpi_slice(comm, table->n, &first, &count);
  view v = {.comm = comm, .data = data, .pause = pause, .count = count, .fault = fault};
  v.moments = fz_alloc((ptrdiff_t)table->n, sizeof *v.moments);
  v.mine = fz_alloc(count, sizeof *v.mine);
  fz_status st = data->preprocess && v.moments && v.mine ? FZ_OK : FZ_ENOMEM;
  if (st != FZ_OK) fz_fail(err, st, "no memory to scan images of %d px", box);
  FZ_TRY(fz_mpi_agree(comm, st, err));
  v.flag = fz_mpi_tickets_create(comm);
  for (int64_t i = 0; i < count; i++) v.mine[i] = first + i;
  memset(fault, 0, (size_t)table->n);
  /* Each look can but put images out: it ends. */
  while (again) FZ_TRY(look(&v, &scan, &again, err));
  st = fz_scan_finish(&scan, data);
  if (st != FZ_OK) fz_fail(err, st, "no memory for noise spectra");
  st = fz_mpi_agree(comm, st, err);
done:
  fz_mpi_tickets_destroy(&v.flag);
  fz_scan_clear(&scan);
  fz_free(&v.moments);
  fz_free(&v.mine);
  if (st != FZ_OK) fz_dataset_clear(data);
  return st;
}

fz_status fz_mpi_dataset_open(fz_mpi *comm, const fz_particles *table, const fz_images *images, double mask_radius_px,
                              int tile_size, uint64_t seed, fz_dataset *data, uint8_t *fault, fz_error *err) {
  fz_status st = fz_mpi_dataset_scan(comm, table, images, mask_radius_px, (fz_mpi_pause){0}, data, fault, err);
  if (st != FZ_OK) return st;
  st = fz_mpi_agree(comm, fz_dataset_cut(data, fault, tile_size, seed, err), err);
  if (st != FZ_OK) fz_dataset_clear(data);
  return st;
}
