/* Checkpoints: what was written comes back bit for bit on any number of ranks, and no accident costs more than one. */
#include "checkpoint_fixture.h"

#include <signal.h>
#include <sys/resource.h>

#include "io/checksum.h"
#include "io/hdf5_image.h"
#include "io/manifest.h"
#include "mpi/comm_private.h"
#include "mpi/fault.h"

static void last_two_are_kept(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  CHECK(resume(comm, &f) == -1);
  for (int version = 1; version <= 4; version++) {
    CHECK(write_version(comm, &f, version, NULL) == FZ_OK);
    CHECK(resume(comm, &f) == version);
    CHECK(count_files(&f, "state") == (version < 2 ? 1 : 2));
    fz_mpi_barrier(comm);
  }
  CHECK(fz_io_checkpoint_discard(comm, f.path, NULL) == FZ_OK);
  CHECK(resume(comm, &f) == -1 && count_files(&f, "state") == 0);
  mpi_folder_remove(comm, &f);
}

/* A group of the first ranks only, as if the job had been started smaller. */
static fz_mpi smaller_job(fz_mpi *comm, int ranks) {
  fz_mpi part = {0};
  MPI_Comm_split(fz_mpi_handle(comm), fz_mpi_rank(comm) < ranks ? 0 : MPI_UNDEFINED, 0, &part.handle);
  part.rank = fz_mpi_rank(comm);
  part.size = ranks;
  return part;
}

static void any_rank_count_resumes(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  for (int writers = 1; writers <= fz_mpi_size(comm); writers++) {
    fz_mpi few = smaller_job(comm, writers);
    if (few.handle != MPI_COMM_NULL) {
      CHECK(write_version(&few, &f, writers, NULL) == FZ_OK);
      MPI_Comm_free(&few.handle);
    }
    fz_mpi_barrier(comm);
    for (int readers = 1; readers <= fz_mpi_size(comm); readers++) {
      few = smaller_job(comm, readers);
      if (few.handle == MPI_COMM_NULL) continue;
      CHECK(resume(&few, &f) == writers);
      MPI_Comm_free(&few.handle);
    }
    fz_mpi_barrier(comm);
  }
  mpi_folder_remove(comm, &f);
}

static void damaged_files_are_passed_over(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  fz_io_checkpoint *c;
  fz_error err = {0};
  fz_set_log_sink(count_warnings);
  for (int version = 1; version <= 2; version++) CHECK(write_version(comm, &f, version, NULL) == FZ_OK);
  warnings = 0;
  patch_file(comm, &f, "checkpoint/state-000002.h5", 3000, -1);
  CHECK(resume(comm, &f) == 1);
  CHECK(warnings == (fz_mpi_rank(comm) == 0));
  /* the run goes on from 1; its next checkpoint keeps 1, not the damaged 2 */
  CHECK(fz_io_checkpoint_open(comm, f.path, &c, NULL) == FZ_OK && c);
  CHECK(fz_io_checkpoint_adopt(comm, f.path, c, NULL) == FZ_OK);
  fz_io_checkpoint_close(&c);
  CHECK(write_version(comm, &f, 3, NULL) == FZ_OK);
  CHECK(resume(comm, &f) == 3);
  patch_file(comm, &f, "checkpoint/state-000002.h5", 0, 5000); /* cut short */
  CHECK(resume(comm, &f) == 1);
  patch_file(comm, &f, "checkpoint/state-000001.h5", 0, 0);
  CHECK(fz_io_checkpoint_open(comm, f.path, &c, &err) == FZ_EINPUT && !c);
  CHECK(strstr(err.text, "--fresh") && strstr(err.text, "state-000001.h5"));
  patch_file(comm, &f, "checkpoint/manifest", 0, 30);
  patch_file(comm, &f, "checkpoint/state-000002.h5", 300,
             -1); /* its seal: with the manifest gone it counts for nothing */
  CHECK(fz_io_checkpoint_open(comm, f.path, &c, &err) == FZ_EINPUT && strstr(err.text, "manifest"));
  fz_set_log_sink(NULL);
  mpi_folder_remove(comm, &f);
}

