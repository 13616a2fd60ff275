/* PETSc's quasi-Newton matrices and conjugate gradients and ScaLAPACK's eigenpairs against definitions, known spectra
 * and the small dense algebra; the same bits on all ranks and for any number of them. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../unit/known_spectrum.h"
#include "../unit/quasi_newton_pairs.h"
#include "mpi/algebra.h"
#include "mpi/eigenpairs.h"
#include "mpi/fault.h"
#include "mpi_test.h"
#include "optim/dense_algebra.h"

static fz_mpi_algebra *algebra_on(fz_mpi *comm, int grid, const fz_algebra **view) {
  fz_mpi_algebra *a;
  CHECK(fz_mpi_algebra_create(comm, grid, &a, NULL) == FZ_OK);
  *view = fz_mpi_algebra_view(a);
  return a;
}

static void check_same_on_all(fz_mpi *comm, const double *x, ptrdiff_t n) {
  double *first = fz_alloc(n, sizeof *first);
  memcpy(first, x, sizeof *x * (size_t)n);
  fz_mpi_broadcast(comm, first, sizeof *x * (size_t)n);
  CHECK(memcmp(first, x, sizeof *x * (size_t)n) == 0);
  fz_free(&first);
}

/* As in tests/unit/test_dense_algebra.c: D has condition 10; 8 pairs, sums of 20 terms: 1e5 eps. */
static const double close_to = 1e5 * 0x1p-52;

static double norm(const double *x) {
  double zero[PAIRS_N] = {0};
  return pairs_distance(x, zero);
}

/* H g by both algebras and by the definition. */
static void compare(fz_mpi *comm, const fz_algebra *a, const quasi_newton_pairs *p, int n_pairs, bool any,
                    fz_quasi_newton *h) {
  const fz_algebra *dense = fz_dense_algebra();
  fz_quasi_newton *other;
  CHECK(dense->quasi_newton_create(NULL, PAIRS_N, PAIRS_MOST, any, &other, NULL) == FZ_OK);
  CHECK(dense->quasi_newton_set(NULL, other, n_pairs, p->s_at, p->y_at, NULL) == FZ_OK);
  CHECK(a->quasi_newton_set(a->self, h, n_pairs, p->s_at, p->y_at, NULL) == FZ_OK);
  for (int initial = 0; initial < 2; initial++)
    for (int k = 0; k < PAIRS_MOST; k++) {
      double out[PAIRS_N], dense_out[PAIRS_N], exact[PAIRS_N];
      fz_linear_map start = initial ? pairs_initial : NULL;
      CHECK(a->quasi_newton_apply(a->self, h, start, NULL, p->y[k], out, NULL) == FZ_OK);
      CHECK(dense->quasi_newton_apply(NULL, other, start, NULL, p->y[k], dense_out, NULL) == FZ_OK);
      CHECK(pairs_distance(out, dense_out) <= close_to * norm(dense_out));
      check_same_on_all(comm, out, PAIRS_N);
      if (k == n_pairs - 1) CHECK(pairs_distance(out, p->s[k]) <= close_to * norm(p->s[k]));
      pairs_by_definition(p, n_pairs, initial, p->y[k], exact);
      CHECK(pairs_distance(out, exact) <= close_to * norm(exact));
    }
  dense->quasi_newton_destroy(NULL, &other);
}

static void quasi_newton_is_the_dense_one(fz_mpi *comm) {
  const fz_algebra *a;
  fz_mpi_algebra *algebra = algebra_on(comm, 1, &a);
  static const int capacity[] = {1, 2, 3, PAIRS_MOST};
  for (int any = 0; any < 2; any++)
    for (int c = 0; c < 4; c++) {
      quasi_newton_pairs p;
      fz_quasi_newton *h;
      pairs_init(&p, any);
      CHECK(a->quasi_newton_create(a->self, PAIRS_N, capacity[c], any, &h, NULL) == FZ_OK);
      for (int n = capacity[c]; n >= 0; n--) compare(comm, a, &p, n, any, h);
      compare(comm, a, &p, capacity[c], any, h); /* fewer pairs before leave nothing behind */
      a->quasi_newton_destroy(a->self, &h);
      CHECK(h == NULL);
    }
  fz_mpi_algebra_destroy(&algebra);
}

