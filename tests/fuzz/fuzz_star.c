/* STAR documents: read with and without collecting what is wrong, written, and read back with as many rows. */
#include <string.h>

#include "fuzz.h"
#include "io/star.h"

static int64_t count_rows(fz_io_star *star) {
  int64_t rows = 0;
  for (int t = 0; t < fz_io_star_table_count(star); t++) rows += fz_io_star_rows(fz_io_star_table_at(star, t));
  return rows;
}

static void touch_cells(fz_io_star *star) {
  for (int t = 0; t < fz_io_star_table_count(star); t++) {
    fz_io_star_table *table = fz_io_star_table_at(star, t);
    int columns = fz_io_star_columns(table);
    fz_io_star_cell *cell = fz_alloc(columns, sizeof *cell);
    for (int64_t r = 0; r < fz_io_star_rows(table) && columns > 0; r++) {
      double value;
      fz_io_star_row(table, r, cell);
      for (int c = 0; c < columns; c++) fz_io_star_number(cell[c], &value);
    }
    fz_free(&cell);
  }
}

/* What was read can be written, and then has the same rows. */
static void write_back(fz_io_star *star) {
  char path[64];
  fz_error err = {0};
  fz_io_star *again;
  snprintf(path, sizeof path, "/dev/shm/fuzz_star.%d", (int)getpid());
  if (fz_io_star_write(star, path, NULL, NULL, NULL, 0, &err) != FZ_OK) abort();
  if (fz_io_star_read(path, &again, &err) != FZ_OK || count_rows(again) != count_rows(star)) {
    fprintf(stderr, "written, but not read back: %s\n", err.text);
    abort();
  }
  fz_io_star_destroy(&again);
  unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  fuzz_file file = fuzz_open(bytes, n);
  fz_error err = {0};
  fz_io_star *star;
  fz_io_findings *all = fz_io_findings_create(false);
  fz_status st = fz_io_star_read_noting(file.path, all, &star, &err);
  bool good = st == FZ_OK && fz_io_findings_count(all, FZ_FINDING_ERROR) == 0;
  if (st == FZ_OK) touch_cells(star);
  fz_io_star_destroy(&star);
  fz_io_findings_destroy(&all);
  st = fz_io_star_read(file.path, &star, &err);
  if (good != (st == FZ_OK)) abort(); /* both ways of reading agree about what is wrong */
  if (st == FZ_OK) write_back(star);
  fz_io_star_destroy(&star);
  fuzz_close(&file, st, &err);
  return 0;
}