/* What a job killed before the rename, or between rename and manifest, leaves behind. */
static void leftovers_of_a_kill_do_no_harm(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  CHECK(write_version(comm, &f, 1, NULL) == FZ_OK);
  if (fz_mpi_rank(comm) == 0) {
    const char *const names[] = {"checkpoint/state.partial", "checkpoint/state-000002.h5",
                                 "checkpoint/manifest.partial"};
    for (int i = 0; i < 3; i++) {
      FILE *out = fopen(mpi_folder_file(&f, names[i]), "w");
      CHECK(out && fputs("half a file", out) >= 0 && fclose(out) == 0);
    }
  }
  fz_mpi_barrier(comm);
  CHECK(resume(comm, &f) == 1);
  CHECK(write_version(comm, &f, 2, NULL) == FZ_OK);
  CHECK(resume(comm, &f) == 2 && count_files(&f, "state") == 2 && count_files(&f, "manifest.") == 0);
  mpi_folder_remove(comm, &f);
}

static void failed_write_leaves_the_old_one(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  CHECK(write_version(comm, &f, 1, NULL) == FZ_OK);
  for (int bad = 0; bad < fz_mpi_size(comm); bad++) {
    char fault[32];
    fz_error err = {0};
    snprintf(fault, sizeof fault, "checkpoint-write:%d", bad);
    CHECK(fz_mpi_fault_arm(comm, fault, NULL) == FZ_OK);
    CHECK(write_version(comm, &f, 2, &err) == FZ_EIO && strstr(err.text, "injected"));
    CHECK(fz_mpi_fault_arm(comm, NULL, NULL) == FZ_OK);
    fz_mpi_barrier(comm);
    CHECK(count_files(&f, "state") == 1);
    CHECK(resume(comm, &f) == 1);
  }
  CHECK(write_version(comm, &f, 2, NULL) == FZ_OK && resume(comm, &f) == 2);
  mpi_folder_remove(comm, &f);
}

/* A limit on file sizes stands in for a full disk: the system refuses the write in the same place. */
static void full_disk_is_survived(fz_mpi *comm) {
  enum { ROWS = 40000 };
  mpi_folder f = mpi_folder_make(comm);
  CHECK(write_version(comm, &f, 1, NULL) == FZ_OK);
  double *big = fz_alloc(ROWS * 16, sizeof *big); /* 5 MB in all */
  fz_state_list list = {0};
  ptrdiff_t first, count;
  fz_mpi_slice(comm, ROWS, &first, &count);
  const int64_t dims[] = {ROWS, 16};
  fz_state_add_slice(&list, "big", FZ_STATE_F64, 2, dims, first, count, big, "1", "too much");
  struct rlimit before, small;
  CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
  small = before;
  small.rlim_cur = 1 << 20;
  signal(SIGXFSZ, SIG_IGN);
  CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
  fz_error err = {0};
  fz_status st = fz_io_checkpoint_write(comm, f.path, 2, &list, &err);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(st == FZ_EIO && strlen(err.text) > 20);
  fz_mpi_barrier(comm);
  CHECK(count_files(&f, "state") == 1 && resume(comm, &f) == 1);
  CHECK(fz_io_checkpoint_write(comm, f.path, 2, &list, &err) == FZ_OK);
  fz_state_clear(&list);
  fz_free(&big);
  mpi_folder_remove(comm, &f);
}

static void unwritable_folder_is_reported(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  fz_error err = {0};
  if (fz_mpi_rank(comm) == 0) {
    FILE *out = fopen(mpi_folder_file(&f, "checkpoint"), "w"); /* a file where the folder should be */
    CHECK(out && fclose(out) == 0);
  }
  fz_mpi_barrier(comm);
  CHECK(write_version(comm, &f, 1, &err) == FZ_EIO && strstr(err.text, "checkpoint"));
  mpi_folder_remove(comm, &f);
}

/* A resume with a list that does not fit the file must name the dataset and fill nothing. */
static void mismatches_are_named(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  fz_io_checkpoint *c;
  int64_t number = 77, seven[] = {7}, eight[] = {8};
  double values[8];
  char text[8] = "";
  fz_state_item found;
  CHECK(write_version(comm, &f, 1, NULL) == FZ_OK);
  CHECK(fz_io_checkpoint_open(comm, f.path, &c, NULL) == FZ_OK && c);
  fz_state_list wrong[5] = {{0}};
  fz_state_add_i64(&wrong[0], "stop", &number, "1", "no such name");
  fz_state_add_i64(&wrong[1], "value", &number, "1", "another type");
  fz_state_add_array(&wrong[2], "flags", FZ_STATE_U8, 1, eight, values, "1", "another shape");
  fz_state_add_array(&wrong[3], "flags", FZ_STATE_F64, 1, seven, values, "1", "another type");
  fz_state_add_text(&wrong[4], "parameters", text, sizeof text, "too little room");
  const char *const names[] = {"stop", "value", "flags", "flags", "parameters"};
  for (int i = 0; i < 5; i++) {
    int64_t step = -5;
    fz_error err = {0};
    fz_state_add_i64(&wrong[i], "step", &step, "1", "this one would fit");
    CHECK(fz_io_checkpoint_read(comm, c, &wrong[i], &err) == FZ_EINPUT);
    CHECK(strstr(err.text, names[i]) && step == -5);
    fz_state_clear(&wrong[i]);
  }
  CHECK(fz_io_checkpoint_describe(comm, c, "images/pose", &found));
  CHECK(found.type == FZ_STATE_F64 && found.rank == 2 && found.dims[0] == IMAGES && found.dims[1] == COLUMNS);
  CHECK(!fz_io_checkpoint_describe(comm, c, "images/poses", &found));
  fz_io_checkpoint_close(&c);
  mpi_folder_remove(comm, &f);
}

