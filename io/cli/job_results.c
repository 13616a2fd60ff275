#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/cli/job_private.h"
#include "io/results.h"
#include "io/run_dir.h"
#include "model/resample.h"
#include "optim/run_verdict.h"

/* Written last. */
static const char MARK[] = "particles.star";

fz_status fz_job_write_results(fz_job *job, fz_error *err) {
  fz_run *run = job->run;
  const fz_dataset *data = run->data;
  ptrdiff_t classes = run->settings.n_classes, n3 = (ptrdiff_t)data->box * data->box * data->box;
  ptrdiff_t m3 = (ptrdiff_t)run->m * run->m * run->m;
  double *full = fz_alloc(3 * classes * n3, sizeof *full);
  if (!full) return fz_fail(err, FZ_ENOMEM, "no memory for maps of %d^3 voxels", data->box);
  const double *from[3] = {run->w, run->half[0], run->half[1]};
  fz_status st = FZ_OK;
  for (int i = 0; i < 3; i++)
    for (ptrdiff_t k = 0; k < classes && st == FZ_OK; k++)
      st = fz_resample(from[i] + k * m3, (int)run->m, full + (i * classes + k) * n3, data->box);
  fz_io_results results = {.box = data->box,
                           .n_classes = (int)classes,
                           .voxel_A = data->pixel_A,
                           .map = full,
                           .half1 = full + classes * n3,
                           .half2 = full + 2 * classes * n3,
                           .n_shells = data->n_shells,
                           .fsc = run->fsc,
                           .mask_radius_px = 0,
                           .apart_A = data->box * data->pixel_A / fz_run_common_shell(run),
                           .data = data,
                           .label = job->label};
  if (st == FZ_OK) st = fz_io_results_write(job->run_dir, job->particles, &results, err);
  fz_free(&full);
  return st;
}

fz_status fz_job_remove_old_results(const fz_job *job, fz_error *err) {
  char path[FZ_PATH_MAX];
  fz_status st = fz_io_path_join(path, job->run_dir, MARK, err);
  if (st != FZ_OK || unlink(path) == 0 || errno == ENOENT) return st;
  return fz_fail(err, FZ_EIO, "%s: cannot remove: %s", path, strerror(errno));
}

bool fz_job_results_are_there(const fz_job *job, fz_error *err) {
  char path[FZ_PATH_MAX];
  int there = 0;
  if (fz_mpi_rank(job->comm) == 0 && fz_io_path_join(path, job->run_dir, MARK, err) == FZ_OK)
    there = access(path, R_OK) == 0;
  fz_mpi_broadcast(job->comm, &there, sizeof there);
  return there;
}
