/* The run folder's lock, stop requests, and the small files of a run. */
#include "mpi_folder.h"

#include <signal.h>
#include <time.h>

#include "io/file.h"
#include "io/run_dir.h"
#include "io/run_status.h"
#include "io/stop.h"

static void rest(long milliseconds) {
  struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

static void a_second_job_is_refused(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  char path[300], holder[64];
  snprintf(path, sizeof path, "%s/deep/er/run", f.path);
  fz_io_run_dir *first, *second;
  fz_error err = {0};
  int pid = (int)getpid();
  fz_mpi_broadcast(comm, &pid, sizeof pid);
  snprintf(holder, sizeof holder, "process %d", pid);
  CHECK(fz_io_run_dir_open(comm, path, &first, &err) == FZ_OK);
  CHECK(strcmp(fz_io_run_dir_path(first), path) == 0);
  CHECK(fz_io_run_dir_open(comm, path, &second, &err) == FZ_EINVAL && !second);
  CHECK(strstr(err.text, path) && strstr(err.text, "another job") && strstr(err.text, holder));
  fz_io_run_dir_close(&first);
  fz_mpi_barrier(comm);
  /* the lock file is still there, but nobody holds it: that is what a killed job leaves */
  CHECK(fz_io_run_dir_open(comm, path, &second, &err) == FZ_OK);
  fz_io_run_dir_close(&second);
  CHECK(second == NULL);
  mpi_folder_remove(comm, &f);
}

static void a_file_in_the_way_is_reported(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  char path[300];
  fz_io_run_dir *dir;
  fz_error err = {0};
  snprintf(path, sizeof path, "%s/file/run", f.path);
  if (fz_mpi_rank(comm) == 0) CHECK(fz_io_write_atomic(mpi_folder_file(&f, "file"), "x", 1, NULL) == FZ_OK);
  CHECK(fz_io_run_dir_open(comm, path, &dir, &err) == FZ_EINVAL && !dir && strstr(err.text, "/file"));
  mpi_folder_remove(comm, &f);
}

/* One rank is signalled; all know after sharing. */
static void a_signal_on_any_rank_is_heard(fz_mpi *comm) {
  const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
  const char *const names[] = {"SIGTERM", "SIGINT", "SIGUSR1"};
  for (int k = 0; k < 3; k++)
    for (int rank = 0; rank < fz_mpi_size(comm); rank++) {
      fz_io_stop *stop;
      CHECK(fz_io_stop_create(comm, NULL, 0, &stop, NULL) == FZ_OK);
      CHECK(!fz_mpi_any(comm, fz_io_stop_requested(stop)) && fz_io_stop_reason(stop)[0] == '\0');
      bool mine = fz_mpi_rank(comm) == rank;
      if (mine) CHECK(raise(numbers[k]) == 0);
      CHECK(fz_io_stop_requested(stop) == mine);
      CHECK(fz_mpi_any(comm, fz_io_stop_requested(stop)));
      CHECK(strcmp(fz_io_stop_reason(stop), mine ? names[k] : "") == 0);
      CHECK(fz_io_stop_requested(stop) == mine); /* it stays heard */
      fz_io_stop_destroy(&stop);
    }
}

static void the_stop_file_counts_once(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  fz_io_stop *stop;
  CHECK(fz_io_stop_create(comm, f.path, 0, &stop, NULL) == FZ_OK);
  CHECK(!fz_mpi_any(comm, fz_io_stop_requested(stop)));
  if (fz_mpi_rank(comm) == 0) CHECK(fz_io_write_atomic(mpi_folder_file(&f, "STOP"), "", 0, NULL) == FZ_OK);
  rest(600); /* it looks twice a second */
  CHECK(fz_io_stop_requested(stop) == (fz_mpi_rank(comm) == 0));
  fz_io_stop_destroy(&stop);
  fz_mpi_barrier(comm);
  CHECK(fz_io_stop_create(comm, f.path, 0, &stop, NULL) == FZ_OK);
  CHECK(!fz_io_stop_requested(stop) && !fz_io_file_exists(mpi_folder_file(&f, "STOP")));
  fz_io_stop_destroy(&stop);
  mpi_folder_remove(comm, &f);
}

static void the_time_limit_is_kept(fz_mpi *comm) {
  fz_io_stop *stop;
  CHECK(fz_io_stop_create(comm, NULL, 0.2, &stop, NULL) == FZ_OK);
  bool early = fz_io_stop_requested(stop);
  CHECK(!early || fz_io_stop_seconds(stop) >= 0.2);
  rest(250);
  CHECK(fz_io_stop_requested(stop) == (fz_mpi_rank(comm) == 0));
  CHECK(fz_io_stop_seconds(stop) >= 0.25);
  fz_io_stop_destroy(&stop);
}

int main(int argc, char **argv) {
  static void (*const tests[])(fz_mpi *) = {a_second_job_is_refused,       a_file_in_the_way_is_reported,
                                            a_signal_on_any_rank_is_heard, the_stop_file_counts_once,
                                            the_time_limit_is_kept,        NULL};
  return mpi_test_main(argc, argv, tests);
}