/* Sizes: every other pair 1e-10 of its size, which does not change H.  Units: y in units of 1e-14, a curvature that
 * PETSc would take for none. */
static void sizes_and_units_do_no_harm(fz_mpi *comm) {
  const fz_algebra *a;
  fz_mpi_algebra *algebra = algebra_on(comm, 1, &a);
  static const double unit_of_y[] = {1, 1e-14, 1e20};
  for (int u = 0; u < 3; u++)
    for (int small = 0; small < 2; small++) {
      quasi_newton_pairs p;
      fz_quasi_newton *h;
      pairs_init(&p, false);
      for (int k = 0; k < PAIRS_MOST; k++)
        for (int i = 0; i < PAIRS_N; i++) {
          double size = small && k % 2 ? 1e-10 : 1;
          p.s[k][i] *= size;
          p.y[k][i] *= size * unit_of_y[u];
        }
      CHECK(a->quasi_newton_create(a->self, PAIRS_N, PAIRS_MOST, false, &h, NULL) == FZ_OK);
      for (int n = 1; n <= PAIRS_MOST; n++) {
        double out[PAIRS_N];
        CHECK(a->quasi_newton_set(a->self, h, n, p.s_at, p.y_at, NULL) == FZ_OK);
        CHECK(a->quasi_newton_apply(a->self, h, NULL, NULL, p.y[n - 1], out, NULL) == FZ_OK);
        CHECK(pairs_distance(out, p.s[n - 1]) <= close_to * norm(p.s[n - 1]));
        if (u == 0) compare(comm, a, &p, n, false, h);
      }
      a->quasi_newton_destroy(a->self, &h);
    }
  fz_mpi_algebra_destroy(&algebra);
}

static void bad_pairs_are_refused(fz_mpi *comm) {
  const fz_algebra *a;
  fz_mpi_algebra *algebra = algebra_on(comm, 1, &a);
  fz_quasi_newton *h;
  quasi_newton_pairs p, bad;
  double before[PAIRS_N], after[PAIRS_N], nan[PAIRS_N] = {NAN};
  fz_error err;
  pairs_init(&p, false);
  pairs_init(&bad, true); /* the second pair has s.y < 0 */
  CHECK(a->quasi_newton_create(a->self, PAIRS_N, 3, false, &h, NULL) == FZ_OK);
  CHECK(a->quasi_newton_set(a->self, h, 3, p.s_at, p.y_at, NULL) == FZ_OK);
  CHECK(a->quasi_newton_apply(a->self, h, NULL, NULL, p.y[5], before, NULL) == FZ_OK);
  CHECK(a->quasi_newton_set(a->self, h, 2, bad.s_at, bad.y_at, &err) == FZ_EINVAL);
  CHECK(strstr(err.text, "pair 2 of 2") && strstr(err.text, "positive"));
  CHECK(a->quasi_newton_set(a->self, h, 4, p.s_at, p.y_at, &err) == FZ_EINVAL);
  /* what is wrong on one rank alone is told on all */
  if (fz_mpi_rank(comm) == fz_mpi_size(comm) - 1) bad.s[0][3] = NAN;
  CHECK(a->quasi_newton_set(a->self, h, 1, bad.s_at, bad.y_at, &err) == FZ_EDIVERGED);
  CHECK(a->quasi_newton_apply(a->self, h, NULL, NULL, nan, after, &err) == FZ_EDIVERGED);
  CHECK(a->quasi_newton_set(a->self, h, 3, p.s_at, p.y_at, NULL) == FZ_OK);
  known_spectrum start;
  double ones[PAIRS_N];
  for (int i = 0; i < PAIRS_N; i++) ones[i] = 1;
  spectrum_init(&start, PAIRS_N, ones);
  start.fail_at = 0;
  CHECK(a->quasi_newton_apply(a->self, h, spectrum_apply, &start, p.y[5], after, &err) == FZ_ESTOPPED);
  CHECK(strstr(err.text, "product 0 was stopped") && start.calls == 1);
  CHECK(a->quasi_newton_apply(a->self, h, NULL, NULL, p.y[5], after, NULL) == FZ_OK);
  CHECK(memcmp(before, after, sizeof before) == 0);
  a->quasi_newton_destroy(a->self, &h);
  CHECK(a->quasi_newton_create(a->self, 0, 3, false, &h, &err) == FZ_EINVAL && h == NULL);
  CHECK(a->quasi_newton_create(a->self, 3, 0, false, &h, &err) == FZ_EINVAL && h == NULL);
  CHECK(fz_mpi_fault_arm(comm, "algebra:0", NULL) == FZ_OK);
  CHECK(a->quasi_newton_create(a->self, 3, 1, false, &h, &err) == FZ_ENOMEM && h == NULL);
  CHECK(fz_mpi_fault_arm(comm, NULL, NULL) == FZ_OK);
  fz_mpi_algebra_destroy(&algebra);
}

