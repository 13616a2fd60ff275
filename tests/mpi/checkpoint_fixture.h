/* A run's state in small, written to a folder's checkpoints and read back; and ways to damage them. */
#ifndef FZ_TESTS_CHECKPOINT_FIXTURE_H
#define FZ_TESTS_CHECKPOINT_FIXTURE_H
#include "mpi_folder.h"

#include <dirent.h>
#include <math.h>

#include "core/log.h"
#include "core/state.h"
#include "io/checkpoint.h"
#include "mpi/reduce.h"

enum { IMAGES = 37, COLUMNS = 5, BOX = 12 };

/* A little of everything that an optimizer might keep. */
typedef struct toy {
  int64_t step;
  double value;
  char parameters[200];
  float volume[BOX][BOX][BOX];
  uint8_t flags[7];
  int64_t nothing[1]; /* an array of zero rows */
  ptrdiff_t first, count;
  double pose[IMAGES][COLUMNS]; /* the first `count` rows are this rank's */
  fz_state_list list;
} toy;

static inline toy *toy_create(fz_mpi *comm, bool filled, int version) {
  toy *t = fz_alloc(1, sizeof *t);
  CHECK(t);
  fz_mpi_slice(comm, IMAGES, &t->first, &t->count);
  if (filled) {
    t->step = 1000 + version;
    t->value = -1.5 * version;
    snprintf(t->parameters, sizeof t->parameters, "seed: %d\nsymmetry: C1 \xc3\xa5\n", version);
    for (int i = 0; i < BOX * BOX * BOX; i++) (&t->volume[0][0][0])[i] = sinf((float)(i + version));
    t->volume[1][2][3] = NAN;
    t->volume[0][0][1] = -0.0f;
    for (int i = 0; i < 7; i++) t->flags[i] = (uint8_t)(i * 40 + version);
    for (ptrdiff_t i = 0; i < t->count; i++)
      for (int c = 0; c < COLUMNS; c++) t->pose[i][c] = version + (double)(t->first + i) + 0.01 * c;
  }
  fz_state_list *l = &t->list;
  const int64_t cube[] = {BOX, BOX, BOX}, seven[] = {7}, zero[] = {0}, table[] = {IMAGES, COLUMNS};
  fz_state_add_i64(l, "step", &t->step, "1", "steps done");
  fz_state_add_f64(l, "value", &t->value, "1", "log-likelihood");
  fz_state_add_text(l, "parameters", t->parameters, sizeof t->parameters, "resolved options");
  fz_state_add_array(l, "half1/volume", FZ_STATE_F32, 3, cube, t->volume, "image units", "the map");
  fz_state_add_array(l, "flags", FZ_STATE_U8, 1, seven, t->flags, "1", "flags");
  fz_state_add_array(l, "nothing", FZ_STATE_I64, 1, zero, t->nothing, "1", "an empty array");
  fz_state_add_slice(l, "images/pose", FZ_STATE_F64, 2, table, t->first, t->count, t->pose, "rad", "per image");
  return t;
}

static inline void toy_destroy(toy **t) {
  fz_state_clear(&(*t)->list);
  fz_free(t);
}

static inline bool toy_equal(const toy *a, const toy *b) {
  return a->step == b->step && a->value == b->value && strcmp(a->parameters, b->parameters) == 0 &&
         memcmp(a->volume, b->volume, sizeof a->volume) == 0 && memcmp(a->flags, b->flags, sizeof a->flags) == 0 &&
         a->first == b->first && a->count == b->count && memcmp(a->pose, b->pose, sizeof a->pose) == 0;
}

static inline fz_status write_version(fz_mpi *comm, const mpi_folder *f, int version, fz_error *err) {
  toy *t = toy_create(comm, true, version);
  fz_status st = fz_io_checkpoint_write(comm, f->path, version, &t->list, err);
  toy_destroy(&t);
  return st;
}

/* Which version a resume gets; -1 when there is none. */
static inline int64_t resume(fz_mpi *comm, const mpi_folder *f) {
  fz_io_checkpoint *c;
  fz_error err = {0};
  CHECK(fz_io_checkpoint_open(comm, f->path, &c, &err) == FZ_OK);
  if (!c) return -1;
  int64_t version = fz_io_checkpoint_generation(c);
  toy *got = toy_create(comm, false, 0), *expected = toy_create(comm, true, (int)version);
  CHECK(fz_io_checkpoint_read(comm, c, &got->list, &err) == FZ_OK);
  CHECK(toy_equal(got, expected));
  toy_destroy(&expected);
  toy_destroy(&got);
  fz_io_checkpoint_close(&c);
  return version;
}

static inline int count_files(const mpi_folder *f, const char *prefix) {
  int n = 0;
  DIR *d = opendir(mpi_folder_file(f, "checkpoint"));
  CHECK(d);
  for (struct dirent *e; (e = readdir(d));) n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
  closedir(d);
  return n;
}

static int warnings;
static inline void count_warnings(fz_log_level level, const char *text) {
  warnings += level == FZ_LOG_WARN && text[0];
}

static inline void patch_file(fz_mpi *comm, const mpi_folder *f, const char *name, int64_t offset,
                              int64_t truncate_to) {
  fz_mpi_barrier(comm);
  if (fz_mpi_rank(comm) == 0) {
    unsigned char byte;
    int fd = open(mpi_folder_file(f, name), O_RDWR);
    CHECK(fd >= 0);
    if (truncate_to >= 0) {
      CHECK(ftruncate(fd, truncate_to) == 0);
    } else {
      CHECK(pread(fd, &byte, 1, offset) == 1);
      byte ^= 0x10;
      CHECK(pwrite(fd, &byte, 1, offset) == 1);
    }
    close(fd);
  }
  fz_mpi_barrier(comm);
}

#endif