static void disagreement_is_seen(fz_mpi *comm) {
  if (fz_mpi_size(comm) == 1) return;
  mpi_folder f = mpi_folder_make(comm);
  fz_error err = {0};
  bool last = fz_mpi_rank(comm) == fz_mpi_size(comm) - 1;
  toy *t = toy_create(comm, true, 1);
  if (last) t->volume[5][5][5] += 1;
  CHECK(fz_io_checkpoint_write(comm, f.path, 1, &t->list, &err) == FZ_EINTERNAL && strstr(err.text, "half1/volume"));
  toy_destroy(&t);
  t = toy_create(comm, true, 1);
  if (last) t->list.n--;
  CHECK(fz_io_checkpoint_write(comm, f.path, 1, &t->list, &err) == FZ_EINTERNAL);
  toy_destroy(&t);
  t = toy_create(comm, true, 1);
  if (last) t->list.item[t->list.n - 1].count--;
  CHECK(fz_io_checkpoint_write(comm, f.path, 1, &t->list, &err) == FZ_EINTERNAL && strstr(err.text, "images/pose"));
  toy_destroy(&t);
  CHECK(resume(comm, &f) == -1);
  mpi_folder_remove(comm, &f);
}

/* A file whose checksum is right but whose schema is not ours: laid out by this very program, relisted. */
static void unknown_schema_is_refused(fz_mpi *comm) {
  mpi_folder f = mpi_folder_make(comm);
  fz_io_checkpoint *c;
  fz_error err = {0};
  CHECK(write_version(comm, &f, 1, NULL) == FZ_OK);
  if (fz_mpi_rank(comm) == 0) {
    fz_io_h5_image image;
    fz_state_list empty = {0};
    CHECK(fz_io_h5_image_create(&empty, NULL, FZ_CHECKPOINT_SCHEMA + 1, 1, &image, NULL) == FZ_OK);
    FILE *out = fopen(mpi_folder_file(&f, "checkpoint/state-000001.h5"), "w");
    CHECK(out && fwrite(image.bytes, 1, (size_t)image.n, out) == (size_t)image.n && fclose(out) == 0);
    CHECK(truncate(mpi_folder_file(&f, "checkpoint/state-000001.h5"), image.total) == 0);
    fz_io_h5_image_clear(&image);
  }
  fz_mpi_barrier(comm);
  int64_t bytes;
  uint32_t crc;
  CHECK(fz_io_file_crc32(comm, mpi_folder_file(&f, "checkpoint/state-000001.h5"), &bytes, &crc, NULL) == FZ_OK);
  if (fz_mpi_rank(comm) == 0) {
    fz_io_manifest m = {.n = 1, .entry = {{.sequence = 1, .generation = 1, .bytes = bytes, .crc = crc}}};
    CHECK(fz_io_manifest_write(mpi_folder_file(&f, "checkpoint/manifest"), &m, NULL) == FZ_OK);
  }
  fz_mpi_barrier(comm);
  CHECK(fz_io_checkpoint_open(comm, f.path, &c, &err) == FZ_EINPUT && !c);
  CHECK(strstr(err.text, "another version"));
  mpi_folder_remove(comm, &f);
}

int main(int argc, char **argv) {
  static void (*const tests[])(fz_mpi *) = {last_two_are_kept,
                                            any_rank_count_resumes,
                                            damaged_files_are_passed_over,
                                            leftovers_of_a_kill_do_no_harm,
                                            failed_write_leaves_the_old_one,
                                            full_disk_is_survived,
                                            unwritable_folder_is_reported,
                                            mismatches_are_named,
                                            disagreement_is_seen,
                                            unknown_schema_is_refused,
                                            NULL};
  return mpi_test_main(argc, argv, tests);
}