/* pdsyevd, as dsyevd: backward error and orthogonality of some n eps; ten times that. */
static double eigen_tolerance(int n) {
  return 10 * n * 0x1p-52;
}

enum { N = 300 };
static double value[N], vector[N * N], dense_value[N], dense_vector[N * N], falling[N];
static known_spectrum matrix;

static void fill_falling(void) {
  for (int i = 0; i < N; i++) falling[i] = (i % 3 == 1 ? -1 : 1) * pow(0.98, i);
}

static void grids_are_near_squares(fz_mpi *comm) {
  (void)comm;
  static const int expected[][4] = {/* n, ranks, rows, columns */
                                    {1, 1, 1, 1},    {255, 16, 1, 1},  {256, 2, 1, 2},
                                    {256, 3, 1, 3},  {256, 9, 2, 2},   {1000, 6, 2, 3},
                                    {1000, 7, 2, 3}, {1000, 31, 5, 6}, {1000, 1000, 7, 7}};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    int rows, columns;
    fz_mpi_eigen_grid(expected[i][0], expected[i][1], &rows, &columns);
    CHECK(rows == expected[i][2] && columns == expected[i][3]);
  }
}

static void eigenpairs_on_every_grid(fz_mpi *comm) {
  const fz_algebra *dense = fz_dense_algebra();
  fill_falling();
  spectrum_init(&matrix, N, falling);
  CHECK(dense->eigenpairs(NULL, N, spectrum_apply, &matrix, N, dense_value, dense_vector, NULL) == FZ_OK);
  for (int grid = 1; grid <= fz_mpi_size(comm); grid++) {
    const fz_algebra *a;
    fz_mpi_algebra *algebra = algebra_on(comm, grid, &a);
    for (int r = 1; r <= N; r = r == 1 ? 20 : r == 20 ? N : N + 1) {
      matrix.calls = 0;
      memset(vector, 0x5a, sizeof vector);
      CHECK(a->eigenpairs(a->self, N, spectrum_apply, &matrix, r, value, vector, NULL) == FZ_OK);
      CHECK(matrix.calls == N);
      CHECK(spectrum_error(&matrix, r, value, vector) <= eigen_tolerance(N));
      check_same_on_all(comm, value, r);
      check_same_on_all(comm, vector, (ptrdiff_t)r * N);
      for (int k = 0; k < r; k++) {
        double distance = 0, most = 0;
        CHECK(fabs(value[k] - falling[k]) <= eigen_tolerance(N));
        for (int i = 0; i < N; i++) {
          distance += pow(vector[k * N + i] - dense_vector[k * N + i], 2);
          if (fabs(vector[k * N + i]) > fabs(most)) most = vector[k * N + i];
        }
        CHECK(most > 0);
        /* two backward errors over the gap to the next value of the same sign, at least 1 - 0.98^2 of it */
        CHECK(sqrt(distance) <= 2 * eigen_tolerance(N) / (0.0396 * fabs(falling[k])));
      }
    }
    fz_mpi_algebra_destroy(&algebra);
  }
}

