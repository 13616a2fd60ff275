/* Exact exchange: the results are known in closed form and must not depend on the number of ranks. */
#include <string.h>

#include "core/random.h"
#include "mpi/reduce.h"
#include "mpi_test.h"

enum { TERMS = 24 };
static const ptrdiff_t sizes[] = {0, 1, 2, 3, 5, 1000, (1 << 22) + 77}; /* the last needs several pieces */
enum { N_SIZES = sizeof sizes / sizeof sizes[0] };

/* Term `term` of element i: anything reproducible of both signs that uses most of the bits. */
static int64_t term_of(int term, ptrdiff_t i) {
  uint64_t x = ((uint64_t)i + 1) * 0x9E3779B97F4A7C15u + (uint64_t)term * 0xD1B54A32D192ED03u;
  x ^= x >> 29;
  x *= 0xBF58476D1CE4E5B9u;
  return (int64_t)x >> 8;
}

/* The terms are dealt out to the ranks like cards, so their total is that of one rank. */
static int64_t *partial_sums(fz_mpi *comm, ptrdiff_t n, int64_t *total) {
  int64_t *x = fz_alloc(n, sizeof *x);
  CHECK(x);
  memset(total, 0, (size_t)n * sizeof *total);
  for (int t = 0; t < TERMS; t++)
    for (ptrdiff_t i = 0; i < n; i++) {
      total[i] += term_of(t, i);
      if (t % fz_mpi_size(comm) == fz_mpi_rank(comm)) x[i] += term_of(t, i);
    }
  return x;
}

static void slices_tile_the_range(fz_mpi *comm) {
  for (ptrdiff_t n = 0; n < 40; n++) {
    ptrdiff_t first, count;
    fz_mpi_slice(comm, n, &first, &count);
    int64_t owner[40] = {0}, ends = first + count;
    CHECK(count >= n / fz_mpi_size(comm) && count <= n / fz_mpi_size(comm) + 1 && ends <= n);
    for (ptrdiff_t i = first; i < ends; i++) owner[i] = 1;
    fz_mpi_sum_i64(comm, owner, n);
    for (ptrdiff_t i = 0; i < n; i++) CHECK(owner[i] == 1);
  }
}

static void sums_are_exact(fz_mpi *comm) {
  for (int s = 0; s < N_SIZES; s++) {
    ptrdiff_t n = sizes[s], first, count;
    int64_t *total = fz_alloc(n, sizeof *total), *x = partial_sums(comm, n, total);
    fz_mpi_slice(comm, n, &first, &count);
    int64_t *slice = fz_alloc(count + 1, sizeof *slice), *full = fz_alloc(n, sizeof *full);
    slice[count] = 12345; /* a guard */
    CHECK(fz_mpi_reduce_scatter_i64(comm, x, n, slice, NULL) == FZ_OK);
    CHECK(memcmp(slice, total + first, (size_t)count * sizeof *slice) == 0 && slice[count] == 12345);
    CHECK(fz_mpi_allgather_i64(comm, slice, n, full, NULL) == FZ_OK);
    CHECK(memcmp(full, total, (size_t)n * sizeof *full) == 0);
    fz_mpi_sum_i64(comm, x, n);
    CHECK(memcmp(x, total, (size_t)n * sizeof *x) == 0);
    fz_free(&full);
    fz_free(&slice);
    fz_free(&x);
    fz_free(&total);
  }
}

/* Rank r of `size` sends `scale` * r bytes (so rank 0 sends none), or rank 0 alone sends. */
static void bytes_arrive_in_rank_order(fz_mpi *comm) {
  int size = fz_mpi_size(comm), rank = fz_mpi_rank(comm);
  const int64_t scales[] = {0, 1, 1000, 9 << 20}; /* the last takes the road for large totals */
  for (int k = 0; k < 4; k++) {
    int64_t n_mine = scales[k] * (rank + 1), n_all, at = 0;
    char *mine = fz_alloc(n_mine, 1);
    void *all;
    for (int64_t i = 0; i < n_mine; i++) mine[i] = (char)(i * 7 + rank);
    CHECK(fz_mpi_allgather_bytes(comm, mine, n_mine, &all, &n_all, NULL) == FZ_OK);
    CHECK(n_all == scales[k] * size * (size + 1) / 2);
    for (int r = 0; r < size; r++)
      for (int64_t i = 0; i < scales[k] * (r + 1); i++) CHECK(((char *)all)[at++] == (char)(i * 7 + r));
    fz_free(&all);
    fz_free(&mine);
  }
}

typedef struct record {
  int64_t image;
  float pose[5];
  char mark[9];
} record;

static void set_record(record *r, int64_t image, int version) {
  memset(r, version, sizeof *r);
  r->image = image * 1000 + version;
}

/* Owners are drawn at random; about a third of the records belongs to nobody and must stay as it was. */
static void tables_become_equal(fz_mpi *comm, int64_t n, bool only_last_rank) {
  int size = fz_mpi_size(comm), rank = fz_mpi_rank(comm);
  fz_random r = fz_random_stream(11, FZ_PURPOSE_TEST, 0, (uint64_t)n);
  record *table = fz_alloc(n, sizeof *table), expected;
  int64_t *mine = fz_alloc(n, sizeof *mine), *owner = fz_alloc(n, sizeof *owner), n_mine = 0;
  for (int64_t i = 0; i < n; i++) {
    owner[i] = only_last_rank ? size - 1 : fz_random_below(&r, size + size / 2 + 1);
    set_record(&table[i], i, owner[i] == rank ? 2 : 1);
    if (owner[i] == rank) mine[n_mine++] = i;
  }
  CHECK(fz_mpi_merge_records(comm, table, sizeof *table, n, mine, n_mine, NULL) == FZ_OK);
  for (int64_t i = 0; i < n; i++) {
    set_record(&expected, i, owner[i] < size ? 2 : 1);
    CHECK(memcmp(&table[i], &expected, sizeof expected) == 0);
  }
  fz_free(&owner);
  fz_free(&mine);
  fz_free(&table);
}

static void records_are_merged(fz_mpi *comm) {
  const int64_t counts[] = {0, 1, 2, 50, 400000}; /* the last takes several rounds */
  for (int k = 0; k < 5; k++)
    for (int skewed = 0; skewed < 2; skewed++) tables_become_equal(comm, counts[k], skewed);
}

int main(int argc, char **argv) {
  static void (*const tests[])(fz_mpi *) = {slices_tile_the_range, sums_are_exact, bytes_arrive_in_rank_order,
                                            records_are_merged, NULL};
  return mpi_test_main(argc, argv, tests);
}
