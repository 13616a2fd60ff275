/* A step that is left between any two tiles, and taken up again with what was kept of it, gives the bits of a step that
 * was not. */
#include "mpi/journal.h"
#include "objective_fixture.h"
#include "optim/optimizer.h"

enum { EVALUATIONS = 3 };

/* Each evaluation at another place; the last one over every other tile. */
static fz_status take_step(fixture *x, int64_t *const words[EVALUATIONS], fz_error *err) {
  int64_t some[N], n = 0;
  for (int64_t t = 0; t < x->f->n_tiles; t += 2) some[n++] = t;
  double *w = fz_alloc(x->f->dim, sizeof *w);
  fz_status st = FZ_OK;
  for (int e = 0; e < EVALUATIONS && st == FZ_OK; e++) {
    bool last = e == EVALUATIONS - 1;
    for (ptrdiff_t i = 0; i < x->f->dim; i++) w[i] = (e + 1) * x->w[i];
    st = x->f->evaluate(x->f->self, w, last ? some : x->tile, last ? n : x->f->n_tiles, words[e], err);
  }
  fz_free(&w);
  return st;
}

static void make_words(const fixture *x, int64_t *words[EVALUATIONS]) {
  for (int e = 0; e < EVALUATIONS; e++) words[e] = fz_alloc(x->f->n_words, sizeof **words);
}

/* Through what a checkpoint would hold. */
static fz_mpi_journal *write_down_and_read(fz_mpi *comm, fz_mpi_journal *j) {
  fz_error err;
  fz_mpi_journal *copy = fz_mpi_journal_create(comm);
  fz_state_list from = {0}, to = {0};
  fz_mpi_journal_scalars(j, &from);
  fz_mpi_journal_scalars(copy, &to);
  for (int i = 0; i < from.n; i++) memcpy(to.item[i].data, from.item[i].data, sizeof(int64_t));
  CHECK(fz_mpi_journal_restore(copy, &err) == FZ_OK);
  fz_mpi_journal_arrays(j, &from);
  fz_mpi_journal_arrays(copy, &to);
  CHECK(from.n == to.n && !from.out_of_memory && !to.out_of_memory);
  for (int i = 0; i < from.n; i++) {
    CHECK(strcmp(from.item[i].name, to.item[i].name) == 0 && from.item[i].count == to.item[i].count);
    if (from.item[i].distributed)
      memcpy(to.item[i].data, from.item[i].data, sizeof(int64_t) * (size_t)from.item[i].count);
  }
  fz_state_clear(&from);
  fz_state_clear(&to);
  fz_mpi_journal_destroy(&j);
  return copy;
}

typedef struct asked {
  int64_t times, pause_at;
} asked;

static fz_mpi_request ask(void *context) {
  asked *a = context;
  return a->times++ == a->pause_at ? FZ_PAUSE : FZ_GO_ON;
}

static void a_step_is_taken_up_where_it_was_left(fz_mpi *comm) {
  fixture whole, parts;
  fz_error err;
  int64_t *expected[EVALUATIONS], *words[EVALUATIONS];
  build(comm, &whole);
  make_words(&whole, expected);
  CHECK(take_step(&whole, expected, &err) == FZ_OK);
  /* Ranks that pause early, late, or never. */
  for (int64_t pause_at = 0; pause_at < 3; pause_at++) {
    build(comm, &parts);
    make_words(&parts, words);
    fz_mpi_journal *journal = fz_mpi_journal_create(comm);
    fz_status st = FZ_ESTOPPED;
    int left = 0;
    for (; st == FZ_ESTOPPED; left++) {
      asked a = {.pause_at = pause_at + fz_mpi_rank(comm)};
      CHECK(left < 10 * N);
      fz_mpi_objective_on_round(parts.objective, (fz_mpi_pause){ask, &a}, journal);
      fz_mpi_objective_set_pose_blocks(parts.objective, left % 3);
      fz_mpi_journal_rewind(journal);
      st = take_step(&parts, words, &err);
      if (st == FZ_ESTOPPED) journal = write_down_and_read(comm, journal);
    }
    CHECK(st == FZ_OK && (left > EVALUATIONS || pause_at > 0));
    for (int e = 0; e < EVALUATIONS; e++)
      CHECK(memcmp(expected[e], words[e], sizeof **words * (size_t)whole.f->n_words) == 0);
    CHECK(memcmp(whole.data.state, parts.data.state, sizeof *whole.data.state * N) == 0);
    CHECK(fz_mpi_journal_evaluations(journal) == EVALUATIONS && fz_mpi_journal_tiles(journal) == 0);
    fz_mpi_journal_forget(journal);
    CHECK(fz_mpi_journal_evaluations(journal) == 0);
    fz_mpi_journal_destroy(&journal);
    for (int e = 0; e < EVALUATIONS; e++) fz_free(&words[e]);
    drop(&parts);
  }
  for (int e = 0; e < EVALUATIONS; e++) fz_free(&expected[e]);
  drop(&whole);
}