static void multiple_values_and_small_matrices(fz_mpi *comm) {
  for (int grid = 1; grid <= fz_mpi_size(comm); grid++) {
    const fz_algebra *a;
    fz_mpi_algebra *algebra = algebra_on(comm, grid, &a);
    double values[N];
    for (int i = 0; i < N; i++) values[i] = i < 40 ? -4 : i < 100 ? 3 : 0.5;
    spectrum_init(&matrix, N, values);
    CHECK(a->eigenpairs(a->self, N, spectrum_apply, &matrix, 100, value, vector, NULL) == FZ_OK);
    CHECK(spectrum_error(&matrix, 100, value, vector) <= eigen_tolerance(N));
    for (int k = 0; k < 100; k++)
      CHECK(spectrum_outside(&matrix, k < 40 ? 0 : 40, k < 40 ? 39 : 99, vector + k * N) <= 4 * eigen_tolerance(N));
    static const int small[] = {1, 2, 31, 33, 127, 257, N};
    for (int i = 0; i < 7; i++) {
      int n = small[i];
      for (int j = 0; j < n; j++) values[j] = 2; /* a multiple of the identity, then nearly nothing, then nothing */
      for (int round = 0; round < 3; round++) {
        spectrum_init(&matrix, n, values);
        CHECK(a->eigenpairs(a->self, n, spectrum_apply, &matrix, n, value, vector, NULL) == FZ_OK);
        for (int j = 0; j < n; j++) CHECK(fabs(value[j] - values[j]) <= eigen_tolerance(n) * fabs(values[j]));
        if (values[0] != 0) CHECK(spectrum_error(&matrix, n, value, vector) <= eigen_tolerance(n));
        for (int j = 0; j < n; j++) values[j] = round == 0 ? 1e-250 : 0;
      }
    }
    fz_mpi_algebra_destroy(&algebra);
  }
}

/* A grid of g in a job of more ranks, and in groups of which each is a smaller job. */
static void bits_depend_on_the_grid_alone(fz_mpi *comm) {
  static double other_value[N], other_vector[N * N];
  int size = fz_mpi_size(comm);
  fill_falling();
  spectrum_init(&matrix, N, falling);
  for (int groups = 2; groups <= size; groups++) {
    fz_mpi *group = fz_mpi_split(comm, groups);
    int smallest = (int)-fz_mpi_report_max(comm, -fz_mpi_size(group));
    for (int grid = 1; grid <= smallest; grid++) {
      CHECK(fz_mpi_eigenpairs(comm, grid, N, spectrum_apply, &matrix, N, value, vector, NULL) == FZ_OK);
      CHECK(fz_mpi_eigenpairs(group, grid, N, spectrum_apply, &matrix, N, other_value, other_vector, NULL) == FZ_OK);
      CHECK(memcmp(value, other_value, sizeof value) == 0);
      CHECK(memcmp(vector, other_vector, sizeof vector) == 0);
    }
    fz_mpi_release(&group);
  }
  if (size == 3) { /* groups of 1 and 2: a grid of two in a job of three and in one of two */
    fz_mpi *group = fz_mpi_split(comm, 2);
    CHECK(fz_mpi_eigenpairs(comm, 2, N, spectrum_apply, &matrix, N, value, vector, NULL) == FZ_OK);
    if (fz_mpi_size(group) == 2) {
      CHECK(fz_mpi_eigenpairs(group, 2, N, spectrum_apply, &matrix, N, other_value, other_vector, NULL) == FZ_OK);
      CHECK(memcmp(vector, other_vector, sizeof vector) == 0);
    }
    fz_mpi_release(&group);
  }
}

