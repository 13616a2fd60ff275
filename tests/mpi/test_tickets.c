/* Tickets: each goes out exactly once, whatever the pace of the ranks. */
#include <time.h>

#include "mpi/reduce.h"
#include "mpi/tickets.h"
#include "mpi_test.h"

static void work(long microseconds) {
  struct timespec pause = {.tv_nsec = microseconds * 1000};
  nanosleep(&pause, NULL);
}

/* Take until none is left, `at_once` tickets each time; seen[i] counts this rank's receipts of ticket i. */
static void take_all(fz_mpi *comm, fz_mpi_tickets *t, int at_once, int64_t n, int64_t *seen) {
  int64_t first;
  for (int got; (got = fz_mpi_tickets_take_many(t, at_once, &first)) > 0;) {
    CHECK(got <= at_once && first >= 0 && first + got <= n);
    for (int i = 0; i < got; i++) seen[first + i]++;
    work(50 * fz_mpi_rank(comm) + (first % 7 == 0 ? 300 : 0));
  }
  CHECK(first == -1);
}

static void each_ticket_goes_out_once(fz_mpi *comm) {
  fz_mpi_tickets *t = fz_mpi_tickets_create(comm);
  CHECK(fz_mpi_tickets_take(t) == -1); /* not open yet */
  const int64_t sizes[] = {1, 500, 0, 3, 64};
  for (int batch = 0; batch < 5; batch++)
    for (int at_once = 1; at_once <= 5; at_once += 2) {
      int64_t n = sizes[batch], *seen = fz_alloc(n, sizeof *seen);
      fz_mpi_tickets_open(t, n);
      take_all(comm, t, at_once, n, seen);
      CHECK(fz_mpi_tickets_take(t) == -1);
      fz_mpi_sum_i64(comm, seen, n);
      for (int64_t i = 0; i < n; i++) CHECK(seen[i] == 1);
      CHECK(fz_mpi_tickets_granted(t) == n);
      fz_free(&seen);
    }
  fz_mpi_tickets_destroy(&t);
  CHECK(t == NULL);
  fz_mpi_tickets_destroy(&t);
}

/* Any one rank, or all at once, may close; what was granted is a prefix. */
static void closing_stops_everybody(fz_mpi *comm) {
  enum { N = 100000 };
  int size = fz_mpi_size(comm), rank = fz_mpi_rank(comm);
  fz_mpi_tickets *t = fz_mpi_tickets_create(comm);
  int64_t *seen = fz_alloc(N, sizeof *seen);
  for (int closer = 0; closer <= size; closer++) {
    for (int i = 0; i < N; i++) seen[i] = 0;
    fz_mpi_tickets_open(t, N);
    int taken = 0;
    for (int64_t ticket; (ticket = fz_mpi_tickets_take(t)) >= 0; taken++) {
      seen[ticket]++;
      work(20);
      fz_mpi_tickets_poke(t);
      if (taken == 5 && (rank == closer || closer == size)) {
        fz_mpi_tickets_close(t);
        fz_mpi_tickets_close(t);
      }
    }
    int64_t granted = fz_mpi_tickets_granted(t);
    CHECK(granted >= 6 && granted < N);
    fz_mpi_sum_i64(comm, seen, N);
    for (int i = 0; i < N; i++) CHECK(seen[i] == (i < granted));
  }
  fz_free(&seen);
  fz_mpi_tickets_destroy(&t);
}

int main(int argc, char **argv) {
  static void (*const tests[])(fz_mpi *) = {each_ticket_goes_out_once, closing_stops_everybody, NULL};
  return mpi_test_main(argc, argv, tests);
}