static void open_optimizer(fz_mpi *comm, const fz_optimizer_kind *kind, fixture *x, fz_optimizer **o) {
  fz_error err;
  fz_optimizer_options options = fz_optimizer_options_default();
  options.batch_images = 24;
  options.memory = 3;
  options.eigenpairs = 2;
  build_classes(comm, x, 1, 2);
  CHECK(fz_optimizer_create(kind, x->f, &options, x->w, o, &err) == FZ_OK);
}

enum { STEPS = 2, ROUNDS = 12 };

/* None of them had to learn of it.  Several ranks take some of them: it is the same for all. */
static void every_optimizer_can_be_left(fz_mpi *comm) {
  const fz_optimizer_kind *kind;
  fz_error err;
  for (int k = 0; (kind = fz_optimizer_at(k)); k++) {
    fixture whole, parts;
    fz_optimizer *a, *b;
    int left = 0, ranks = fz_mpi_size(comm);
    if (ranks > 1 && k % 5 != ranks) continue;
    open_optimizer(comm, kind, &whole, &a);
    open_optimizer(comm, kind, &parts, &b);
    fz_mpi_journal *journal = fz_mpi_journal_create(comm);
    for (int step = 0; step < STEPS; step++) {
      fz_status st = FZ_ESTOPPED;
      fz_status expected = fz_optimizer_step(a, &err);
      while (st == FZ_ESTOPPED) {
        asked s = {.pause_at = left % 2 ? ROUNDS : 0};
        fz_mpi_objective_on_round(parts.objective, (fz_mpi_pause){ask, &s}, journal);
        fz_mpi_journal_rewind(journal);
        st = fz_optimizer_step(b, &err);
        left += st == FZ_ESTOPPED;
      }
      fz_mpi_journal_forget(journal);
      CHECK(st == expected && memcmp(a->w, b->w, sizeof *a->w * (size_t)whole.f->dim) == 0);
      CHECK(memcmp(whole.data.state, parts.data.state, sizeof *whole.data.state * N) == 0);
      CHECK(a->visited == b->visited && a->gain == b->gain);
      if (st != FZ_OK) break; /* diverged, both */
    }
    if (left == 0) fprintf(stderr, "%s was never left\n", kind->name);
    CHECK(left > 0);
    fz_mpi_journal_destroy(&journal);
    fz_optimizer_destroy(&a);
    fz_optimizer_destroy(&b);
    drop(&whole);
    drop(&parts);
  }
}

static fz_mpi_request stop(void *context) {
  (void)context;
  return FZ_STOP;
}

/* Where it is allowed, a stop that one rank hears ends an M-step on all. */
static void an_mstep_can_be_stopped(fz_mpi *comm) {
  fixture x;
  fz_error err;
  build(comm, &x);
  int last = fz_mpi_size(comm) - 1;
  value(&x);
  x.f->moments(x.f->self, x.words, x.moments);
  if (fz_mpi_rank(comm) == last) fz_mpi_objective_on_round(x.objective, (fz_mpi_pause){stop, NULL}, NULL);
  CHECK(x.f->maximize(x.f->self, x.moments, N, 20, x.w, &err) == FZ_OK);
  for (ptrdiff_t i = 0; i < x.f->dim; i++) x.w[i] = 0;
  fz_mpi_objective_stop_in_mstep(x.objective, true);
  CHECK(x.f->maximize(x.f->self, x.moments, N, 20, x.w, &err) == FZ_ESTOPPED);
  fz_mpi_objective_stop_in_mstep(x.objective, false);
  fz_mpi_objective_on_round(x.objective, (fz_mpi_pause){0}, NULL);
  CHECK(x.f->maximize(x.f->self, x.moments, N, 20, x.w, &err) == FZ_OK);
  value(&x);
  drop(&x);
}

int main(int argc, char **argv) {
  void (*const tests[])(fz_mpi *) = {a_step_is_taken_up_where_it_was_left, every_optimizer_can_be_left,
                                     an_mstep_can_be_stopped, NULL};
  return mpi_test_main(argc, argv, tests);
}