static void eigenpairs_refuse(fz_mpi *comm) {
  const fz_algebra *a;
  fz_mpi_algebra *algebra = algebra_on(comm, fz_mpi_size(comm), &a), *none;
  fz_error err;
  fill_falling();
  spectrum_init(&matrix, N, falling);
  CHECK(a->eigenpairs(a->self, N, spectrum_apply, &matrix, 0, value, vector, &err) == FZ_EINVAL);
  CHECK(a->eigenpairs(a->self, N, spectrum_apply, &matrix, N + 1, value, vector, &err) == FZ_EINVAL);
  CHECK(strstr(err.text, "1 to 300"));
  CHECK(a->eigenpairs(a->self, 100000, spectrum_apply, &matrix, 1, value, vector, &err) == FZ_EINVAL);
  CHECK(strstr(err.text, "use more"));
  CHECK(matrix.calls == 0);
  matrix.fail_at = 170; /* on all ranks */
  CHECK(a->eigenpairs(a->self, N, spectrum_apply, &matrix, 2, value, vector, &err) == FZ_ESTOPPED);
  CHECK(strstr(err.text, "product 170 was stopped") && matrix.calls == 171);
  matrix.calls = 0; /* on one, whose map asks nobody else */
  matrix.fail_at = fz_mpi_rank(comm) == fz_mpi_size(comm) - 1 ? 3 : -1;
  CHECK(a->eigenpairs(a->self, N, spectrum_apply, &matrix, 2, value, vector, &err) == FZ_ESTOPPED);
  CHECK(strstr(err.text, "product 3 was stopped"));
  matrix.fail_at = -1;
  matrix.calls = 0;
  matrix.spoil_at = 4;
  CHECK(a->eigenpairs(a->self, N, spectrum_apply, &matrix, 2, value, vector, &err) == FZ_EDIVERGED);
  CHECK(strstr(err.text, "column 5"));
  CHECK(fz_mpi_fault_arm(comm, "eigenpairs:0", NULL) == FZ_OK);
  CHECK(a->eigenpairs(a->self, N, spectrum_apply, &matrix, 2, value, vector, &err) == FZ_ENOMEM);
  CHECK(fz_mpi_fault_arm(comm, NULL, NULL) == FZ_OK);
  CHECK(fz_mpi_algebra_create(comm, fz_mpi_size(comm) + 1, &none, &err) == FZ_EINVAL && none == NULL);
  CHECK(strstr(err.text, "use more ranks"));
  CHECK(fz_mpi_algebra_create(comm, 0, &none, &err) == FZ_EINVAL && none == NULL);
  fz_mpi_algebra_destroy(&algebra);
}

