#include "mpi/polish.h"

#include <math.h>

#include "core/fixed.h"
#include "core/memory.h"
#include "core/progress.h"
#include "mpi/fault.h"
#include "mpi/reduce.h"
#include "mpi/tickets.h"
#include "pose/rotation.h"

typedef struct job {
  fz_mpi *comm;
  fz_dataset *data;
  const fz_polish_spec *spec;
  fz_mpi_tickets *tickets;
  fz_polish *polish;
  fz_mpi_pause pause;
  fz_mpi_journal *journal;
  int64_t before; /* tiles that were done already */
  /* What this rank has found; it goes into the dataset when all have succeeded. */
  int64_t n, *particle;
  fz_image_state *state;
} job;

static int64_t tile_images(const fz_dataset *data, int64_t tile) {
  return data->tile_first[tile + 1] - data->tile_first[tile];
}

static fz_status work_round(job *j, int64_t first, int tiles, fz_error *err) {
  const fz_dataset *data = j->data;
  const int64_t start = j->n, offset = data->tile_first[first];
  fz_status st = FZ_OK;
#pragma omp parallel for schedule(static, 1) num_threads(j->spec->threads)
  for (int t = 0; t < tiles; t++) {
    fz_error mine = {0};
    fz_image_state *to = j->state + start + data->tile_first[first + t] - offset;
    fz_status s = fz_polish_tile(j->polish, t, first + t, to, &mine);
    if (s == FZ_OK && fz_mpi_fault(j->comm, "polish")) s = fz_fail(&mine, FZ_EIO, "a tile cannot be read");
#pragma omp critical(fz_polish_error)
    if (s != FZ_OK && st == FZ_OK) {
      st = s;
      if (err) *err = mine;
    }
  }
  for (int64_t i = offset; i < data->tile_first[first + tiles]; i++) j->particle[j->n++] = data->particle[i];
  return st;
}

static fz_status work(job *j, fz_error *err) {
  const fz_dataset *data = j->data;
  bool stopped = false;
  int64_t first;
  int tiles;
  while ((tiles = fz_mpi_tickets_take_many(j->tickets, j->spec->threads, &first)) > 0) {
    first += j->before;
    fz_status st = work_round(j, first, tiles, err);
    stopped = stopped || fz_mpi_pause_ask(&j->pause) != FZ_GO_ON;
    if (st != FZ_OK || stopped) fz_mpi_tickets_close(j->tickets);
    if (st != FZ_OK) return st;
    int64_t next = first + tiles;
    if (next < data->n_tiles && data->images.prefetch)
      data->images.prefetch(data->images.self, data->particle + data->tile_first[next], (int)tile_images(data, next));
  }
  return stopped ? fz_fail(err, FZ_ESTOPPED, "stopped on request") : FZ_OK;
}

enum { TURN, SHIFT, IMAGES, SUMS };

/* Changes are summed exactly: pi bounds a turn, a box any shift worth telling. local */
static void add_changes(const job *j, const double bound[SUMS], int64_t sum[SUMS]) {
  const fz_dataset *data = j->data;
  int64_t term;
  for (int64_t i = 0; i < j->n; i++) {
    const fz_image_state *a = &data->state[j->particle[i]], *b = &j->state[i];
    if (!(a->visited > 0)) continue;
    fz_rotation from = fz_rotation_from_euler(a->rot_deg, a->tilt_deg, a->psi_deg);
    fz_rotation to = fz_rotation_from_euler(b->rot_deg, b->tilt_deg, b->psi_deg);
    double shift = hypot(b->shift_x_px - a->shift_x_px, b->shift_y_px - a->shift_y_px);
    double change[SUMS] = {fz_rotation_distance(&from, &to), fmin(shift, data->box), 1};
    for (int k = 0; k < SUMS; k++) {
      fz_fixed_from_double(change[k], fz_fixed_scale(bound[k], data->n), &term);
      sum[k] += term;
    }
  }
}

static void report_changes(const job *j, const double bound[SUMS], const int64_t sum[SUMS], fz_polish_report *report) {
  double mean[SUMS];
  for (int k = 0; k < SUMS; k++) mean[k] = fz_fixed_to_double(sum[k], fz_fixed_scale(bound[k], j->data->n));
  double images = fmax(mean[IMAGES], 1);
  *report = (fz_polish_report){mean[TURN] / images * 180 / 3.14159265358979323846, mean[SHIFT] / images};
}

/* Exchange what was found and what the dataset holds. */
static void swap_states(job *j) {
  for (int64_t i = 0; i < j->n; i++) {
    fz_image_state *in_use = &j->data->state[j->particle[i]], other = j->state[i];
    j->state[i] = *in_use;
    *in_use = other;
  }
}

/* What was found goes into the dataset, on all ranks. */
static fz_status publish(job *j, fz_error *err) {
  fz_dataset *data = j->data;
  swap_states(j);
  fz_status st =
      fz_mpi_merge_records(j->comm, data->state, sizeof *data->state, data->table->n, j->particle, j->n, err);
  if (st != FZ_OK) swap_states(j);
  return st;
}

static fz_status leave(job *j, const int64_t sum[SUMS], int64_t granted, fz_error *err) {
  fz_status st = publish(j, err);
  if (st == FZ_OK) st = fz_mpi_journal_leave(j->journal, j->before + granted, sum, SUMS, NULL, 0, err);
  return st == FZ_OK ? FZ_ESTOPPED : st;
}

fz_status fz_mpi_polish(fz_mpi *comm, fz_dataset *data, const fz_polish_spec *spec, fz_mpi_pause pause,
                        fz_mpi_journal *journal, fz_polish_report *report, fz_error *err) {
  fz_progress_at(FZ_AT_POLISH);
  job j = {.comm = comm, .data = data, .spec = spec, .pause = pause, .journal = journal};
  const double bound[SUMS] = {4, data->box, 1};
  int64_t sum[SUMS] = {0}, granted;
  j.particle = fz_alloc(data->n, sizeof *j.particle);
  j.state = fz_alloc(data->n, sizeof *j.state);
  fz_status st = j.particle && j.state ? fz_polish_open(data, spec, &j.polish, err)
                                       : fz_fail(err, FZ_ENOMEM, "no memory for the poses of all images");
  FZ_TRY(fz_mpi_agree(comm, st, err));
  if (journal) j.before = fz_mpi_journal_begin(journal, sum, SUMS, NULL, 0);
  j.tickets = fz_mpi_tickets_create(comm);
  fz_mpi_tickets_open(j.tickets, data->n_tiles - j.before);
  st = fz_mpi_agree(comm, work(&j, err), err);
  granted = fz_mpi_tickets_granted(j.tickets);
  fz_mpi_tickets_destroy(&j.tickets);
  if (st == FZ_OK || (st == FZ_ESTOPPED && journal)) add_changes(&j, bound, sum);
  if (st == FZ_ESTOPPED && journal) st = leave(&j, sum, granted, err);
  if (st != FZ_OK) goto done;
  fz_mpi_sum_i64(comm, sum, SUMS);
  report_changes(&j, bound, sum, report);
  st = publish(&j, err);
done:
  fz_polish_close(&j.polish);
  fz_free(&j.particle);
  fz_free(&j.state);
  return st;
}
