/* The process grid: how many rows, who is in which, and what a row exchanges. */
#include "mpi/grid.h"

#include <string.h>

#include "mpi/reduce.h"
#include "mpi_test.h"

static void few_tiles_are_shared(fz_mpi *comm) {
  (void)comm;
  CHECK(fz_mpi_grid_rows(1, 1, 1, 8) == 1);
  CHECK(fz_mpi_grid_rows(4, 1, 1000, 8) == 4); /* a pass: every rank on its own */
  CHECK(fz_mpi_grid_rows(8, 1, 4, 8) == 4);    /* two ranks to a tile */
  CHECK(fz_mpi_grid_rows(8, 1, 1, 8) == 1);    /* all on one */
  CHECK(fz_mpi_grid_rows(64, 1, 1, 8) == 8);   /* there is work for eight only */
  CHECK(fz_mpi_grid_rows(60, 1, 1, 6) == 10);  /* or for six */
  CHECK(fz_mpi_grid_rows(64, 1, 16, 8) == 16);
  CHECK(fz_mpi_grid_rows(2, 1, 3, 8) == 1); /* a tile by oneself while the other waits takes longer */
  CHECK(fz_mpi_grid_rows(2, 1, 7, 8) == 2); /* not worth it */
  CHECK(fz_mpi_grid_rows(2, 8, 2, 8) == 2); /* the threads share it */
  CHECK(fz_mpi_grid_rows(100000, 64, 3000000, 8) == 100000);
  for (int ranks = 1; ranks <= 40; ranks++)
    for (int tiles = 1; tiles <= 40; tiles++) {
      int rows = fz_mpi_grid_rows(ranks, 1, tiles, 8);
      CHECK(rows >= 1 && rows <= ranks && (ranks + rows - 1) / rows <= 8);
    }
}

static void every_rank_is_in_one_row(fz_mpi *comm) {
  int size = fz_mpi_size(comm), rank = fz_mpi_rank(comm);
  fz_mpi_grid *grid = fz_mpi_grid_create(comm, 1 + rank);
  for (int pass = 0; pass < 2; pass++) /* the second finds kept rows */
    for (int columns = 1; columns <= 8; columns++) {
      enum { BLOCKS = 6, RECORD = 3 };
      fz_mpi_grid_set_columns(grid, columns);
      fz_mpi_row row = fz_mpi_grid_arrange(grid, 100, BLOCKS);
      int rows = (size + columns - 1) / columns, mates = fz_mpi_size(row.comm);
      if (columns > BLOCKS) rows = (size + BLOCKS - 1) / BLOCKS;
      CHECK(mates == size / rows || mates == size / rows + 1);
      CHECK(row.n_blocks >= 1 && row.lanes >= 1 && row.lanes <= 1 + rank &&
            rank - fz_mpi_rank(row.comm) + 1 >= row.lanes);
      int64_t leaders = fz_mpi_rank(row.comm) == 0;
      fz_mpi_sum_i64(comm, &leaders, 1);
      CHECK(leaders == rows);
      int table[BLOCKS][RECORD] = {{0}}, copy[BLOCKS][RECORD];
      for (int b = row.first_block; b < row.first_block + row.n_blocks; b++)
        for (int i = 0; i < RECORD; i++) table[b][i] = 100 * b + i;
      memcpy(copy, table, sizeof copy);
      fz_mpi_row_share(&row, table, sizeof table[0], BLOCKS);
      fz_mpi_row_collect(&row, copy, sizeof copy[0], BLOCKS);
      for (int b = 0; b < BLOCKS; b++)
        for (int i = 0; i < RECORD; i++) {
          CHECK(table[b][i] == 100 * b + i);
          if (fz_mpi_rank(row.comm) == 0) CHECK(copy[b][i] == 100 * b + i);
        }
    }
  fz_mpi_grid_set_columns(grid, 1);
  CHECK(fz_mpi_grid_arrange(grid, size, 8).lanes == 1); /* no row takes two while another has none */
  fz_mpi_grid_destroy(&grid);
}

static void errors_in_a_row_name_the_rank_of_the_job(fz_mpi *comm) {
  int size = fz_mpi_size(comm), rank = fz_mpi_rank(comm);
  fz_mpi *half = fz_mpi_split(comm, (size + 1) / 2);
  fz_error err = {0};
  int last = rank - fz_mpi_rank(half) + fz_mpi_size(half) - 1;
  fz_status st = fz_mpi_agree(half, rank == last ? fz_fail(&err, FZ_EIO, "lost") : FZ_OK, &err);
  char expected[40];
  snprintf(expected, sizeof expected, fz_mpi_size(half) > 1 ? "lost (rank %d)" : "lost", last);
  CHECK(st == FZ_EIO && strcmp(err.text, expected) == 0);
  fz_mpi_release(&half);
}

int main(int argc, char **argv) {
  void (*const tests[])(fz_mpi *) = {few_tiles_are_shared, every_rank_is_in_one_row,
                                     errors_in_a_row_name_the_rank_of_the_job, NULL};
  return mpi_test_main(argc, argv, tests);
}