/* b = A x*, values 1 .. 100: |x - x*| <= |A^-1||r|. */
static void conjugate_gradients_solve(fz_mpi *comm) {
  const fz_algebra *a;
  fz_mpi_algebra *algebra = algebra_on(comm, 1, &a);
  enum { M = 50 };
  double values[M], b[M], exact[M], x[M] = {0}, size = 0, error = 0;
  for (int i = 0; i < M; i++) {
    values[i] = 1 + 99.0 * i / (M - 1);
    exact[i] = cos(i);
  }
  spectrum_init(&matrix, M, values);
  spectrum_apply(&matrix, exact, b, NULL);
  for (int i = 0; i < M; i++) size += b[i] * b[i];
  CHECK(a->conjugate_gradients(a->self, M, spectrum_apply, &matrix, b, 3 * M, 1e-12, x, NULL) == FZ_OK);
  for (int i = 0; i < M; i++) error += pow(x[i] - exact[i], 2);
  CHECK(sqrt(error) <= 2e-12 * sqrt(size));
  check_same_on_all(comm, x, M);
  matrix.calls = 0;
  CHECK(a->conjugate_gradients(a->self, M, spectrum_apply, &matrix, b, 3 * M, 1e-10, x, NULL) == FZ_OK);
  CHECK(matrix.calls == 1);
  double few[2][M] = {{0}}; /* stopped early the two algebras have gone the same way */
  CHECK(a->conjugate_gradients(a->self, M, spectrum_apply, &matrix, b, 5, 1e-12, few[0], NULL) == FZ_OK);
  CHECK(fz_dense_algebra()->conjugate_gradients(NULL, M, spectrum_apply, &matrix, b, 5, 1e-12, few[1], NULL) == FZ_OK);
  for (int i = 0; i < M; i++) CHECK(fabs(few[0][i] - few[1][i]) <= 1e-10);
  CHECK(a->conjugate_gradients(a->self, M, spectrum_apply, &matrix, b, 0, 1e-12, x, NULL) == FZ_OK);
  memset(b, 0, sizeof b);
  CHECK(a->conjugate_gradients(a->self, M, spectrum_apply, &matrix, b, 3, 1e-12, x, NULL) == FZ_OK);
  for (int i = 0; i < M; i++) CHECK(x[i] == 0);
  fz_mpi_algebra_destroy(&algebra);
}

static void conjugate_gradients_tell_what_is_wrong(fz_mpi *comm) {
  const fz_algebra *a;
  fz_mpi_algebra *algebra = algebra_on(comm, 1, &a);
  enum { M = 40 };
  double values[M], b[M], x[M], nan[M] = {NAN};
  fz_error err;
  for (int sign = 0; sign < 2; sign++) { /* one negative value, and all of them */
    for (int i = 0; i < M; i++) {
      values[i] = sign ? -1 - i : i == 0 ? -0.05 : 1 + i;
      b[i] = 1;
      x[i] = 0;
    }
    spectrum_init(&matrix, M, values);
    CHECK(a->conjugate_gradients(a->self, M, spectrum_apply, &matrix, b, 200, 1e-12, x, &err) == FZ_EDIVERGED);
    CHECK(strstr(err.text, "positive definite"));
    for (int i = 0; i < M; i++) CHECK(isfinite(x[i]) && (!sign || x[i] == 0));
  }
  for (int i = 0; i < M; i++) values[i] = 1 + i;
  spectrum_init(&matrix, M, values);
  CHECK(a->conjugate_gradients(a->self, M, spectrum_apply, &matrix, nan, 200, 1e-12, x, &err) == FZ_EDIVERGED);
  for (int at = 0; at < 4; at++) {
    spectrum_init(&matrix, M, values);
    memset(x, 0, sizeof x);
    matrix.spoil_at = at;
    CHECK(a->conjugate_gradients(a->self, M, spectrum_apply, &matrix, b, 200, 1e-12, x, &err) == FZ_EDIVERGED);
    CHECK(strstr(err.text, "not finite"));
    for (int i = 0; i < M; i++) CHECK(isfinite(x[i]));
    spectrum_init(&matrix, M, values);
    matrix.fail_at = at;
    CHECK(a->conjugate_gradients(a->self, M, spectrum_apply, &matrix, b, 200, 1e-12, x, &err) == FZ_ESTOPPED);
    CHECK(strstr(err.text, "was stopped") && matrix.calls == at + 1);
  }
  fz_mpi_algebra_destroy(&algebra);
}

int main(int argc, char **argv) {
  static void (*const tests[])(fz_mpi *) = {quasi_newton_is_the_dense_one,
                                            sizes_and_units_do_no_harm,
                                            bad_pairs_are_refused,
                                            grids_are_near_squares,
                                            eigenpairs_on_every_grid,
                                            multiple_values_and_small_matrices,
                                            bits_depend_on_the_grid_alone,
                                            eigenpairs_refuse,
                                            conjugate_gradients_solve,
                                            conjugate_gradients_tell_what_is_wrong,
                                            NULL};
  return mpi_test_main(argc, argv, tests);
}
